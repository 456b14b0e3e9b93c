/** Copies between an image and a window on the host, with mirrored axes read backwards. */
import type { PerAxis } from '@voxelwise/volume';

/** An image on the host: [C, z, y, x], row-major. */
export interface HostImage {
  readonly channels: number;
  readonly shape: PerAxis;
  readonly data: Float32Array;
}

/** Where a window stands in an image (its first voxel, perhaps outside), and which axes are mirrored in it. */
export interface Placement {
  readonly start: PerAxis;
  readonly patch: PerAxis;
  readonly mirrored: readonly number[];
}

/** Copies a window out of an image into `into` at `offset`; what lies outside stays as it is there (zero). */
export function cutWindow(
  image: HostImage,
  { start, patch, mirrored }: Placement,
  into: Float32Array,
  offset: number,
): void {
  const turned = mirrored.includes(2);
  eachRow(image.shape, { start, patch, mirrored }, image.channels, (imageAt, windowAt, length) => {
    const to = offset + windowAt;
    if (turned) for (let k = 0; k < length; k++) into[to - k] = image.data[imageAt + k]!;
    else into.set(image.data.subarray(imageAt, imageAt + length), to);
  });
}

/** Copies a slab into an image, from layer `start` of `axis` on. */
export function pasteSlab(image: HostImage, slab: HostImage, axis: number, start: number): void {
  const inner = image.shape.slice(axis + 1).reduce((product, n) => product * n, 1);
  const outer = image.shape.slice(0, axis).reduce((product, n) => product * n, image.channels);
  const length = slab.shape[axis]! * inner;
  for (let o = 0; o < outer; o++)
    image.data.set(slab.data.subarray(o * length, (o + 1) * length), (o * image.shape[axis]! + start) * inner);
}

/**
 * Visits the rows of a window that lie in the image: the index of the row's first voxel in the image, the index in the
 * window of that same voxel (from where a mirrored row runs backwards), and how many voxels.
 */
function eachRow(
  shape: PerAxis,
  { start, patch, mirrored }: Placement,
  channels: number,
  visit: (imageAt: number, windowAt: number, length: number) => void,
): void {
  const [depth, height, width] = shape;
  const [pz, py, px] = patch;
  const [turnZ, turnY, turnX] = [mirrored.includes(0), mirrored.includes(1), mirrored.includes(2)];
  const firstX = Math.max(0, start[2]);
  const length = Math.min(width, start[2] + px) - firstX;
  if (length <= 0) return;
  const inX = firstX - start[2];
  for (let c = 0; c < channels; c++)
    for (let z = Math.max(0, start[0]); z < Math.min(depth, start[0] + pz); z++) {
      const inZ = turnZ ? pz - 1 - (z - start[0]) : z - start[0];
      for (let y = Math.max(0, start[1]); y < Math.min(height, start[1] + py); y++) {
        const inY = turnY ? py - 1 - (y - start[1]) : y - start[1];
        const imageAt = ((c * depth + z) * height + y) * width + firstX;
        const windowAt = ((c * pz + inZ) * py + inY) * px + (turnX ? px - 1 - inX : inX);
        visit(imageAt, windowAt, length);
      }
    }
}
