/** Affine index maps as row-major 3x4, [A | t] in array order, and what grids make of them. */
import { invertAffine, type Grid, type PerAxis } from '@voxelwise/volume';
import { TransformError } from '../errors.ts';

export type Matrix34 = readonly number[];

export const IDENTITY: Matrix34 = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0];

/** a ∘ b: first b, then a. */
export function compose(a: Matrix34, b: Matrix34): number[] {
  return Array.from({ length: 12 }, (_, k) => {
    const [row, column] = [Math.floor(k / 4), k % 4];
    return [0, 1, 2].reduce((sum, j) => sum + a[row * 4 + j]! * b[j * 4 + column]!, column === 3 ? a[row * 4 + 3]! : 0);
  });
}

export function toAffine(m: Matrix34): Float64Array {
  return Float64Array.from([...m, 0, 0, 0, 1]);
}

export function fromAffine(affine: ArrayLike<number>): number[] {
  return Array.from({ length: 12 }, (_, k) => affine[k]!);
}

/** Throws: TransformError if the matrix is singular. */
export function invert(m: Matrix34): number[] {
  try {
    return fromAffine(invertAffine(toAffine(m)));
  } catch (cause) {
    throw new TransformError(
      `affine: the matrix [${m.map((value) => +value.toPrecision(4)).join(', ')}] is singular: it flattens the volume and cannot be undone.`,
      { matrix: [...m] },
      { cause },
    );
  }
}

export function translation(t: readonly number[]): number[] {
  return [1, 0, 0, t[0]!, 0, 1, 0, t[1]!, 0, 0, 1, t[2]!];
}

/** From nine numbers, row-major. */
export function linear(m: readonly number[]): number[] {
  return [m[0]!, m[1]!, m[2]!, 0, m[3]!, m[4]!, m[5]!, 0, m[6]!, m[7]!, m[8]!, 0];
}

export function diagonal(d: readonly number[]): number[] {
  return [d[0]!, 0, 0, 0, 0, d[1]!, 0, 0, 0, 0, d[2]!, 0];
}

export function applyTo(m: Matrix34, p: readonly number[]): PerAxis {
  return [0, 1, 2].map(
    (row) => m[row * 4]! * p[0]! + m[row * 4 + 1]! * p[1]! + m[row * 4 + 2]! * p[2]! + m[row * 4 + 3]!,
  ) as unknown as PerAxis;
}

/** The grid of `shape` whose voxel o lies where voxel m(o) of `grid` lies. */
export function regrid(grid: Grid, m: Matrix34, shape: PerAxis): Grid {
  return { shape, affine: toAffine(compose(fromAffine(grid.affine), m)) };
}

/** The index map from voxels of `to` to voxels of `from`. Throws: TransformError if `from` is singular. */
export function between(from: Grid, to: Grid): number[] {
  return compose(invert(fromAffine(from.affine)), fromAffine(to.affine));
}

/** Rotation about array axis k by `angle` radians, right-handed in index space, as 3x3. */
export function rotationAbout(k: number, angle: number): number[] {
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  if (k === 0) return [1, 0, 0, 0, c, -s, 0, s, c];
  return k === 1 ? [c, 0, s, 0, 1, 0, -s, 0, c] : [c, -s, 0, s, c, 0, 0, 0, 1];
}

/** Product of two 3x3. */
export function product(a: readonly number[], b: readonly number[]): number[] {
  return Array.from({ length: 9 }, (_, k) =>
    [0, 1, 2].reduce((sum, j) => sum + a[Math.floor(k / 3) * 3 + j]! * b[j * 3 + (k % 3)]!, 0),
  );
}
