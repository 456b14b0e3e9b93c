/**
 * The same patient, stored in any of 48 orders and directions of axes: what a transform does must not depend on it. Thick slices,
 * oblique to the patient; images, labels of another grid, and points.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWasmDevice, Philox, tensor, type Device, type Tensor } from '@voxelwise/compute';
import { worldOf, type Grid, type PerAxis, type Volume } from '@voxelwise/volume';
import { distance } from '../../fixtures/golden.ts';
import { run, sequence } from '../compose/sequence.ts';
import type { Scene, Transform } from '../contract/transform.ts';
import { smooth } from '../intensity/curves.ts';
import { intensityRange } from '../intensity/range.ts';
import { affine, rotate, torchioAffine } from './affine.ts';
import { centerCrop, cropForeground, pad } from './crop-pad.ts';
import { controlGrid, elastic, gridDistortion } from './elastic.ts';
import { flip } from './index-moves.ts';
import { resize, zoom } from './resize.ts';
import { orientation, resample, spacing } from './spacing.ts';

/* eslint-disable-next-line @typescript-eslint/no-explicit-any -- transforms of many parameters */
type Any = any;
let device: Device;
beforeAll(async () => {
  device = await createWasmDevice({ threads: 1 });
});
afterAll(() => device.dispose());

const permutations = ['RAS', 'RSA', 'ARS', 'ASR', 'SRA', 'SAR'];
const opposite: Record<string, string> = { R: 'L', A: 'P', S: 'I' };
const orientations = permutations.flatMap((letters) =>
  Array.from({ length: 8 }, (_, k) => [...letters].map((l, axis) => ((k >> axis) & 1 ? opposite[l]! : l)).join('')),
);

// Axes near S, A, R; 2.2 × 1.1 × 0.9 mm.
const columns = [
  [0.15, -0.1, 2.18],
  [0.08, 1.09, 0.05],
  [0.89, -0.06, -0.07],
];
const gridOf = (shape: PerAxis, origin: readonly number[], scale = 1): Grid => ({
  shape,
  affine: Float64Array.from(
    [0, 1, 2].flatMap((row) => [...columns.map((column) => column[row]! * scale), origin[row]!]).concat(0, 0, 0, 1),
  ),
});
const grid = gridOf([12, 18, 20], [-8, -10, -12]);
const labelGrid = gridOf([8, 12, 14], [-8, -10, -12], 1.5);

function volumeOn(on: Grid, kind: Volume['kind'], value: (r: number, a: number, s: number) => number): Volume<Tensor> {
  const [nz, ny, nx] = on.shape;
  const values = Array.from({ length: nz * ny * nx }, (_, v) =>
    value(...worldOf(on, [Math.floor(v / (ny * nx)), Math.floor(v / nx) % ny, v % nx])),
  );
  const voxels = kind === 'labels' ? Int32Array.from(values) : Float32Array.from(values);
  return { grid: on, kind, channels: ['0'], voxels: tensor(device, voxels, [1, nz, ny, nx]) };
}

const scene = (labelsOn = labelGrid): Scene => ({
  id: 's',
  images: volumeOn(
    grid,
    'intensity',
    (r, a, s) => 100 * Math.exp(-((r - 1) ** 2 + (a + 1) ** 2) / 40 - (s - 2) ** 2 / 60) + 0.5 * r - 0.3 * a,
  ),
  labels: volumeOn(labelsOn, 'labels', (r, a, s) => (r + 0.3 * a - 0.2 * s > 1 ? 2 : a > 0.5 ? 1 : 0)),
  points: { marks: [[1, 2, 3]] },
});

