/** Points of a case under spatial transforms: they stay with the content that they mark. */
import { indexOf, worldOf, type Grid, type PerAxis } from '@voxelwise/volume';
import type { Placement, Points, Scene } from '../contract/transform.ts';
import { applyTo, invert } from './matrix.ts';

function mapPoints(moved: Scene, change: (point: Points[number]) => Points[number]): Scene {
  if (!moved.points) return moved;
  const points = Object.fromEntries(Object.entries(moved.points).map(([name, set]) => [name, set.map(change)]));
  return { ...moved, points };
}

/**
 * `moved` with the points of `before` after the placement of its images. Where the new grid tells honestly where each voxel
 * came from, points stay where they are in the patient; they move where content moves on a grid that stays.
 */
export function movePoints(moved: Scene, before: Scene, { grid, matrix }: Placement): Scene {
  if (!before.points) return moved;
  const back = invert(matrix);
  const from = before.images.grid;
  return mapPoints({ ...moved, points: before.points }, (point) =>
    worldOf({ ...grid }, applyTo(back, indexOf(from, point))),
  );
}

/** How often a position under a dense deformation is corrected at most, and the voxels at which it is good enough. */
const [STEPS, ENOUGH] = [200, 1e-7];

/**
 * The points after a deformation on `grid` that reads voxel o at o + field(o) ([3][voxels], in voxels): each p goes to the o
 * with o + field(o) = p. Where a field folds there are several such o, and the one that iteration finds is taken; beyond the
 * image the field goes on as at its border.
 */
export function movePointsByField(moved: Scene, grid: Grid, field: ArrayLike<number>): Scene {
  return mapPoints(moved, (point) => {
    const target = indexOf(grid, point);
    let o = target;
    let step = 1;
    let last = Infinity;
    for (let k = 0; k < STEPS; k++) {
      const at = read(field, grid.shape, o);
      const error = target.map((t, axis) => t - at[axis]! - o[axis]!);
      const size = Math.hypot(...error);
      if (size < ENOUGH) break;
      // Steep fields overshoot: then shorter steps.
      if (size >= last) step = Math.max(step / 2, 1 / 16);
      last = size;
      o = o.map((value, axis) => value + step * error[axis]!) as unknown as PerAxis;
    }
    return worldOf(grid, o);
  });
}

/** The field at a fractional index, linear between voxels. */
function read(field: ArrayLike<number>, shape: PerAxis, index: PerAxis): [number, number, number] {
  const voxels = shape[0] * shape[1] * shape[2];
  const inside = index.map((i, axis) => Math.min(shape[axis]! - 1, Math.max(0, i)));
  const low = inside.map((i, axis) => Math.min(Math.floor(i), Math.max(0, shape[axis]! - 2)));
  const result: [number, number, number] = [0, 0, 0];
  for (let k = 0; k < 8; k++) {
    const corner = [k >> 2, (k >> 1) & 1, k & 1];
    const weight = corner.reduce((w, c, axis) => {
      const u = inside[axis]! - low[axis]!;
      return w * (c ? u : 1 - u);
    }, 1);
    if (weight === 0) continue;
    const [z, y, x] = low.map((l, axis) => l + corner[axis]!) as [number, number, number];
    const v = (z * shape[1] + y) * shape[2] + x;
    for (let axis = 0; axis < 3; axis++) result[axis]! += weight * field[axis * voxels + v]!;
  }
  return result;
}
