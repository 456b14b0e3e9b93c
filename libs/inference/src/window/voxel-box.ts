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

/** The part of a window that logits were kept of. */
export interface WindowBox {
  readonly start: PerAxis;
  readonly shape: PerAxis;
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

/** Adds a window's logits (of `box`, or of the whole window) times `weights` (of the whole window) to `sum`. */
export function addWindow(
  sum: HostImage,
  logits: Float32Array,
  offset: number,
  weights: Float32Array,
  placement: Placement,
  box: WindowBox = { start: [0, 0, 0], shape: placement.patch },
): void {
  const [, height, width] = placement.patch;
  const [bz, by, bx] = box.start;
  const [depth, rows, columns] = box.shape;
  const voxels = weights.length;
  const step = placement.mirrored.includes(2) ? -1 : 1;
  eachRow(sum.shape, placement, sum.channels, (imageAt, windowAt, length) => {
    const { data } = sum;
    const inWindow = windowAt % voxels;
    const channel = (windowAt - inWindow) / voxels;
    const x = inWindow % width;
    const y = Math.floor(inWindow / width) % height;
    const z = Math.floor(inWindow / (width * height));
    // The Gaussian is laid over the patch as it stands in the image, so a mirrored axis reads it forwards.
    const weightAt = forwardIndex(inWindow, placement);
    let from = offset + ((channel * depth + z - bz) * rows + y - by) * columns + x - bx;
    for (let k = 0; k < length; k++, from += step) data[imageAt + k]! += logits[from]! * weights[weightAt + k]!;
  });
}

/** Index in the unmirrored window of the voxel that stands at `index` in the mirrored one. */
function forwardIndex(index: number, { patch, mirrored }: Placement): number {
  const [depth, height, width] = patch;
  let x = index % width;
  let y = Math.floor(index / width) % height;
  let z = Math.floor(index / (width * height));
  if (mirrored.includes(0)) z = depth - 1 - z;
  if (mirrored.includes(1)) y = height - 1 - y;
  if (mirrored.includes(2)) x = width - 1 - x;
  return (z * height + y) * width + x;
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