const onto: Grid = {
  shape: [15, 14, 13],
  affine: Float64Array.from([0, 0, 1.2, -8, 0, 1.3, 0, -9, 1.4, 0, 0, -9, 0, 0, 0, 1]),
};
const transforms: Record<string, Transform<Any>> = {
  spacing: spacing({ spacingMm: [1.3, 1.3, 1.3] }),
  resample: resample({ onto }),
  rotate: rotate({ degrees: [9, -14, 21] }),
  affine: affine({
    degrees: [
      [-20, 20],
      [-20, 20],
      [-20, 20],
    ],
    scale: [[0.9, 1.1], 1.2, 0.9],
    shear: [0.1, 0, -0.05, 0, 0, 0.07],
    translateMm: [1, [-2, 2], -1.5],
  }),
  torchioAffine: torchioAffine({ scales: [1.05, 0.95, 1.1], degrees: [9, -14, 21], translationMm: [1.2, -0.8, 0.5] }),
  elastic: elastic({ displacementMm: 1, smoothnessMm: 5 }),
  controlGrid: controlGrid({ maxMm: 5 }),
  gridDistortion: gridDistortion({ cells: 4 }),
  resize: resize({ shape: [16, 16, 16] }),
  'resize by areas': resize({ shape: [16, 16, 16], mode: 'area' }),
  zoom: zoom({ factor: 4 / 3, mode: 'linear', keepSize: false }),
  flip: flip(['R', 'S']),
  cropForeground: cropForeground({ above: 20, margin: 1 }),
  'pad and crop by even differences': sequence(pad([16, 20, 24]), centerCrop([10, 10, 10])),
  'a pipeline of physical steps': sequence(
    spacing({ spacingMm: [1.4, 1.4, 1.4] }),
    smooth({ sigmaMm: 1.5 }),
    intensityRange({ from: [-10, 110] }),
    rotate({ degrees: [12, 5, -8] }),
    elastic({ displacementMm: 0.5, smoothnessMm: 6 }),
    // Not 1.1, which would put planes of labels on ties between two voxels.
    affine({ scale: 1.07 }),
  ),
};
/** Boxes of voxels: they need one grid, and sizes per array axis are only the same for axes in the same order. */
const boxes = ['cropForeground', 'pad and crop by even differences'];
const ordered = boxes.slice(1);

async function canonical(of: Scene): Promise<Scene> {
  return run(orientation('SAR'), of, new Philox(1));
}

describe('48 orientations', () => {
  it('are 48', () => expect(new Set(orientations).size).toBe(48));

  it.each(Object.entries(transforms))('%s', async (name, transform) => {
    const start = (): Scene => scene(boxes.includes(name) ? grid : labelGrid);
    const untouched = start();
    const expected = await canonical(await run(transform, untouched, new Philox(11)));
    const [image, labels] = [await expected.images.voxels.read(), await expected.labels!.voxels.read()];
    if (!['resample', 'flip', 'cropForeground'].includes(name))
      expect(distance(image, await untouched.images.voxels.read())).toBeGreaterThan(1);
    for (const codes of orientations) {
      if (ordered.includes(name) && !/^[SI][AP][RL]$/.test(codes)) continue;
      // The orientation is carried out by itself, so that the transform really happens on another grid.
      const turned = await run(orientation(codes), start(), new Philox(1));
      const found = await canonical(await run(transform, turned, new Philox(11)));
      expect(found.images.grid.shape).toEqual(expected.images.grid.shape);
      expect(distance(found.images.grid.affine, expected.images.grid.affine)).toBeLessThan(1e-9);
      expect(distance(await found.images.voxels.read(), image)).toBeLessThan(2e-3);
      expect(distance(found.labels!.grid.affine, expected.labels!.grid.affine)).toBeLessThan(1e-9);
      const other = await found.labels!.voxels.read();
      expect(other.filter((label, v) => label !== labels[v]).length).toBeLessThanOrEqual(labels.length * 5e-3);
      expect(distance(found.points!['marks']![0]!, expected.points!['marks']![0]!)).toBeLessThan(1e-4);
      for (const { voxels } of [turned, found].flatMap((s) => [s.images, s.labels!])) voxels.dispose();
    }
  });
});
