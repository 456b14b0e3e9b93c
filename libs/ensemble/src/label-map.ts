/** A segmentation as host numbers: what is chosen among, merged and post-processed. */
import type { PerAxis } from '@voxelwise/volume';
import { EnsembleError } from './errors.ts';

/** Whole numbers [z, y, x], C order. */
export interface LabelMap {
  readonly voxels: Uint8Array | Uint16Array | Int8Array | Int16Array | Int32Array;
  readonly shape: PerAxis;
}

/** Throws: EnsembleError, naming both shapes, if the maps are not of one shape. */
export function requireSameShape(maps: readonly LabelMap[], who: string): void {
  const [first, ...others] = maps;
  const odd = others.find(({ shape }) => shape.some((n, axis) => n !== first!.shape[axis]));
  if (first === undefined) throw new EnsembleError(`${who}: needs at least one segmentation.`, {});
  if (odd !== undefined)
    throw new EnsembleError(
      `${who}: segmentations of [${first.shape.join(', ')}] and [${odd.shape.join(', ')}] voxels do not lie on the same grid.`,
      {
        shapes: [first.shape, odd.shape],
      },
    );
}
