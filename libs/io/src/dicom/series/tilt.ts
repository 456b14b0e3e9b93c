/** Slices of a tilted gantry, resampled onto a grid with right angles: each is shifted within its plane by linear interpolation. */
import type { VoxelArray } from '@voxelwise/volume';
import type { Lattice } from './arrange.ts';
import { cross, dot, length, plus, times, unit } from './vector.ts';

export interface Shearing {
  /** The grid with right angles, large enough to hold every slice. */
  readonly lattice: Lattice;
  /** Resamples slice `z` of the tilted stack into `target`, a slice of the new grid. */
  slice(source: VoxelArray, z: number, target: VoxelArray): void;
  /** Fills what no slice covers with the lowest value seen. */
  finish(voxels: VoxelArray): void;
  /** Columns and rows of the new grid in front of slice `z`'s first pixel. */
  shift(z: number): { readonly columns: number; readonly rows: number };
}

interface Axis {
  /** Voxels that slice k lies further along this axis than slice 0. */
  readonly perSlice: number;
  /** Voxels added in front of the first. */
  readonly before: number;
  readonly size: number;
  readonly sourceSize: number;
}

function axisOf(perSlice: number, sourceSize: number, slices: number): Axis {
  const travel = Math.abs(perSlice) < 1e-9 ? 0 : perSlice * (slices - 1);
  const before = Math.ceil(Math.max(0, -travel) - 1e-6);
  return {
    perSlice: travel === 0 ? 0 : perSlice,
    before,
    size: sourceSize + before + Math.ceil(Math.max(0, travel) - 1e-6),
    sourceSize,
  };
}

/** Prepares the resampling of a tilted lattice. */
export function shearing(lattice: Lattice): Shearing {
  const { alongRow, alongColumn, step, origin, slices } = lattice;
  const normal = unit(cross(alongRow, alongColumn));
  const x = axisOf(dot(step, unit(alongRow)) / length(alongRow), lattice.columns, slices);
  const y = axisOf(dot(step, unit(alongColumn)) / length(alongColumn), lattice.rows, slices);
  const straight = {
    ...lattice,
    origin: plus(plus(origin, alongRow, -x.before), alongColumn, -y.before),
    step: times(normal, dot(step, normal)),
    columns: x.size,
    rows: y.size,
  };
  let lowest = Infinity;
  // First and last index (exclusive) of the new axis that a slice covers.
  const covered = (axis: Axis, z: number): readonly [number, number] => {
    const shift = axis.before + axis.perSlice * z;
    return [Math.ceil(shift - 1e-6), Math.floor(shift + axis.sourceSize - 1 + 1e-6) + 1];
  };
  const slice: Shearing['slice'] = (source, z, target) => {
    const round = !(target instanceof Float32Array || target instanceof Float64Array);
    for (const value of source) if (value < lowest) lowest = value;
    const [x0, x1] = covered(x, z);
    const [y0, y1] = covered(y, z);
    const at = (axis: Axis, i: number): readonly [number, number, number] => {
      const s = Math.min(axis.sourceSize - 1, Math.max(0, i - axis.before - axis.perSlice * z));
      const low = Math.floor(s);
      return [low, Math.min(axis.sourceSize - 1, low + 1), s - low];
    };
    for (let j = y0; j < y1; j++) {
      const [ya, yb, fy] = at(y, j);
      for (let i = x0; i < x1; i++) {
        const [xa, xb, fx] = at(x, i);
        const upper = source[ya * x.sourceSize + xa]! * (1 - fx) + source[ya * x.sourceSize + xb]! * fx;
        const lower = source[yb * x.sourceSize + xa]! * (1 - fx) + source[yb * x.sourceSize + xb]! * fx;
        const value = upper * (1 - fy) + lower * fy;
        target[j * x.size + i] = round ? Math.round(value) : value;
      }
    }
  };
  const finish: Shearing['finish'] = (voxels) => {
    const plane = x.size * y.size;
    for (let k = 0; k < voxels.length / plane; k++) {
      const [x0, x1] = covered(x, k % slices);
      const [y0, y1] = covered(y, k % slices);
      const slab = voxels.subarray(k * plane, (k + 1) * plane);
      for (let j = 0; j < y.size; j++) {
        if (j < y0 || j >= y1) slab.fill(lowest, j * x.size, (j + 1) * x.size);
        else {
          slab.fill(lowest, j * x.size, j * x.size + x0);
          slab.fill(lowest, j * x.size + x1, (j + 1) * x.size);
        }
      }
    }
  };
  const shift: Shearing['shift'] = (z) => ({ columns: x.before + x.perSlice * z, rows: y.before + y.perSlice * z });
  return { lattice: straight, slice, finish, shift };
}

/** All slices of a tilted stack, [channels, slices, plane], on the grid with right angles. */
export function shearSlices(voxels: VoxelArray, tilted: Lattice, shear: Shearing): VoxelArray {
  const [from, to] = [tilted, shear.lattice].map(({ rows, columns }) => rows * columns) as [number, number];
  const count = voxels.length / from;
  const make = voxels.constructor as new (length: number) => VoxelArray;
  const out = new make(count * to);
  for (let k = 0; k < count; k++)
    shear.slice(voxels.subarray(k * from, (k + 1) * from), k % tilted.slices, out.subarray(k * to, (k + 1) * to));
  shear.finish(out);
  return out;
}
