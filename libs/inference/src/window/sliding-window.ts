/**
 * A network over an image larger than its patch: overlapping windows, each perhaps also mirrored, blended with a Gaussian.
 * Source: nnU-Net v2's predictor; sums are kept in float32, where the reference keeps float16.
 */
import { scope, slice, tensor, type Device, type Tensor } from '@voxelwise/compute';
import type { Module } from '@voxelwise/nets';
import type { PerAxis } from '@voxelwise/volume';
import { gaussianWeights } from './gaussian.ts';
import { padding, windowStarts } from './placement.ts';
import { finishedSlab, pasteSlab, shift } from './slab.ts';
import { addWindow, cutWindow, type HostImage, type Placement, type WindowBox } from './voxel-box.ts';

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
    if (logits.data.length === whole.data.length) return logits;
    pasteSlab(whole, logits, axis, start);
  }
  return whole;
}

/** Finished layers are handed over in pieces of this size at most, or whole if all is smaller. */
const MOST_SLAB_BYTES = 2 ** 27;

/** A part of the image that no window to come will touch: all of two axes, and from `start` on along `axis`. */
export interface Slab {
  readonly axis: number;
  readonly start: number;
  readonly logits: HostImage;
}

/**
 * The same, slab by slab along one axis as they are finished, so that never more than one patch's extent of logits is held.
 * The axis is the one that keeps least.
 */
export async function* slidingSlabs(
  networks: readonly Module[],
  image: HostImage,
  settings: WindowSettings,
): AsyncGenerator<Slab> {
  const { patch, outputChannels, device, onProgress, signal } = settings;
  const { stepSize = 0.5, mirrorAxes = [], flat, batch = flat ? 8 : 1 } = settings;
  const weights = Float32Array.from(gaussianWeights(flat ? patch.slice(1) : patch));
  const ones = new Float32Array(weights.length).fill(1);
  const starts = placements(image.shape, patch, stepSize);
  const axis = streamingAxis(image.shape, patch, flat);
  const layers = [...new Set(starts.map((start) => start[axis]!))].sort((a, b) => a - b);
  const held = image.shape.map((n, k) =>
    k === axis ? Math.min(n, flat ? batch : patch[axis]!) : n,
  ) as unknown as PerAxis;
  const sum: HostImage = {
    channels: outputChannels,
    shape: held,
    data: new Float32Array(outputChannels * voxels(held)),
  };
  const total: HostImage = { channels: 1, shape: held, data: new Float32Array(voxels(held)) };
  const copies = 2 ** mirrorAxes.length * networks.length;
  const all = starts.length * copies;
  let done = 0;
  // Slices need no overlap: as many layers as fit one batch are finished together.
  const together = flat && axis === 0 ? batch : 1;
  for (let layer = 0; layer < layers.length; layer += together) {
    const from = Math.max(0, layers[layer]!);
    const seen = new Set(layers.slice(layer, layer + together));
    const here = starts.filter((start) => seen.has(start[axis]!));
    const inside = (start: PerAxis): PerAxis => start.map((s, k) => (k === axis ? s - from : s)) as unknown as PerAxis;
    for (const start of here) addWindow(total, ones, 0, weights, { start: inside(start), patch, mirrored: [] });
    const passes = here.flatMap((start) =>
      subsets(mirrorAxes).map((mirrored): Placement => ({ start, patch, mirrored })),
    );
    for (let first = 0; first < passes.length; first += batch) {
      const group = passes.slice(first, first + batch);
      for (const network of networks) {
        signal?.throwIfAborted();
        const { logits, box } = await runPatches(network, image, group, { device, patch, flat });
        const window = outputChannels * voxels(box.shape);
        group.forEach((placement, k) =>
          addWindow(sum, logits, k * window, weights, { ...placement, start: inside(placement.start) }, box),
        );
        done += group.length;
        onProgress?.(done, all);
      }
    }
    const next = layers[layer + together];
    const finished = Math.min(held[axis]!, (next === undefined ? image.shape[axis]! : Math.max(0, next)) - from);
    const layerBytes = (sum.data.byteLength / held[axis]!) | 0;
    const piece = Math.max(1, Math.min(finished, Math.floor(MOST_SLAB_BYTES / layerBytes)));
    for (let at = 0; at < finished; at += piece) {
      const logits = finishedSlab(sum, total, { axis, start: at, length: Math.min(piece, finished - at), copies });
      yield { axis, start: from + at, logits };
    }
    if (next !== undefined) for (const kept of [sum, total]) shift(kept, axis, finished);
  }
}

/** The axis along which the fewest logits have to be held. */
function streamingAxis(shape: PerAxis, patch: PerAxis, flat: boolean): 0 | 1 {
  return !flat && shape[1] / patch[1] > shape[0] / patch[0] ? 1 : 0;
}

/** Runs one group of windows. Of the logits only the box that lies in the image is read: a small image in a large patch is mostly padding. */
async function runPatches(
  network: Module,
  image: HostImage,
  group: readonly Placement[],
  { device, patch, flat }: Pick<WindowSettings, 'device' | 'patch' | 'flat'>,
): Promise<{ readonly logits: Float32Array; readonly box: WindowBox }> {
  const size = image.channels * voxels(patch);
  const input = new Float32Array(group.length * size);
  group.forEach((placement, k) => cutWindow(image, placement, input, k * size));
  const box = seenBox(image.shape, group);
  const whole = box.shape.every((n, axis) => n === patch[axis]);
  const logits = scope(() => {
    const x = tensor(device, input, [group.length, image.channels, ...(flat ? patch.slice(1) : patch)]);
    const found = network.forward(x);
    const all = Array.isArray(found) ? (found[0] as Tensor) : (found as Tensor);
    const axes = <T>(values: readonly T[]): readonly T[] => (flat ? values.slice(1) : values);
    return whole
      ? all
      : slice(
          { x: all },
          { start: [0, 0, ...axes(box.start)], size: [group.length, all.shape[1]!, ...axes(box.shape)] },
        );
  });
  const numbers = (await logits.read()) as Float32Array;
  logits.dispose();
  return { logits: numbers, box };
}

/** The least box of a window that holds what any of the windows shows of the image. */
function seenBox(shape: PerAxis, group: readonly Placement[]): WindowBox {
  const boxes = group.map(({ start, patch, mirrored }) =>
    [0, 1, 2].map((axis) => {
      const low = Math.max(0, -start[axis]!);
      const high = Math.min(patch[axis]!, shape[axis]! - start[axis]!);
      return mirrored.includes(axis) ? [patch[axis]! - high, patch[axis]! - low] : [low, high];
    }),
  );
  const start = [0, 1, 2].map((axis) => Math.min(...boxes.map((box) => box[axis]![0]!))) as unknown as PerAxis;
  const end = [0, 1, 2].map((axis) => Math.max(...boxes.map((box) => box[axis]![1]!)));
  return { start, shape: end.map((n, axis) => n - start[axis]!) as unknown as PerAxis };
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
