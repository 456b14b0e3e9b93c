/** Slices at uneven distances, or with some missing, brought to even distances by linear interpolation between neighbors. */
import type { VoxelArray } from '@voxelwise/volume';
import type { Lattice } from './arrange.ts';
import type { Issue } from './issue.ts';
import type { DicomStack } from './scan.ts';
import { length, median, minus, times } from './vector.ts';
import type { Vector } from './vector.ts';

/** Where the slices of an uneven stack are, along the line through them. */
export interface UnevenSlices {
  readonly lattice: Lattice;
  /** For each new slice the stored one at or before it, and the fraction of the way to the next. */
  readonly between: readonly { readonly below: number; readonly fraction: number }[];
}

/**
 * Even slices from the first position to the last, as far apart as most stored ones are: where slices are only missing, those
 * that are there keep their place. `positions`: of the stored slices, in order.
 */
export function evenSlices(lattice: Lattice, positions: readonly Vector[]): UnevenSlices {
  const along = positions.map((p) => length(minus(p, positions[0]!)));
  const extent = along.at(-1)!;
  const usual = median(along.slice(1).map((at, k) => at - along[k]!));
  const slices = Math.max(along.length, Math.round(extent / usual) + 1);
  const step = extent / (slices - 1);
  let below = 0;
  const between = Array.from({ length: slices }, (_, k) => {
    while (below < along.length - 2 && along[below + 1]! <= k * step) below++;
    const exact = (k * step - along[below]!) / (along[below + 1]! - along[below]!);
    // A slice that is there is taken as it is, however its position was rounded.
    const near = Math.round(exact);
    return Math.abs(exact - near) < 0.02
      ? { below: below + Math.min(1, Math.max(0, near)), fraction: 0 }
      : { below, fraction: Math.min(1, Math.max(0, exact)) };
  });
  const total = minus(positions.at(-1)!, positions[0]!);
  return { lattice: { ...lattice, step: times(total, 1 / (slices - 1)), slices }, between };
}

/** What resampling to even distances mends. */
export const isGap = ({ code }: Issue): boolean => code === 'missing-slice' || code === 'uneven-spacing';

/** The even grid for a stack with gaps; undefined when more than half of its slices would be made up. */
export function evenGridOf({ lattice, order }: Pick<DicomStack, 'lattice' | 'order'>): UnevenSlices | undefined {
  const slices = order[0];
  if (lattice === undefined || slices === undefined) return undefined;
  const even = evenSlices(
    lattice,
    slices.map((f) => f.plane!.position),
  );
  return even.lattice.slices > 2 * slices.length ? undefined : even;
}

/** For each stored slice the even one nearest to it. */
export function nearestEven(stored: number, { between }: UnevenSlices): readonly number[] {
  const nearest: number[] = [];
  const distance: number[] = Array.from({ length: stored }, () => Infinity);
  between.forEach(({ below, fraction }, k) => {
    for (const [slice, off] of [
      [below, fraction],
      [below + 1, 1 - fraction],
    ] as const)
      if (slice < stored && off < distance[slice]!) {
        distance[slice] = off;
        nearest[slice] = k;
      }
  });
  return nearest;
}

/** Values on the even slices; whole numbers are rounded. `voxels`: [channels, stored slices, plane]. */
export function interpolateSlices(voxels: VoxelArray, stored: number, { lattice, between }: UnevenSlices): VoxelArray {
  const plane = lattice.rows * lattice.columns;
  const channels = voxels.length / (stored * plane);
  const make = voxels.constructor as new (length: number) => VoxelArray;
  const out = new make(channels * between.length * plane);
  const round = !(voxels instanceof Float32Array || voxels instanceof Float64Array);
  for (let c = 0; c < channels; c++)
    for (const [k, { below, fraction }] of between.entries()) {
      const from = (c * stored + below) * plane;
      const to = (c * between.length + k) * plane;
      if (fraction === 0) {
        out.set(voxels.subarray(from, from + plane), to);
        continue;
      }
      for (let i = 0; i < plane; i++) {
        const value = voxels[from + i]! * (1 - fraction) + voxels[from + plane + i]! * fraction;
        out[to + i] = round ? Math.round(value) : value;
      }
    }
  return out;
}
