/** Patch grids against TorchIO's goldens. */
import { describe, expect, it } from 'vitest';
import type { PerAxis } from '@voxelwise/volume';
import { excess, sceneFile } from '../../fixtures/scenes.ts';
import { PatchAggregator, patchStarts, type Merging } from './patch-grid.ts';

const file = sceneFile('monai-torchio');
const rows = file.cases.cases.filter(({ op }) => op === 'GridSampler+GridAggregator');
const image = file.array('in_img');
const shape = image.shape.slice(1) as unknown as PerAxis;

describe("TorchIO's patch grids", () => {
  it.each(rows.map((row) => [row.id, row] as const))('%s', (_id, row) => {
    const p = row.params as unknown as { patch_size: PerAxis; patch_overlap: PerAxis; overlap_mode: Merging };
    const settings = { shape, patch: p.patch_size, overlap: p.patch_overlap };
    const starts = patchStarts(settings);
    const locations = file.array(row.outputs['locations']!.array!);
    expect(starts.flatMap((s) => [...s, ...s.map((k, axis) => k + p.patch_size[axis]!)])).toEqual([...locations.data]);
    const aggregator = new PatchAggregator({ ...settings, channels: 1, merging: p.overlap_mode });
    expect(() => aggregator.result()).toThrow(/in no patch/);
    for (const start of starts) {
      const patch: number[] = [];
      for (let z = 0; z < p.patch_size[0]; z++)
        for (let y = 0; y < p.patch_size[1]; y++)
          for (let x = 0; x < p.patch_size[2]; x++)
            patch.push(
              image.data[((start[0] + z) * shape[1] + start[1] + y) * shape[2] + start[2] + x]! *
                (1 + 0.01 * start[0] + 0.02 * start[2]),
            );
      aggregator.add(patch, start);
    }
    expect(excess(aggregator.result(), file.array(row.outputs['image']!.array!).data, row).worst).toBeLessThanOrEqual(
      0,
    );
  });
  it('refuse what does not fit', () => {
    expect(() => patchStarts({ shape: [4, 4, 4], patch: [5, 4, 4], overlap: [0, 0, 0] })).toThrow(/axis 0/);
    expect(() => patchStarts({ shape: [4, 4, 4], patch: [4, 4, 4], overlap: [0, 1, 0] })).toThrow(/axis 1/);
    const aggregator = new PatchAggregator({ shape: [2, 2, 2], patch: [1, 1, 1], overlap: [0, 0, 0], channels: 1 });
    expect(() => aggregator.add([1, 2], [0, 0, 0])).toThrow(/1 × \[1, 1, 1\]/);
  });
});
