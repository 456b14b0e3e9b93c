/** Questions about a grid: voxel spacing, voxel count, an axis-aligned grid from spacing and origin. */
import type { Grid, PerAxis } from './volume.ts';
import { GeometryError } from './errors.ts';

/** Number of voxels of one channel. */
export function voxelCount(shape: PerAxis): number {
  return shape[0] * shape[1] * shape[2];
}

/** Millimetres between neighboring voxels along each array axis [z, y, x]: the lengths of the affine's columns. */
export function spacing(grid: Grid): PerAxis {
  const a = grid.affine;
  const length = (c: number): number => withoutNoise(Math.hypot(a[c]!, a[4 + c]!, a[8 + c]!));
  return [length(0), length(1), length(2)];
}

/**
 * A length without the last digits that a rotation leaves behind: two axes stored with the same voxel size must compare equal,
 * because planners ask `===`. Headers hold float32 or short decimals; only noise of 1e-9 and 1e-13 (relative) is removed.
 */
function withoutNoise(length: number): number {
  const single = Math.fround(length);
  if (Math.abs(single - length) <= 1e-9 * length) return single;
  const decimal = Number(length.toPrecision(12));
  return Math.abs(decimal - length) <= 1e-13 * length ? decimal : length;
}

/**
 * An axis-aligned grid: array axes (z, y, x) run along world (S, A, R), so x grows to the patient's right.
 *
 * Units: `spacingMm` in array order; `originMm` is the RAS position of voxel [0, 0, 0].
 * Throws: GeometryError if a spacing is not positive and finite.
 */
export function alignedGrid(shape: PerAxis, spacingMm: PerAxis = [1, 1, 1], originMm: PerAxis = [0, 0, 0]): Grid {
  if (!spacingMm.every((s) => Number.isFinite(s) && s > 0))
    throw new GeometryError(`alignedGrid: spacing must be positive millimetres, came [${spacingMm.join(', ')}].`, {
      spacingMm,
    });
  const [sz, sy, sx] = spacingMm;
  const [r, a, s] = originMm;
  return { shape, affine: new Float64Array([0, 0, sx, r, 0, sy, 0, a, sz, 0, 0, s, 0, 0, 0, 1]) };
}
