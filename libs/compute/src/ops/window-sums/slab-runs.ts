/** Layers of a volume as stretches of elements. */
import { sizeOf } from '../../tensor/spec.ts';

export interface TakeSlabOptions {
  /** Of the volume: 0 is z, 1 is y. */
  readonly axis: number;
  readonly start: number;
  readonly length: number;
}

/** The slab as elements: `runs` stretches of `extent`, of each `taken` from `first` on. */
export function slabRuns(
  shape: readonly number[],
  { axis, start, length }: TakeSlabOptions,
): { readonly runs: number; readonly extent: number; readonly first: number; readonly taken: number } {
  const inner = sizeOf(shape.slice(axis + 2));
  return {
    runs: sizeOf(shape.slice(0, axis + 1)),
    extent: shape[axis + 1]! * inner,
    first: start * inner,
    taken: length * inner,
  };
}
