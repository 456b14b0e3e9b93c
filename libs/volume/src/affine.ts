/** Affine maps between array indices and millimetres: apply, invert, take apart. Matrices are row-major 4x4. */
import { GeometryError } from './errors.ts';
import type { Grid, PerAxis } from './volume.ts';

/** A position in the patient, RAS+ millimetres. */
export type WorldPoint = readonly [number, number, number];

/** Row-major 3x3. */
export type Matrix3 = readonly [number, number, number, number, number, number, number, number, number];

/** RAS+ millimetres of the voxel index [z, y, x] (fractions allowed; whole numbers are voxel centers). */
export function worldOf(grid: Grid, index: PerAxis): WorldPoint {
  const a = grid.affine;
  const [i, j, k] = index;
  const row = (r: number): number => a[4 * r]! * i + a[4 * r + 1]! * j + a[4 * r + 2]! * k + a[4 * r + 3]!;
  return [row(0), row(1), row(2)];
}

/** Voxel index [z, y, x] of a position in RAS+ millimetres. Throws: GeometryError if the affine is singular. */
export function indexOf(grid: Grid, world: WorldPoint): PerAxis {
  const inverse = invertAffine(grid.affine);
  return worldOf({ shape: grid.shape, affine: inverse }, world);
}

/** The linear part of an affine: columns are the steps, in millimetres, along z, y and x. */
export function linearPart(affine: Float64Array): Matrix3 {
  return [affine[0]!, affine[1]!, affine[2]!, affine[4]!, affine[5]!, affine[6]!, affine[8]!, affine[9]!, affine[10]!];
}

/** An affine from its linear part and the position of voxel [0, 0, 0]. */
export function affineFrom(linear: Matrix3, origin: WorldPoint): Float64Array {
  const [a, b, c, d, e, f, g, h, i] = linear;
  return new Float64Array([a, b, c, origin[0], d, e, f, origin[1], g, h, i, origin[2], 0, 0, 0, 1]);
}

export function determinant3(m: Matrix3): number {
  const [a, b, c, d, e, f, g, h, i] = m;
  return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
}

/** Throws: GeometryError if the matrix is singular or not finite. */
export function invert3(m: Matrix3): Matrix3 {
  const det = determinant3(m);
  const scale = Math.max(...m.map(Math.abs)) ** 3;
  if (!Number.isFinite(det) || Math.abs(det) <= 1e-12 * scale)
    throw new GeometryError(
      'invert3: the matrix is singular; its columns must be three independent directions. Check the orientation stored in the file.',
      { matrix: [...m] },
    );
  const [a, b, c, d, e, f, g, h, i] = m;
  return [
    (e * i - f * h) / det,
    (c * h - b * i) / det,
    (b * f - c * e) / det,
    (f * g - d * i) / det,
    (a * i - c * g) / det,
    (c * d - a * f) / det,
    (d * h - e * g) / det,
    (b * g - a * h) / det,
    (a * e - b * d) / det,
  ];
}

/** The inverse of an affine. Throws: GeometryError if it is singular. */
export function invertAffine(affine: Float64Array): Float64Array {
  const inverse = invert3(linearPart(affine));
  const [tr, ta, ts] = [affine[3]!, affine[7]!, affine[11]!];
  const row = (r: number): number => -(inverse[3 * r]! * tr + inverse[3 * r + 1]! * ta + inverse[3 * r + 2]! * ts);
  return affineFrom(inverse, [row(0), row(1), row(2)]);
}
