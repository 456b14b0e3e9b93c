/** Questions about a grid: voxel spacing, voxel count, an axis-aligned grid from spacing and origin. */
import type { Grid, PerAxis } from './volume.ts';
import { GeometryError } from './errors.ts';

/** Number of voxels of one channel. */
export function voxelCount(shape: PerAxis): number {
  return shape[0] * shape[1] * shape[2];
}

/** Millimetres between neighbouring voxels along each array axis [z, y, x]: the lengths of the affine's columns. */
export function spacing(grid: Grid): PerAxis {
  const a = grid.affine;
  const length = (c: number): number => Math.hypot(a[c]!, a[4 + c]!, a[8 + c]!);
  return [length(0), length(1), length(2)];
}

/**
 * An axis-aligned grid: array axes (z, y, x) run along world (S, A, R), so x grows to the patient's right.
 *
 * Units: `spacingMm` in array order; `originMm` is the RAS position of voxel [0, 0, 0].
 * Throws: GeometryError if a spacing is not positive and finite.
 */
export function alignedGrid(shape: PerAxis, spacingMm: PerAxis = [1, 1, 1], originMm: PerAxis = [0, 0, 0]): Grid {
  if (!spacingMm.every((s) => Number.isFinite(s) && s > 0))
    throw new GeometryError(`alignedGrid: spacing must be positive millimetres, came [${spacingMm.join(', ')}].`, { spacingMm });
  const [sz, sy, sx] = spacingMm;
  const [r, a, s] = originMm;
  return { shape, affine: new Float64Array([0, 0, sx, r, 0, sy, 0, a, sz, 0, 0, s, 0, 0, 0, 1]) };
}
