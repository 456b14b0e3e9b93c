/** Volumes with their axes in one order for all patients: array axes (z, y, x) along world (S, A, R), as near as whole turns allow. */
import { orientation } from './direction.ts';
import type { Case, Grid, PerAxis, Volume, VoxelArray } from './volume.ts';

/** For each axis of the canonical grid: which array axis it is, and whether that runs the other way. */
interface AxisOrder {
  readonly axes: PerAxis;
  readonly reversed: readonly [boolean, boolean, boolean];
}

/**
 * The same voxels in canonical order (what tools that list x first call RAS); the same volume if they are so already.
 * Oblique grids stay oblique: nothing is resampled.
 *
 * Source: nibabel's `as_closest_canonical`.
 */
export function toCanonical(volume: Volume): Volume {
  const order = canonicalOrder(volume.grid);
  return isIdentity(order) ? volume : reordered(volume, order, gridIn(volume.grid, order));
}

/** A grid with its axes in canonical order. */
export function canonicalGrid(grid: Grid): Grid {
  return gridIn(grid, canonicalOrder(grid));
}

/** Images and labels of a case in canonical order; landmarks are in the patient and stay. */
export function canonicalCase<T extends Case>(subject: T): T {
  return {
    ...subject,
    images: toCanonical(subject.images),
    ...(subject.labels ? { labels: toCanonical(subject.labels) } : {}),
  };
}

/** The way back: voxels in canonical order → voxels on `grid`, the grid they had before. */
export function fromCanonical(volume: Volume, grid: Grid): Volume {
  const { axes, reversed } = canonicalOrder(grid);
  const back = [0, 1, 2].map((axis) => axes.indexOf(axis)) as unknown as PerAxis;
  const order: AxisOrder = { axes: back, reversed: [reversed[back[0]]!, reversed[back[1]]!, reversed[back[2]]!] };
  return isIdentity(order) ? { ...volume, grid } : reordered(volume, order, grid);
}

function canonicalOrder(grid: Grid): AxisOrder {
  const letters = [...orientation(grid)];
  const found = ['SI', 'AP', 'RL'].map((pair) => letters.findIndex((letter) => pair.includes(letter)));
  return {
    axes: found as unknown as PerAxis,
    reversed: found.map((axis) => 'IPL'.includes(letters[axis]!)) as unknown as AxisOrder['reversed'],
  };
}

function isIdentity({ axes, reversed }: AxisOrder): boolean {
  return axes.every((axis, k) => axis === k) && !reversed.some(Boolean);
}

function gridIn({ shape, affine }: Grid, { axes, reversed }: AxisOrder): Grid {
  const next = Float64Array.from(affine);
  for (let row = 0; row < 3; row++)
    axes.forEach((axis, k) => {
      const step = affine[row * 4 + axis]!;
      next[row * 4 + k] = reversed[k] ? -step : step;
      if (reversed[k]) next[row * 4 + 3]! += step * (shape[axis]! - 1);
    });
  return { shape: axes.map((axis) => shape[axis]!) as unknown as PerAxis, affine: next };
}

function reordered(volume: Volume, { axes, reversed }: AxisOrder, grid: Grid): Volume {
  const from = volume.grid.shape;
  const strides = [from[1] * from[2], from[2], 1];
  const size = from[0] * from[1] * from[2];
  const start = axes.reduce((sum, axis, k) => sum + (reversed[k] ? strides[axis]! * (from[axis]! - 1) : 0), 0);
  const [sz, sy, sx] = axes.map((axis, k) => (reversed[k] ? -strides[axis]! : strides[axis]!)) as [
    number,
    number,
    number,
  ];
  const [nz, ny, nx] = grid.shape;
  const source = volume.voxels;
  const voxels = new (source.constructor as new (length: number) => VoxelArray)(source.length);
  let to = 0;
  for (let first = start; to < source.length; first += size)
    for (let z = 0; z < nz; z++)
      for (let y = 0; y < ny; y++)
        for (let x = 0, at = first + z * sz + y * sy; x < nx; x++, at += sx) voxels[to++] = source[at]!;
  return { ...volume, grid, voxels };
}
