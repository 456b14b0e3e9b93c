import { readFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { decodeTorch, encodeSafetensors, encodeTorch, torchArrays, Tuple, type TorchWritable } from '@voxelwise/io';
import { plansFrom, type DatasetJson } from '@voxelwise/planner';
import { parsePythonJson } from '@voxelwise/volume';
import { ModelError } from '../errors.ts';
import { directoryFolder } from '../node/directory-folder.ts';
import { loadModel } from './load-model.ts';
import { memoryFolder } from './model-folder.ts';
import { encodeNnunetCheckpoint } from './nnunet-checkpoint.ts';

const root = fileURLToPath(new URL('../../fixtures/predict/models/', import.meta.url));
const text = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const files = (name: string): Map<string, Uint8Array> =>
  new Map(
    ['plans.json', 'dataset.json', 'fold_0/checkpoint_final.pth'].map((path) => [
      path,
      new Uint8Array(readFileSync(`${root}${name}/${path}`)),
    ]),
  );

describe('loadModel', () => {
  it('takes every fold there is, or those asked for', async () => {
    const folder = directoryFolder(`${root}Hippo6_3d_fullres`);
    const all = await loadModel(folder, { configuration: '3d_fullres' });
    expect(all.folds.map((fold) => fold.name)).toEqual(['0', '1']);
    expect(all.mirrorAxes).toEqual([0, 1, 2]);
    const one = await loadModel(folder, { configuration: '3d_fullres', folds: [1] });
    expect(one.folds.map((fold) => fold.name)).toEqual(['1']);
  });

  it('finds the configuration in the checkpoint, and counts axes of slices from z', async () => {
    const model = await loadModel(directoryFolder(`${root}Hippo6_2d`));
    expect(model.plan.name).toBe('2d');
    expect(model.mirrorAxes).toEqual([1, 2]);
  });

  it.each([
    ['nothing', undefined, []],
    ['None', null, []],
    ['axes', new Tuple([1, 0]), [2, 1]],
  ])('mirrors as the checkpoint says: %s', async (_, said, axes) => {
    const given = files('SynthCT_2d');
    const file = await decodeTorch(given.get('fold_0/checkpoint_final.pth')!);
    const saved = new Map<string, TorchWritable>([
      ['network_weights', torchArrays(file)],
      ['init_args', { configuration: '2d' }],
      ...(said === undefined ? [] : [['inference_allowed_mirroring_axes', said] as const]),
    ]);
    given.set('fold_0/checkpoint_final.pth', await encodeTorch(saved));
    expect((await loadModel(memoryFolder('m', given))).mirrorAxes).toEqual(axes);
    saved.set('inference_allowed_mirroring_axes', 'all');
    given.set('fold_0/checkpoint_final.pth', await encodeTorch(saved));
    await expect(loadModel(memoryFolder('m', given))).rejects.toThrow(/must be None or axes of the patch/);
  });

  it('finds a model inside an unpacked zip', async () => {
    const inside = new Map(
      [...files('SynthCT_2d')].map(([path, bytes]) => [`Dataset1/nnUNetTrainer__nnUNetPlans__2d/${path}`, bytes]),
    );
    expect((await loadModel(memoryFolder('model.zip', inside))).plan.name).toBe('2d');
  });

  it('refuses weights that are no numbers, by name', async () => {
    const model = await loadModel(directoryFolder(`${root}SynthCT_2d`));
    const given = files('SynthCT_2d');
    given.delete('fold_0/checkpoint_final.pth');
    for (const bad of [Number.NaN, -Infinity]) {
      const weights = new Map(
        [...model.folds[0]!.weights].map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]),
      );
      const [name, { data }] = [...weights][2]!;
      data[data.length - 1] = bad;
      given.set('fold_0/checkpoint_final.safetensors', encodeSafetensors(weights));
      const loading = loadModel(memoryFolder('nnUNetTrainer__nnUNetPlans__2d', given));
      await expect(loading).rejects.toThrow(ModelError);
      await expect(loading).rejects.toThrow(`${name} holds NaN or infinity`);
    }
  });

  it('reads weights saved under our names', async () => {
    const model = await loadModel(directoryFolder(`${root}SynthCT_2d`));
    const given = files('SynthCT_2d');
    given.delete('fold_0/checkpoint_final.pth');
    given.set(
      'fold_0/checkpoint_best.safetensors',
      encodeSafetensors(new Map([...model.folds[0]!.weights].map(([name, array]) => [`average.${name}`, array]))),
    );
    const again = await loadModel(memoryFolder('nnUNetTrainer__nnUNetPlans__2d', given), { checkpoint: 'best' });
    expect(again.folds[0]!.weights).toEqual(model.folds[0]!.weights);
  });

  it('says what is missing', async () => {
    await expect(loadModel(memoryFolder('empty', new Map()))).rejects.toThrow(/holds no plans\.json/);
    await expect(loadModel(memoryFolder('m', files('SynthCT_2d')), { folds: [3] })).rejects.toThrow(
      /fold 3 has no checkpoint_final.*there are folds 0/,
    );
    await expect(loadModel(memoryFolder('m', files('SynthCT_2d')), { checkpoint: 'best' })).rejects.toThrow(ModelError);
    await expect(loadModel(memoryFolder('m', files('SynthCT_2d')), { configuration: '3d_lowres' })).rejects.toThrow(
      /no configuration "3d_lowres"/,
    );
  });

  it('refuses weights of another network, naming both', async () => {
    const given = files('SynthCT_3d_fullres');
    given.set('fold_0/checkpoint_final.pth', files('SynthCT_2d').get('fold_0/checkpoint_final.pth')!);
    await expect(
      loadModel(memoryFolder('m', given), { configuration: '3d_fullres' }).then((model) => model.folds[0]),
    ).rejects.toThrow(/not of a|another architecture/);
  });

  it('refuses a pickle that is no checkpoint', async () => {
    const given = files('SynthCT_2d');
    given.set('fold_0/checkpoint_final.pth', text({ not: 'a pickle' }));
    await expect(loadModel(memoryFolder('m', given))).rejects.toThrow(/checkpoint_final\.pth/);
  });
});

