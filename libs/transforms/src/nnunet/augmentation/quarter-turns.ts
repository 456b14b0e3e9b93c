/** Exact moves among axes along which a patch is equally long. Source: batchgeneratorsv2 as nnU-Net's DA5 trainer has it. */
import type { Rng } from '@voxelwise/compute';
import type { PerAxis } from '@voxelwise/volume';
import type { Transform } from '../../contract/transform.ts';
import {
  rotate90Application,
  transposeApplication,
  type Rotate90Settings,
  type TransposeSettings,
} from '../../spatial/index-moves.ts';
import { placedTransform, type Placed } from '../../spatial/placed.ts';

/** The axes of the length that occurs most often; of a patch of one slice those in its plane. Empty where none are equal. */
export function equalAxes(patch: PerAxis): readonly number[] {
  const axes = patch[0] === 1 ? [1, 2] : [0, 1, 2];
  const alike = (axis: number): number => axes.filter((other) => patch[other] === patch[axis]).length;
  const most = Math.max(...axes.map(alike));
  return most > 1 ? axes.filter((axis) => alike(axis) === most) : [];
}

/** The first `count` of the axes in random order. */
function shuffled(axes: readonly number[], count: number, rng: Rng): number[] {
  const order = [...axes];
  for (let k = 0; k < count; k++) {
    const j = rng.integer(k, order.length);
    [order[k], order[j]] = [order[j]!, order[k]!];
  }
  return order.slice(0, count);
}

/** None to three quarter turns in the plane of two of the axes. */
export const randomQuarterTurns = (axes: readonly number[]): Transform<Placed<Rotate90Settings>> =>
  placedTransform(rotate90Application, (rng) => ({
    turns: rng.integer(0, 4),
    axes: shuffled(axes, 2, rng).sort() as [number, number],
  }));

/** The axes in a random order; the others stay. */
export const randomTranspose = (axes: readonly number[]): Transform<Placed<TransposeSettings>> =>
  placedTransform(transposeApplication, (rng) => {
    const drawn = shuffled(axes, axes.length, rng);
    return { order: [0, 1, 2].map((axis) => drawn[axes.indexOf(axis)] ?? axis) };
  });
