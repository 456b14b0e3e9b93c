/** Slabs of an image along axis 0 or 1: cut off, moved up, put back. */
import type { HostImage } from './voxel-box.ts';
import type { PerAxis } from '@voxelwise/volume';

/** Runs of voxels that are whole along the axes after `axis`: how many come before it, and their length per index of it. */
function runs(
  { channels, shape }: HostImage,
  axis: number,
): { readonly outer: number; readonly extent: number; readonly inner: number } {
  const inner = shape.slice(axis + 1).reduce((product, n) => product * n, 1);
  const outer = shape.slice(0, axis).reduce((product, n) => product * n, channels);
  return { outer, extent: shape[axis]!, inner };
}

/** Some layers of sums, divided by their weights and the number of copies. All of them: in place. */
export function finishedSlab(
  sum: HostImage,
  total: HostImage,
  {
    axis,
    start,
    length,
    copies,
  }: { readonly axis: number; readonly start: number; readonly length: number; readonly copies: number },
): HostImage {
  const { outer, extent, inner } = runs(sum, axis);
  const weightsOuter = runs(total, axis).outer;
  const whole = length === extent;
  const data = whole ? sum.data : new Float32Array(outer * length * inner);
  for (let o = 0; o < outer; o++) {
    const from = (o * extent + start) * inner;
    const weightsFrom = ((o % weightsOuter) * extent + start) * inner;
    const to = o * length * inner;
    for (let k = 0; k < length * inner; k++)
      data[to + k] = sum.data[from + k]! / (total.data[weightsFrom + k]! * copies);
  }
  return {
    channels: sum.channels,
    shape: sum.shape.map((n, k) => (k === axis ? length : n)) as unknown as PerAxis,
    data,
  };
}

/** Moves everything `by` layers towards the start; zeros come in at the end. */
export function shift(image: HostImage, axis: number, by: number): void {
  const { outer, extent, inner } = runs(image, axis);
  for (let o = 0; o < outer; o++) {
    const from = o * extent * inner;
    image.data.copyWithin(from, from + by * inner, from + extent * inner);
    image.data.fill(0, from + (extent - by) * inner, from + extent * inner);
  }
}

/** Copies a slab into an image, from layer `start` on. */
export function pasteSlab(image: HostImage, slab: HostImage, axis: number, start: number): void {
  const { outer, extent, inner } = runs(image, axis);
  const length = slab.shape[axis]!;
  for (let o = 0; o < outer; o++)
    image.data.set(slab.data.subarray(o * length * inner, (o + 1) * length * inner), (o * extent + start) * inner);
}