describe('encodeNnunetCheckpoint', () => {
  const write = async (): Promise<{ bytes: Uint8Array; model: Awaited<ReturnType<typeof loadModel>> }> => {
    const model = await loadModel(directoryFolder(`${root}SynthCT_3d_fullres`), { configuration: '3d_fullres' });
    const given = files('SynthCT_3d_fullres');
    const parse = (path: string): unknown => parsePythonJson(new TextDecoder().decode(given.get(path)));
    const bytes = await encodeNnunetCheckpoint({
      plan: model.plan,
      plans: plansFrom(parse('plans.json')),
      dataset: parse('dataset.json') as DatasetJson,
      fold: 0,
      weights: model.folds[0]!.weights,
      mirrorAxes: model.mirrorAxes,
    });
    return { bytes, model };
  };

  it('writes what it can read, every array once', async () => {
    const { bytes, model } = await write();
    const given = files('SynthCT_3d_fullres');
    expect(bytes.length).toBeLessThan(given.get('fold_0/checkpoint_final.pth')!.length * 1.2);
    given.set('fold_0/checkpoint_final.pth', bytes);
    const again = await loadModel(memoryFolder('m', given));
    expect(again.folds[0]!.weights).toEqual(model.folds[0]!.weights);
    expect(again.mirrorAxes).toEqual(model.mirrorAxes);
  });

  const python = ['/usr/bin/python3', 'python3'].find((command) => {
    try {
      execFileSync(command, ['-c', 'import torch'], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  });
  it.skipIf(python === undefined)(
    'writes what PyTorch reads: the same names, shapes and sums as the original',
    async () => {
      const { bytes } = await write();
      const path = join(mkdtempSync(join(tmpdir(), 'checkpoint-')), 'ours.pth');
      writeFileSync(path, bytes);
      const script = `
import sys, torch
ours, theirs = (torch.load(p, map_location='cpu') for p in sys.argv[1:3])
a, b = ours['network_weights'], theirs['network_weights']
assert list(a) == list(b), 'names'
assert all(torch.equal(a[k], b[k]) for k in a), 'values'
assert ours['init_args']['configuration'] == theirs['init_args']['configuration']
assert ours['inference_allowed_mirroring_axes'] == theirs['inference_allowed_mirroring_axes']
assert ours['trainer_name'] == theirs['trainer_name']
print('same')`;
      expect(
        execFileSync(python!, ['-c', script, path, `${root}SynthCT_3d_fullres/fold_0/checkpoint_final.pth`], {
          encoding: 'utf8',
        }).trim(),
      ).toBe('same');
    },
  );
});
