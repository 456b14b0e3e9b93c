/** Boxes of voxels: tight around a mask, grown, cut out. Half open: voxel i is inside along an axis if start <= i < end. */
import type { PerAxis, VoxelArray } from '../volume.ts';

/** A box of voxels, array order, half open. */
export interface Box {
  readonly start: PerAxis;
  readonly end: PerAxis;
}

/** Number of voxels along each axis of a box. */
export function boxShape({ start, end }: Box): PerAxis {
  return [end[0] - start[0], end[1] - start[1], end[2] - start[2]];
}

/** The smallest box that holds every non-zero voxel of a mask [z, y, x]; undefined if there is none. */
export function tightBox(mask: ArrayLike<number>, shape: PerAxis): Box | undefined {
  const [depth, height, width] = shape;
  const start = [depth, height, width] as [number, number, number];
  const end = [0, 0, 0] as [number, number, number];
  for (let z = 0, row = 0; z < depth; z++)
    for (let y = 0; y < height; y++, row += width) {
      let first = 0;
      while (first < width && mask[row + first] === 0) first++;
      if (first === width) continue;
      let last = width - 1;
      while (mask[row + last] === 0) last--;
      if (z < start[0]) start[0] = z;
      if (y < start[1]) start[1] = y;
      if (first < start[2]) start[2] = first;
      end[0] = z + 1;
      if (y >= end[1]) end[1] = y + 1;
      if (last >= end[2]) end[2] = last + 1;
    }
  return end[0] === 0 ? undefined : { start, end };
}

/** The voxels of [C, z, y, x] inside a box that lies within the array, as an array of the same kind. */
export function cutBox<A extends VoxelArray>(voxels: A, channels: number, shape: PerAxis, box: Box): A {
  const [depth, height, width] = shape;
  const [outDepth, outHeight, outWidth] = boxShape(box);
  const out = new (voxels.constructor as new (length: number) => A)(channels * outDepth * outHeight * outWidth);
  let to = 0;
  for (let c = 0; c < channels; c++)
    for (let z = box.start[0]; z < box.end[0]; z++)
      for (let y = box.start[1]; y < box.end[1]; y++, to += outWidth) {
        const from = ((c * depth + z) * height + y) * width + box.start[2];
        out.set(voxels.subarray(from, from + outWidth), to);
      }
  return out;
}
