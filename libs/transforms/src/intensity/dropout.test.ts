import { describe, expect, it } from 'vitest';
import { createReferenceDevice, Philox, tensor } from '@voxelwise/compute';
import { alignedGrid } from '@voxelwise/volume';
import { run } from '../compose/sequence.ts';
import { replay } from '../catalogue.ts';
import { coarseDropout } from './dropout.ts';

describe('coarse dropout', () => {
  const device = createReferenceDevice();
  const scene = () => ({
    id: 's',
    images: {
      grid: alignedGrid([4, 5, 6]),
      kind: 'intensity' as const,
      channels: ['0'],
      voxels: tensor(device, new Float32Array(120).fill(1), [1, 4, 5, 6]),
    },
  });
  it('empties boxes, the same ones for the same record', async () => {
    const done = await run(coarseDropout({ holes: 1, size: [2, 2, 3], fill: -7 }), scene(), new Philox(2));
    const values = await done.images.voxels.read();
    expect(values.filter((value) => value === -7).length).toBe(12);
    expect(await (await replay(scene(), done.history!)).images.voxels.read()).toEqual(values);
  });
  it('refuses boxes larger than the image', async () => {
    await expect(run(coarseDropout({ holes: 1, size: [9, 1, 1] }), scene(), new Philox(1))).rejects.toThrow(
      /do not fit/,
    );
  });
});
