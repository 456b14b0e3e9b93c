/** Points stay with the content that they mark, under every spatial transform. */
import { describe, expect, it } from 'vitest';
import { createReferenceDevice, Philox } from '@voxelwise/compute';
import { alignedGrid, indexOf, worldOf, type Case, type Grid, type PerAxis, type Points } from '@voxelwise/volume';
import { replay } from '../catalogue.ts';
import { run, sequence } from '../compose/sequence.ts';
import type { Scene, Transform } from '../contract/transform.ts';
import { upload } from '../contract/upload.ts';
import { mirror } from '../nnunet/augmentation/mirror.ts';
import { nnunetSpatial } from '../nnunet/augmentation/spatial.ts';
import { affine, monaiAffine, monaiAffineMatrix, rotate, torchioAffine } from './affine.ts';
import { pad, spatialCrop } from './crop-pad.ts';
import { controlGrid, elastic, gridDistortion } from './elastic.ts';
import { flip, rotate90, transpose } from './index-moves.ts';
import { movePointsByField } from './move-points.ts';
import { resize, zoom } from './resize.ts';
import { orientation, spacing } from './spacing.ts';
import { torchio2Affine, torchio2ControlGrid } from './torchio-2.ts';

/* eslint-disable-next-line @typescript-eslint/no-explicit-any -- transforms of many parameters */
type Any = any;
const device = createReferenceDevice();
const shape: PerAxis = [26, 30, 28];
const grid: Grid = {
  shape,
  // Oblique, with thick slices.
  affine: Float64Array.from([0.2, 0.1, -1.1, 20, -0.1, 1.2, 0.2, -15, 1.9, 0.1, 0.1, 4, 0, 0, 0, 1]),
};
const marks: Points = [worldOf(grid, [12, 13, 15]), worldOf(grid, [15.5, 17.25, 12])];

/** An image with a bright spot around each mark, one channel each. */
function subject(): Case {
  const size = shape[0] * shape[1] * shape[2];
  const voxels = new Float32Array(2 * size);
  marks.forEach((mark, c) => {
    const [cz, cy, cx] = indexOf(grid, mark);
    for (let v = 0; v < size; v++) {
      const [z, y, x] = [Math.floor(v / (shape[1] * shape[2])), Math.floor(v / shape[2]) % shape[1], v % shape[2]];
      voxels[c * size + v] = Math.exp(-((z - cz) ** 2 + (y - cy) ** 2 + (x - cx) ** 2) / 4.5);
    }
  });
  return { id: 'marked', images: { grid, kind: 'intensity', channels: ['a', 'b'], voxels }, points: { marks } };
}

/** Center of mass of the bright spot of a channel, in voxels. */
async function spot(scene: Scene, channel: number): Promise<PerAxis> {
  const voxels = await scene.images.voxels.read();
  const [nz, ny, nx] = scene.images.grid.shape;
  const sums = [0, 0, 0, 0];
  for (let v = 0; v < nz * ny * nx; v++) {
    const w = voxels[channel * nz * ny * nx + v]!;
    [Math.floor(v / (ny * nx)), Math.floor(v / nx) % ny, v % nx, 1].forEach((k, axis) => (sums[axis]! += k * w));
  }
  return [sums[0]! / sums[3]!, sums[1]! / sums[3]!, sums[2]! / sums[3]!];
}

const steps: [string, Transform<Any>, number][] = [
  ['orientation', orientation('LPI'), 0.02],
  ['spacing', spacing({ spacingMm: [1.3, 1.1, 1.2] }), 0.1],
  ['resize', resize({ shape: [30, 26, 24], mode: 'linear' }), 0.15],
  ['zoom', zoom({ factor: 1.2, mode: 'linear' }), 0.15],
  ['flip', flip([0, 2]), 0.02],
  ['mirror', mirror({ axes: [1], probability: 1 }), 0.02],
  ['rotate90', rotate90({ turns: 1, axes: [0, 1] }), 0.02],
  ['transpose', transpose([2, 0, 1]), 0.02],
  ['crop', spatialCrop({ start: [2, 3, 4], end: [25, 28, 27] }), 0.02],
  ['pad', pad([30, 30, 40]), 0.02],
  ['rotate', rotate({ degrees: [10, -15, 20] }), 0.1],
  [
    'affine',
    affine({ degrees: [5, 0, 10], scale: 1.1, shear: [0.1, 0, 0, 0, 0.05, 0], translateMm: [1, -2, 0.5] }),
    0.1,
  ],
  [
    'monaiAffine',
    monaiAffine({ matrix: monaiAffineMatrix({ radians: [0.2, 0.1, 0], translateVoxels: [1, 2, -1] }) }),
    0.1,
  ],
  [
    'torchioAffine',
    torchioAffine({ scales: [1.1, 1, 0.95], degrees: [8, -5, 12], translationMm: [1.5, -2, 0.7] }),
    0.1,
  ],
  [
    'torchio2Affine',
    torchio2Affine({ scales: [1.1, 1, 0.95], degrees: [8, -5, 12], translationMm: [1.5, -2, 0.7] }),
    0.1,
  ],
  [
    'nnunetSpatial',
    nnunetSpatial({
      patch: [26, 28, 26],
      rotation: [0.3, 0.3, 0.3],
      rotationProbability: 1,
      scalingProbability: 1,
      scale: [1.05, 1.1],
    }),
    0.1,
  ],
  ['elastic', elastic({ displacementMm: 1.5, smoothnessMm: 12 }), 0.3],
  ['controlGrid', controlGrid({ maxMm: 5 }), 0.3],
  [
    'torchio2ControlGrid',
    torchio2ControlGrid(
      Array.from({ length: 3 * 64 }, (_, k) => 2 * Math.sin(k * 1.3)),
      [4, 4, 4],
    ),
    0.4,
  ],
];

