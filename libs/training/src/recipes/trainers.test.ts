import { describe, expect, it } from 'vitest';
import { lossNames } from '../losses/catalogue.ts';
import { rotationPlan } from '../sampling/initial-patch.ts';
import type { TrainingSettings } from './training-settings.ts';
import { trainerNamed, trainerNames } from './trainers.ts';

describe('trainerNamed', () => {
  it('counts epochs, with and without mirroring', () => {
    expect(trainerNamed('nnUNetTrainer_50epochs')).toEqual({ epochs: 50 });
    expect(trainerNamed('nnUNetTrainer_1epoch')?.epochs).toBe(1);
    expect(trainerNamed('nnUNetTrainer_250epochs_NoMirroring')?.mirror?.([0, 1, 2], 3)).toEqual([]);
    expect(trainerNamed('nnUNetTrainer_0epochs')).toBeUndefined();
  });

  it('mirrors only the first axes of a patch, counted as [z, y, x]', () => {
    const { mirror } = trainerNamed('nnUNetTrainer_onlyMirror01')!;
    expect(mirror!([0, 1, 2], 3)).toEqual([0, 1]);
    expect(mirror!([1, 2], 3)).toEqual([1]);
    expect(mirror!([1, 2], 2)).toEqual([1]);
  });

  it('oversamples by chance as often as the reference does by position', () => {
    const { settings } = trainerNamed('nnUNetTrainer_probabilisticOversampling')!;
    const recipe = (batchSize: number): TrainingSettings => ({ batchSize, foregroundShare: 0.33 }) as TrainingSettings;
    const share = (batchSize: number): unknown => (settings as (one: TrainingSettings) => object)(recipe(batchSize));
    expect(share(2)).toEqual({ foregroundBy: 'chance', foregroundShare: 0.5 });
    expect(share(3)).toEqual({ foregroundBy: 'chance', foregroundShare: 1 / 3 });
  });

  it('samples the nearest voxels, and turns thin patches in space, where a trainer says so', () => {
    expect(trainerNamed('nnUNetTrainerDAOrd0')!.settings).toEqual({ nearest: 'images and labels' });
    expect(trainerNamed('nnUNetTrainer_noDummy2DDA')!.settings).toEqual({ dummy2d: false });
    expect(rotationPlan([4, 32, 32])).toMatchObject({ dummy2d: true, angles: [Math.PI, 0, 0] });
    const { dummy2d, angles, initialPatch } = rotationPlan([4, 32, 32], false);
    expect(dummy2d).toBe(false);
    expect(Math.min(...angles)).toBeGreaterThan(0.5);
    expect(initialPatch[0]).toBeGreaterThan(16);
    expect(trainerNamed('nnUNetTrainerBN')!.normalization).toBe('batch');
  });

  it('names only losses there are', () => {
    const labels = { hasRegions: false } as Parameters<typeof lossNames>[0];
    for (const name of trainerNames) {
      const settings = trainerNamed(name)?.settings;
      const loss = typeof settings === 'function' ? undefined : settings?.loss;
      if (loss !== undefined) expect(lossNames(labels)).toContain(loss);
    }
    expect(trainerNamed('toString')).toBeUndefined();
  });
});
