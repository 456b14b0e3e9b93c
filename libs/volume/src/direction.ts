/** The direction of a grid's axes: unit columns, their letters, and the repair of directions that are almost orthogonal. */
import { affineFrom, determinant3, invert3, linearPart } from './affine.ts';
import type { Matrix3 } from './affine.ts';
import { GeometryError } from './errors.ts';
import type { Grid } from './volume.ts';

/** A grid whose directions are exactly orthogonal, and how far the original was from it. */
export interface OrthogonalGrid {
  readonly grid: Grid;
  /** Largest difference between an entry of the original direction matrix and of the repaired one; 0 for an exact rotation. */
  readonly deviation: number;
}

/** Unit vectors of the array axes (z, y, x) in RAS+, as columns. Throws: GeometryError if an axis has no length. */
export function direction(grid: Grid): Matrix3 {
  const m = linearPart(grid.affine);
  const lengths = [0, 1, 2].map((c) => Math.hypot(m[c]!, m[3 + c]!, m[6 + c]!));
  if (!lengths.every((l) => Number.isFinite(l) && l > 0))
    throw new GeometryError(
      `direction: every axis needs a finite, positive voxel size; lengths are [${lengths.join(', ')}] mm (z, y, x).`,
      { lengths },
    );
  return m.map((v, i) => v / lengths[i % 3]!) as unknown as Matrix3;
}

/**
 * The orthogonal matrix nearest to `m` (polar decomposition, Newton's iteration; Higham 1986).
 *
 * Throws: GeometryError if `m` is singular.
 */
export function nearestOrthogonal(m: Matrix3): Matrix3 {
  let q = m;
  for (let round = 0; round < 100; round++) {
    const inverse = invert3(q);
    const next = q.map((v, i) => 0.5 * (v + inverse[3 * (i % 3) + Math.floor(i / 3)]!)) as unknown as Matrix3;
    const change = Math.max(...next.map((v, i) => Math.abs(v - q[i]!)));
    q = next;
    if (change < 1e-15) break;
  }
  return q;
}

/** How far the axes are from right angles: see `OrthogonalGrid.deviation`. */
export function shear(grid: Grid): number {
  const d = direction(grid);
  const q = nearestOrthogonal(d);
  return Math.max(...q.map((v, i) => Math.abs(v - d[i]!)));
}

/**
 * The same grid with exactly orthogonal axes; spacing and the position of voxel [0, 0, 0] stay.
 *
 * `tolerance`: the largest deviation that counts as rounding. Files store directions with three to seven digits.
 * Throws: GeometryError if the axes are sheared by more, as gantry tilt leaves them: no rotation describes such a grid.
 */
export function orthogonalize(grid: Grid, { tolerance = 2e-3 }: { readonly tolerance?: number } = {}): OrthogonalGrid {
  const d = direction(grid);
  const q = nearestOrthogonal(d);
  const deviation = Math.max(...q.map((v, i) => Math.abs(v - d[i]!)));
  if (deviation > tolerance)
    throw new GeometryError(
      `orthogonalize: the axes are sheared: the direction matrix is ${deviation.toPrecision(3)} from the nearest rotation, ` +
        `at most ${tolerance} counts as rounding. Resample the image onto a grid with right angles.`,
      { deviation, tolerance, direction: [...d] },
    );
  const m = linearPart(grid.affine);
  const lengths = [0, 1, 2].map((c) => Math.hypot(m[c]!, m[3 + c]!, m[6 + c]!));
  const linear = q.map((v, i) => v * lengths[i % 3]!) as unknown as Matrix3;
  const a = grid.affine;
  return { grid: { shape: grid.shape, affine: affineFrom(linear, [a[3]!, a[7]!, a[11]!]) }, deviation };
}

/** True when the axes form a right-handed system in the order x, y, z. */
export function isRightHanded(grid: Grid): boolean {
  return determinant3(linearPart(grid.affine)) < 0; // columns are z, y, x: an odd permutation of x, y, z
}

const LETTERS = [
  ['R', 'L'],
  ['A', 'P'],
  ['S', 'I'],
] as const;

/**
 * Where the array axes point, slowest first: 'SAR' for a grid whose z grows upwards, y to the front, x to the right.
 * (Tools that list x first call the same grid 'RAS'.) Oblique axes get the letter of their largest component, each letter once.
 */
export function orientation(grid: Grid): string {
  const q = nearestOrthogonal(direction(grid));
  let best = { score: -Infinity, letters: '' };
  for (const order of [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
  ] as const) {
    const parts = order.map((world, axis) => q[3 * world + axis]!);
    const score = parts.reduce((sum, v) => sum + Math.abs(v), 0);
    if (score > best.score + 1e-9)
      best = { score, letters: order.map((world, axis) => LETTERS[world]![parts[axis]! < 0 ? 1 : 0]).join('') };
  }
  return best.letters;
}