describe('points', () => {
  it.each(steps)('stay with what they mark: %s', async (_name, step, tolerance) => {
    const before = upload(subject(), device);
    const after = await run(step, before, new Philox(7));
    for (const [k, mark] of after.points!['marks']!.entries()) {
      const [expected, found] = [await spot(after, k), indexOf(after.images.grid, mark)];
      expect(Math.hypot(...expected.map((value, axis) => value - found[axis]!))).toBeLessThan(tolerance);
    }
  });

  it.each([
    ['elastic', elastic({ displacementMm: 3, smoothnessMm: 10 })],
    ['controlGrid', controlGrid({ maxMm: 7.5 })],
    ['gridDistortion', gridDistortion({ cells: 3, distort: 0.3 })],
    [
      'torchio2ControlGrid',
      torchio2ControlGrid(
        Array.from({ length: 192 }, (_, k) => 2 * Math.sin(k * 1.3)),
        [4, 4, 4],
      ),
    ],
  ] as [string, Transform<Any>][])('are where an image of its own indices says: %s', async (_name, step) => {
    const size = shape[0] * shape[1] * shape[2];
    const indices = Float32Array.from({ length: 3 * size }, (_, k) => {
      const v = k % size;
      return [Math.floor(v / (shape[1] * shape[2])), Math.floor(v / shape[2]) % shape[1], v % shape[2]][
        Math.floor(k / size)
      ]!;
    });
    const images = { grid, kind: 'intensity', channels: ['z', 'y', 'x'], voxels: indices } as const;
    const after = await run(step, upload({ ...subject(), images }, device), new Philox(7));
    const values = await after.images.voxels.read();
    for (const [k, mark] of after.points!['marks']!.entries()) {
      const at = indexOf(grid, mark);
      const low = at.map(Math.floor);
      const read = [0, 1, 2].map((channel) =>
        Array.from({ length: 8 }, (_, c) => [c >> 2, (c >> 1) & 1, c & 1]).reduce((sum, corner) => {
          const [z, y, x] = low.map((l, axis) => l + corner[axis]!) as [number, number, number];
          const weight = corner.reduce(
            (w, one, axis) => w * (one ? at[axis]! - low[axis]! : 1 - at[axis]! + low[axis]!),
            1,
          );
          return sum + weight * values[channel * size + (z * shape[1] + y) * shape[2] + x]!;
        }, 0),
      );
      const original = indexOf(grid, marks[k]!);
      expect(Math.hypot(...original.map((value, axis) => value - at[axis]!))).toBeGreaterThan(0.05);
      original.forEach((value, axis) => expect(Math.abs(value - read[axis]!)).toBeLessThan(1e-3));
    }
  });

  it('do what images do in a fused sequence, and again from the history', async () => {
    const before = upload(subject(), device);
    const pipeline = sequence(
      torchioAffine({ scales: [1, 1, 1], degrees: [0, 0, 0], translationMm: [3, -2, 1] }),
      rotate({ degrees: [12, 0, 8] }),
      elastic({ displacementMm: 1, smoothnessMm: 12 }),
    );
    const after = await run(pipeline, before, new Philox(3));
    for (const [k, mark] of after.points!['marks']!.entries()) {
      const [expected, found] = [await spot(after, k), indexOf(after.images.grid, mark)];
      expect(Math.hypot(...expected.map((value, axis) => value - found[axis]!))).toBeLessThan(0.3);
    }
    const again = await replay(upload(subject(), device), JSON.parse(JSON.stringify(after.history)) as Any);
    expect(again.points).toEqual(after.points);
  });

  it('stay where they are in the patient where the grid says where voxels went', async () => {
    const after = await run(
      sequence(orientation('RAS'), rotate({ degrees: 15 }), flip([1])),
      upload(subject(), device),
      new Philox(1),
    );
    after.points!['marks']!.forEach((mark, k) =>
      mark.forEach((value, axis) => expect(value).toBeCloseTo(marks[k]![axis]!, 9)),
    );
  });

  it('move by whole fields exactly', () => {
    const own = alignedGrid([8, 8, 8], [2, 1, 1]);
    const field = Float32Array.from({ length: 3 * 512 }, (_, k) => (k < 512 ? 1 : 0));
    const scene: Scene = { ...upload(subject(), device), points: { a: [worldOf(own, [4, 3, 2])] } };
    const [x, y, z] = movePointsByField(scene, own, field).points!['a']![0]!;
    const [i, j, k] = indexOf(own, [x, y, z]);
    expect([i, j, k].map((value) => Math.round(value * 1e6) / 1e6 + 0)).toEqual([3, 3, 2]);
  });

  it('are refused where they are no positions', () => {
    expect(() => upload({ ...subject(), points: { a: [[1, NaN, 2]] } }, device)).toThrow(
      /point 0 of 'a'.*three finite/,
    );
  });
});
