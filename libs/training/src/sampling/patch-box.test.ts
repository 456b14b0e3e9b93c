import { NumpyRandomState } from '@voxelwise/compute';
import type { PerAxis } from '@voxelwise/volume';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { initialPatch, rotationPlan } from './initial-patch.ts';
import { drawPatchStart, isForced } from './patch-box.ts';

const json = <T>(name: string): T =>
  JSON.parse(readFileSync(new URL(`../../fixtures/dataloader/${name}`, import.meta.url), 'utf8')) as T;

interface BoxCase {
  readonly seed: number;
  readonly data_shape: PerAxis;
  readonly initial_patch_size: readonly number[];
  readonly final_patch_size: readonly number[];
  readonly force_fg: boolean;
  readonly class_locations: readonly (readonly [number | readonly number[], readonly (readonly number[])[]])[];
  readonly bbox_lbs: readonly number[];
}

describe('drawPatchStart', () => {
  it('draws the boxes of the reference from the same generator', () => {
    const cases = json<BoxCase[]>('get_bbox.json');
    expect(cases.length).toBe(80);
    for (const row of cases) {
      const [, height, width] = row.data_shape;
      const whole = (patch: readonly number[]): PerAxis =>
        (patch.length === 3 ? patch : [1, ...patch]) as unknown as PerAxis;
      const locations = new Map(
        row.class_locations.map(([key, voxels]) => [
          typeof key === 'number' ? String(key) : `(${key.join(', ')})`,
          Uint32Array.from(voxels, (voxel) => (voxel[1]! * height + voxel[2]!) * width + voxel[3]!),
        ]),
      );
      const numpy = new NumpyRandomState(row.seed);
      const start = drawPatchStart(
        { integer: (low, high) => numpy.randint(low, high) },
        {
          shape: row.data_shape,
          initialPatch: whole(row.initial_patch_size),
          patch: whole(row.final_patch_size),
          forceForeground: row.force_fg,
          locations,
        },
      );
      expect(start, `seed ${row.seed}`).toEqual(row.bbox_lbs);
    }
  });
});

it('forces the foreground for the samples that the reference forces', () => {
  for (const { batch_size, oversample, force_fg_per_sample } of json<
    { batch_size: number; oversample: number; force_fg_per_sample: boolean[] }[]
  >('oversampling.json'))
    expect(force_fg_per_sample.map((_, sample) => isForced(sample, batch_size, oversample))).toEqual(
      force_fg_per_sample,
    );
});

describe('initialPatch', () => {
  const cases =
    json<{ patch_size: number[]; rotation_deg: number; dummy_2d: boolean; initial_patch_size: number[] }[]>(
      'initial_patch_size.json',
    );
  it('cuts as large as the reference', () => {
    for (const { patch_size, rotation_deg, dummy_2d, initial_patch_size } of cases) {
      const angle = (rotation_deg / 180) * Math.PI;
      const patch = [1, ...patch_size].slice(-3) as unknown as PerAxis;
      const flat = patch_size.length === 2 || dummy_2d;
      const ours = initialPatch(patch, flat ? [angle, 0, 0] : [angle, angle, angle], dummy_2d);
      expect(ours.slice(-patch_size.length), JSON.stringify(patch_size)).toEqual(initial_patch_size);
    }
  });

  it('plans angles and mirrors by the shape of the patch', () => {
    expect(rotationPlan([40, 56, 40])).toMatchObject({
      dummy2d: false,
      mirrorAxes: [0, 1, 2],
      angles: [Math.PI / 6, Math.PI / 6, Math.PI / 6],
    });
    expect(rotationPlan([16, 320, 256])).toMatchObject({ dummy2d: true, angles: [Math.PI, 0, 0] });
    expect(rotationPlan([1, 64, 32])).toMatchObject({ mirrorAxes: [1, 2], angles: [Math.PI / 12, 0, 0] });
  });
});
