/** What cannot be done says so; what does nothing, does nothing. */
import { describe, expect, it } from 'vitest';
import { createReferenceDevice, Philox, tensor } from '@voxelwise/compute';
import { alignedGrid, type Grid } from '@voxelwise/volume';
import { run } from '../compose/sequence.ts';
import type { Scene } from '../contract/transform.ts';
import { TransformError } from '../errors.ts';
import { affine } from './affine.ts';
import { cropForeground } from './crop-pad.ts';
import { flip } from './index-moves.ts';
import { orientation, resample, spacing } from './spacing.ts';
import { resize, zoom } from './resize.ts';

const device = createReferenceDevice();
const on = (grid: Grid, value = 0): Scene => ({
  id: 'case 7',
  images: {
    grid,
    kind: 'intensity',
    channels: ['0'],
    voxels: tensor(device, new Float32Array(24).fill(value), [1, 2, 3, 4]),
  },
});
const good = alignedGrid([2, 3, 4]);
const flat: Grid = { shape: [2, 3, 4], affine: Float64Array.from([0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]) };
const rng = (): Philox => new Philox(1);

describe('bad input', () => {
  it.each([
    ['a voxel size of 0', spacing({ spacingMm: [1, 1, 1] }), on(flat), /voxel size of 0 mm/],
    ['a singular affine', resample({ onto: good }), on(flat), /singular/],
    ['an empty foreground', cropForeground(), on(good), /nothing in case case 7 is above 0/],
    ['a scale of 0', affine({ scale: 0 }), on(good), /scales are positive/],
    ['letters that are no orientation', orientation('RRS'), on(good), /one each of R\/L, A\/P and S\/I/],
    ['a size of 0', resize({ shape: [0, 1, 1] }), on(good), /positive whole numbers/],
    ['a zoom of 0', zoom({ factor: 0 }), on(good), /factors are positive/],
  ] as const)('%s', async (_name, transform, scene, message) => {
    const failure = await run(transform as never, scene, rng()).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(TransformError);
    expect((failure as TransformError).code).toBe('transform');
    expect((failure as TransformError).message).toMatch(message);
  });

  it('a transform configured to do nothing leaves the very same voxels', async () => {
    const scene = on(good, 3);
    for (const nothing of [flip([]), spacing({ spacingMm: [null, null, null] }), affine({}), orientation('SAR')]) {
      const done = await run(nothing as never, scene, rng());
      expect(done.images.voxels).toBe(scene.images.voxels);
    }
  });
});
