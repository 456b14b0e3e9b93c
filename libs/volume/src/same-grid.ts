/** Whether two grids are one place in the patient: judged at their far corners, where every difference is largest. */
import { worldOf } from './affine.ts';
import { spacing } from './grid.ts';
import type { Grid, PerAxis } from './volume.ts';

/** How two grids differ. */
export interface GridDifference {
  readonly sameShape: boolean;
  /** Largest distance between corresponding corners, in millimetres; of the corners of the smaller shape if shapes differ. */
  readonly cornerMm: number;
  /** The same distance as a fraction of the smallest voxel edge of either grid. */
  readonly cornerVoxels: number;
  readonly spacingMm: readonly [PerAxis, PerAxis];
  readonly originMm: readonly [PerAxis, PerAxis];
}

/** Measures how far apart two grids place the same voxels. */
export function compareGrids(a: Grid, b: Grid): GridDifference {
  const far = a.shape.map((n, axis) => Math.max(0, Math.min(n, b.shape[axis]!) - 1));
  let cornerMm = 0;
  for (let corner = 0; corner < 8; corner++) {
    const index = far.map((n, axis) => (corner & (1 << axis) ? n : 0)) as unknown as PerAxis;
    const [p, q] = [worldOf(a, index), worldOf(b, index)];
    const distance = Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]);
    cornerMm = Number.isNaN(distance) ? Infinity : Math.max(cornerMm, distance);
  }
  const edges = [...spacing(a), ...spacing(b)];
  return {
    sameShape: a.shape.every((n, axis) => n === b.shape[axis]),
    cornerMm,
    cornerVoxels: cornerMm / Math.min(...edges),
    spacingMm: [spacing(a), spacing(b)],
    originMm: [worldOf(a, [0, 0, 0]), worldOf(b, [0, 0, 0])],
  };
}

/**
 * True when both grids have one shape and their corners agree within `toleranceVoxels` of the smallest voxel edge.
 *
 * The default of 0.1 voxel forgives directions stored with three digits on a 100-voxel axis, and nothing that moves a label.
 */
export function sameGrid(
  a: Grid,
  b: Grid,
  { toleranceVoxels = 0.1 }: { readonly toleranceVoxels?: number } = {},
): boolean {
  const difference = compareGrids(a, b);
  return difference.sameShape && difference.cornerVoxels <= toleranceVoxels;
}
