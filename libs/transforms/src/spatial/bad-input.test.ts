/** What cannot be done says so; what does nothing, does nothing. */
import { describe, expect, it } from 'vitest';
import { createReferenceDevice, NumpyRandomState, Philox, tensor } from '@voxelwise/compute';
import { alignedGrid, type Grid, type PerAxis } from '@voxelwise/volume';
import { run } from '../compose/sequence.ts';
import type { Scene } from '../contract/transform.ts';
import { TransformError } from '../errors.ts';
import { gammaCurve, noise, smooth } from '../intensity/curves.ts';
import { affine, rotate } from './affine.ts';
import { borderPad, centerCrop, cropForeground, padToMultiple, spatialCrop } from './crop-pad.ts';
import { controlGrid } from './elastic.ts';
import { flip, rotate90, transpose } from './index-moves.ts';
import { balancedCrop, classCenters, randomCrop } from './random-crops.ts';
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
const labeled = (shape: PerAxis = [2, 3, 4]): Scene => ({
  ...on(good),
  labels: {
    grid: alignedGrid(shape),
    kind: 'labels',
    channels: ['l'],
    voxels: tensor(device, new Int32Array(shape[0] * shape[1] * shape[2]).fill(1), [1, ...shape]),
  },
});
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
    ['a crop larger than the image', randomCrop([2, 4, 4]), on(good), /\[2, 4, 4\] does not fit.*\[2, 3, 4\]/],
    ['a balanced crop without labels', balancedCrop({ size: [1, 1, 1] }), on(good), /case 7 has no labels/],
    ['a balanced crop larger than the image', balancedCrop({ size: [3, 1, 1] }), labeled(), /does not fit/],
    ['an empty box', spatialCrop({ start: [1, 2, 2], end: [1, 3, 3] }), on(good), /at least one along each axis/],
    ['a crop of everything', borderPad(-2), on(good), /at least one along each axis/],
    ['a multiple of 0', padToMultiple(0), on(good), /positive whole number/],
    ['an axis that is none', flip([3]), on(good), /axes are 0, 1, 2 or 'R', 'A', 'S'/],
    ['a quarter turn in one axis', rotate90({ turns: 1, axes: [1, 1] }), on(good), /two different axes/],
    ['a transposition that drops an axis', transpose([0, 1, 1]), on(good), /permutation/],
    ['a range with its ends swapped', rotate({ degrees: [10, -10] }), on(good), /the lower first; came 10 to -10/],
    ['an angle that is no number', rotate({ degrees: NaN }), on(good), /finite numbers/],
    ['a shear that flattens', affine({ shear: [1, 0, 1, 0, 0, 0] }), on(good), /singular/],
    ['a gamma of 0', gammaCurve({ exponent: 0 }), on(good), /positive/],
    ['a negative smoothing', smooth({ sigmaMm: -1 }), on(good), /sigma/],
    ['a negative noise', noise({ deviation: -1 }), on(good), /deviation/],
    ['labels of another size', centerCrop([1, 1, 1]), labeled([2, 3, 5]), /labels of \[2, 3, 5\]; resample/],
    ['a foreground looked for in nothing', cropForeground({ source: 'labels' }), on(good), /no 'labels'/],
  ] as const)('%s', async (_name, transform, scene, message) => {
    const failure = await run(transform as never, scene, rng()).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(TransformError);
    expect((failure as TransformError).code).toBe('transform');
    expect((failure as TransformError).message).toMatch(message);
  });

  it('a grid that is singular names itself, wherever it is found out', async () => {
    await expect(run(controlGrid(), on(flat), rng())).rejects.toMatchObject({ code: 'geometry' });
    await expect(run(rotate({ degrees: 5 }), on(flat), rng())).rejects.toThrow(/singular/);
  });

  it('classes that a case lacks are left out of balanced crops; with none of them there is nothing to crop', () => {
    const draws = new NumpyRandomState(3);
    const settings = { shape: [2, 3, 4] as PerAxis, size: [1, 1, 1], count: 40, ratios: [1, 5, 1] };
    const classes = [Uint32Array.from([0, 1]), new Uint32Array(), Uint32Array.from([23])];
    const centers = classCenters(draws, { ...settings, classes });
    expect(new Set(centers.map((center) => center.join()))).toEqual(new Set(['0,0,0', '0,0,1', '1,2,3']));
    expect(() => classCenters(draws, { ...settings, classes: classes.map(() => new Uint32Array()) })).toThrow(
      /none of the classes/,
    );
  });

  it('a transform configured to do nothing leaves the very same voxels', async () => {
    const scene = on(good, 3);
    for (const nothing of [flip([]), spacing({ spacingMm: [null, null, null] }), affine({}), orientation('SAR')]) {
      const done = await run(nothing as never, scene, rng());
      expect(done.images.voxels).toBe(scene.images.voxels);
    }
  });
});
