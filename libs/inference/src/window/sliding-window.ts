/**
 * A network over an image larger than its patch: overlapping windows, each perhaps also mirrored, blended with a Gaussian.
 * Source: nnU-Net v2's predictor; sums are kept in float32, where the reference keeps float16.
 */
import {
  addWindow,
  div,
  scaleOffset,
  scope,
  takeSlab,
  tensor,
  zeros,
  type Device,
  type Tensor,
} from '@voxelwise/compute';
import type { Module } from '@voxelwise/nets';
import type { PerAxis } from '@voxelwise/volume';
import { gaussianWeights } from './gaussian.ts';
import { padding, windowStarts } from './placement.ts';
import { cutWindow, pasteSlab, type HostImage, type Placement } from './voxel-box.ts';

export interface WindowSettings {
  readonly device: Device;
  /** [z, y, x]; with z = 1 the network is fed slices [N, C, y, x]. */
  readonly patch: PerAxis;
  /** Whether the network has two spatial axes. */
  readonly flat: boolean;
  readonly outputChannels: number;
  /** Distance of windows as a share of the patch. Default 0.5. */
  readonly stepSize?: number;
  /** Every combination of these axes is mirrored, and the logits averaged. */
  readonly mirrorAxes?: readonly number[];
  /** Windows per pass. Default 1; slices: 8. */
  readonly batch?: number;
  /** Along which finished slabs come. Default: the one that keeps least. */
  readonly axis?: 0 | 1;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** Logits [K, z, y, x] of an image [C, z, y, x], averaged over the networks (folds). */
export async function slidingWindow(
  networks: readonly Module[],
  image: HostImage,
  settings: WindowSettings,
): Promise<HostImage> {
  const { outputChannels: channels } = settings;
  const whole: HostImage = { channels, shape: image.shape, data: new Float32Array(channels * voxels(image.shape)) };
  for await (const { axis, start, logits } of slidingSlabs(networks, image, settings)) {
    pasteSlab(whole, await onHost(logits), axis, start);
    logits.dispose();
  }
  return whole;
}

/** Slices per pass. */
export const SLICES = 8;
/** Finished layers are handed over in pieces of about this size. */
export const SLAB_BYTES = 2 ** 26;

/** A part of the image that no window to come will touch: all of two axes, and from `start` on along `axis`. */
export interface Slab {
  readonly axis: 0 | 1;
  readonly start: number;
  /** [K, z, y, x]. Who gets it disposes it. */
  readonly logits: Tensor;
}

/**
 * The same, slab by slab along one axis as they are finished. The sums live on the device, in a ring along that axis of no more
 * than one patch's extent. The axis is the one that keeps least.
 */
export async function* slidingSlabs(
  networks: readonly Module[],
  image: HostImage,
  settings: WindowSettings,
): AsyncGenerator<Slab> {
  const { patch, outputChannels, device, onProgress, signal } = settings;
  const { stepSize = 0.5, mirrorAxes = [], flat, batch = flat ? SLICES : 1 } = settings;
  const { shape } = image;
  const window = flat ? patch.slice(1) : patch;
  const starts = placements(shape, patch, stepSize);
  const { axis = streamingAxis(shape, patch, flat) } = settings;
  const layers = [...new Set(starts.map((start) => start[axis]!))].sort((a, b) => a - b);
  const held = shape.map((n, k) => (k === axis ? Math.min(n, flat ? batch : patch[axis]!) : n));
  const weights = tensor(device, Float32Array.from(gaussianWeights(window)), window);
  const ones = tensor(device, new Float32Array(voxels(patch)).fill(1), [1, 1, ...window]);
  const sum = zeros(device, [outputChannels, ...held]);
  const total = zeros(device, [1, ...held]);
  const copies = 2 ** mirrorAxes.length * networks.length;
  const all = starts.length * copies;
  let done = 0;
  try {
    // Slices need no overlap: as many layers as fit one batch are finished together.
    const together = flat && axis === 0 ? batch : 1;
    for (let layer = 0; layer < layers.length; layer += together) {
      const seen = new Set(layers.slice(layer, layer + together));
      const here = starts.filter((start) => seen.has(start[axis]!));
      for (const start of here) {
        scope(() =>
          addWindow(
            { sum: total, x: ones, weights, places: placesOf(device, [{ start, patch, mirrored: [] }]) },
            { shape },
          ),
        );
        // One at a time: always the same program.
        await device.flush();
      }
      const passes = here.flatMap((start) =>
        subsets(mirrorAxes).map((mirrored): Placement => ({ start, patch, mirrored })),
      );
      for (let first = 0; first < passes.length; first += batch) {
        const group = passes.slice(first, first + batch);
        for (const network of networks) {
          signal?.throwIfAborted();
          scope(() => {
            const x = windowsOf(device, image, group, window);
            const found = [network.forward(x)].flat()[0]!;
            addWindow({ sum, x: found, weights, places: placesOf(device, group) }, { shape });
          });
          await device.flush();
          done += group.length;
          onProgress?.(done, all);
        }
      }
      const from = Math.max(0, layers[layer]!);
      const next = layers[layer + together];
      const to = next === undefined ? shape[axis] : Math.max(0, next);
      const piece = Math.max(1, Math.floor(SLAB_BYTES / (4 * outputChannels * (voxels(shape) / shape[axis]))));
      for (let start = from; start < to;) {
        const at = start % held[axis]!;
        const length = Math.min(piece, to - start, held[axis]! - at);
        const slab = { axis, start: at, length };
        const logits = scope(() =>
          div({
            a: takeSlab({ sum }, slab),
            b: scaleOffset({ x: takeSlab({ sum: total }, slab) }, { scale: copies }),
          }),
        );
        yield { axis, start, logits };
        start += length;
      }
    }
  } finally {
    for (const made of [weights, ones, sum, total]) made.dispose();
  }
}

/** The axis along which the fewest logits have to be held. */
export function streamingAxis(shape: PerAxis, patch: PerAxis, flat: boolean): 0 | 1 {
  return !flat && shape[1] / patch[1] > shape[0] / patch[0] ? 1 : 0;
}

/** A group of windows [N, C, (z,) y, x]. */
function windowsOf(device: Device, image: HostImage, group: readonly Placement[], window: readonly number[]): Tensor {
  const size = image.channels * voxels(group[0]!.patch);
  const input = new Float32Array(group.length * size);
  group.forEach((placement, k) => cutWindow(image, placement, input, k * size));
  return tensor(device, input, [group.length, image.channels, ...window]);
}

/** Where windows stand, as `addWindow` wants it. */
function placesOf(device: Device, group: readonly Placement[]): Tensor {
  const rows = group.flatMap(({ start, mirrored }) => [...start, ...[0, 1, 2].map((axis) => +mirrored.includes(axis))]);
  return tensor(device, Int32Array.from(rows), [group.length, 6]);
}

/** A copy of a volume on the host. */
export async function onHost(volume: Tensor): Promise<HostImage> {
  const [channels, ...shape] = volume.shape;
  return { channels: channels!, shape: shape as unknown as PerAxis, data: (await volume.read()) as Float32Array };
}

/** First voxel of every window, negative where the image is smaller than the patch. */
export function placements(shape: PerAxis, patch: PerAxis, stepSize: number): readonly PerAxis[] {
  const [zs, ys, xs] = shape.map((extent, axis) => {
    // Slices do not overlap: a flat patch visits each once.
    if (axis === 0 && patch[0] === 1) return Array.from({ length: extent }, (_, z) => z);
    const [before, after] = padding(extent, patch[axis]!);
    return windowStarts(extent + before + after, patch[axis]!, stepSize).map((start) => start - before);
  }) as unknown as readonly [readonly number[], readonly number[], readonly number[]];
  return zs.flatMap((z) => ys.flatMap((y) => xs.map((x): PerAxis => [z, y, x])));
}

/** All combinations of axes, none first. */
export function subsets(axes: readonly number[]): readonly (readonly number[])[] {
  return axes.reduce<readonly (readonly number[])[]>(
    (found, axis) => [...found, ...found.map((set) => [...set, axis])],
    [[]],
  );
}

function voxels(shape: PerAxis): number {
  return shape[0] * shape[1] * shape[2];
}
