/** The part of an image that holds something: nnU-Net's crop to the non-zero region. */
import type { PerAxis, VoxelArray } from '../volume.ts';
import { type Box, boxShape, cutBox, tightBox } from './box.ts';
import { fillHoles } from './holes.ts';

/** 1 where any channel of [C, z, y, x] differs from zero (NaN does), holes filled; shape [z, y, x]. */
export function nonzeroMask(voxels: VoxelArray, shape: PerAxis): Uint8Array {
  const size = shape[0] * shape[1] * shape[2];
  const mask = new Uint8Array(size);
  for (let base = 0; base < voxels.length; base += size)
    for (let i = 0; i < size; i++) if (voxels[base + i] !== 0) mask[i] = 1;
  fillHoles(mask, shape);
  return mask;
}

/** Where an image is not zero. */
export interface NonzeroRegion {
  /** Tight box of the filled mask; the whole image if nothing is non-zero. */
  readonly box: Box;
  readonly shape: PerAxis;
  /** The filled mask inside the box, [z, y, x]. */
  readonly mask: Uint8Array;
}

/**
 * The non-zero region of an image [C, z, y, x].
 *
 * Source: nnU-Net (Isensee 2021), `crop_to_nonzero`: OR over channels, 3D hole filling, tight box.
 */
export function nonzeroRegion(voxels: VoxelArray, shape: PerAxis): NonzeroRegion {
  const mask = nonzeroMask(voxels, shape);
  const box = tightBox(mask, shape) ?? { start: [0, 0, 0], end: shape };
  return { box, shape: boxShape(box), mask: cutBox(mask, 1, shape, box) };
}
