/** Masks beside images of every orientation, spacing and tilt: written, read and moved, each voxel stays at its place in millimeters. */
import { describe, expect, it } from 'vitest';
import { worldOf } from '@voxelwise/volume';
import type { Volume } from '@voxelwise/volume';
import { parseDicom } from '../dataset/parse.ts';
import { readSegmentation } from '../segmentation/read-segmentation.ts';
import { targetOf } from '../segmentation/target.ts';
import { writeSegmentation } from '../segmentation/write-segmentation.ts';
import { readStructures } from '../structures/read-structures.ts';
import { writeStructures } from '../structures/write-structures.ts';
import { syntheticSeries } from '../testing/synthetic-series.ts';
import { readStack } from './read-volume.ts';
import { scanDicom } from './scan.ts';
import type { DicomStack } from './scan.ts';
import { straightLabels, tiltedLabels } from './tilted-labels.ts';
import { cross, plus, times } from './vector.ts';
import type { Vector } from './vector.ts';

const [slices, rows, columns] = [4, 7, 5];
const unitVectors: readonly Vector[] = [
  [1, 0, 0],
  [0, 1, 0],
  [0, 0, 1],
];
/** Row, column and slice directions along the axes in every order and sign. */
const orientations = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
].flatMap((order) =>
  Array.from({ length: 8 }, (_, signs) => order.map((axis, i) => times(unitVectors[axis]!, (signs >> i) & 1 ? -1 : 1))),
) as unknown as readonly (readonly [Vector, Vector, Vector])[];

/** A turn about an axis that is none of the patient's. */
function turned(v: Vector, angle: number): Vector {
  const axis: Vector = [2 / 7, 3 / 7, 6 / 7];
  const along = axis[0] * v[0] + axis[1] * v[1] + axis[2] * v[2];
  return plus(plus(times(v, Math.cos(angle)), cross(axis, v), Math.sin(angle)), axis, along * (1 - Math.cos(angle)));
}

const spacing = [0.7, 1.3] as const;
const origin: Vector = [-31.25, 18.5, -240.125];
const segments = [
  { label: 1, name: 'one' },
  { label: 2, name: 'two' },
];
const labelOf = (k: number, j: number, i: number): number => (i * 5 + j * 3 + k * 7 + ((i * j) % 3)) % 3;

interface Placed {
  readonly stack: DicomStack;
  readonly labels: Volume;
  /** Where the file says that a voxel lies: LPS millimeters. */
  readonly place: (k: number, j: number, i: number) => Vector;
}

async function placed(
  [row, column, normal]: readonly [Vector, Vector, Vector],
  tilt: readonly [number, number],
): Promise<Placed> {
  const step = plus(plus(times(normal, 2.6), row, tilt[0]), column, tilt[1]);
  const stack = (await scanDicom(syntheticSeries({ rows, columns, slices, row, column, step, origin, spacing })))
    .stacks[0]!;
  const { grid } = targetOf(stack);
  const voxels = new Uint8Array(slices * rows * columns);
  const place = (k: number, j: number, i: number): Vector =>
    plus(plus(plus(origin, step, k), column, spacing[0] * j), row, spacing[1] * i);
  // the stack may count slices from the other end
  const first = worldOf(grid, [0, 0, 0]);
  const backwards = Math.hypot(first[0] + origin[0], first[1] + origin[1], first[2] - origin[2]) > 1e-3;
  for (let k = 0; k < slices; k++)
    for (let j = 0; j < rows; j++)
      for (let i = 0; i < columns; i++)
        voxels[((backwards ? slices - 1 - k : k) * rows + j) * columns + i] = labelOf(k, j, i);
  return { stack, labels: { grid, kind: 'labels', channels: ['labels'], voxels }, place };
}

/** Compares each labeled voxel of a volume with the rule at its place in the patient. Returns how many there are. */
function compared({ grid, voxels }: Volume, place: Placed['place']): number {
  const [, r, c] = grid.shape;
  const labeled = new Map<string, number>();
  const key = (x: number, y: number, z: number): string => [x, y, z].map((mm) => Math.round(mm * 100 + 0.001)).join();
  voxels.forEach((value: number, at: number) => {
    const [x, y, z] = worldOf(grid, [Math.floor(at / (r * c)), Math.floor(at / c) % r, at % c]);
    if (value !== 0) labeled.set(key(-x, -y, z), value);
  });
  for (let k = 0; k < slices; k++)
    for (let j = 0; j < rows; j++)
      for (let i = 0; i < columns; i++) {
        const found = labeled.get(key(...place(k, j, i))) ?? 0;
        if (found !== labelOf(k, j, i)) throw new Error(`voxel ${k}, ${j}, ${i} is ${found}`);
      }
  return labeled.size;
}

describe('48 orientations: SEG and RTSTRUCT keep each voxel at its place', () => {
  it.each([
    ['straight', [0, 0], 0],
    ['tilted along columns', [0, 0.9], 0],
    ['oblique, tilted both ways', [-0.6, 0.4], 0.4],
  ] as const)('%s', async (_, tilt, angle) => {
    for (const axes of orientations) {
      const directions = axes.map((v) => turned(v, angle)) as unknown as readonly [Vector, Vector, Vector];
      const { stack, labels, place } = await placed(directions, tilt);
      const expected = compared(labels, place);
      expect(expected).toBeGreaterThan(80);
      const seg = parseDicom(await writeSegmentation(labels, stack, { segments }));
      const rt = parseDicom(await writeStructures(labels, stack, { segments }));
      const target = targetOf(stack);
      expect((await readSegmentation(seg, { target })).volume.voxels).toEqual(labels.voxels);
      expect((await readStructures(rt, { target })).volume.voxels).toEqual(labels.voxels);
      expect(compared((await readSegmentation(seg)).volume, place)).toBe(expected);
    }
  });
});

it('labels on the grid of a straightened tilt are written for the tilted images', async () => {
  for (const axes of orientations.slice(0, 8)) {
    const { stack, labels } = await placed(axes, [-0.6, 0.9]);
    const straight = straightLabels(labels, stack.lattice!);
    const image = (await readStack(stack, { onTilt: 'shear' })).volume;
    expect(straight.grid).toEqual(image.grid);
    expect(tiltedLabels(straight, stack.lattice!)).toEqual(labels);
    for (const bytes of [
      await writeSegmentation(straight, stack, { segments }),
      await writeSegmentation(straight, stack, { segments, form: 'labelmap' }),
    ])
      expect((await readSegmentation(parseDicom(bytes), { target: targetOf(stack) })).volume.voxels).toEqual(
        labels.voxels,
      );
    const rt = parseDicom(await writeStructures(straight, stack, { segments }));
    expect((await readStructures(rt, { target: targetOf(stack) })).volume.voxels).toEqual(labels.voxels);
  }
});
