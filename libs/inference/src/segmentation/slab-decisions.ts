/**
 * Labels from logits that come slab by slab: each output layer is decided as soon as the layers it lies between are there, so
 * the logits of a whole volume are never in memory. The same arithmetic as resampling everything first (linear, separable).
 */
import { decideLabels, resizeDecide, tensor, type Device, type Tensor } from '@voxelwise/compute';
import { separateAxis, type PreprocessProperties, type PreprocessSettings } from '@voxelwise/transforms';
import type { PerAxis } from '@voxelwise/volume';
import { onHost, type Slab } from '../window/sliding-window.ts';
import { pasteSlab, type HostImage } from '../window/voxel-box.ts';

export interface SlabDecisions {
  readonly device: Device;
  readonly properties: PreprocessProperties;
  readonly settings: Pick<PreprocessSettings, 'resampling'>;
  /** A label per region, or null: the greatest logit wins. */
  readonly regions: readonly number[] | null;
  /** Of the logits. */
  readonly channels: number;
}

/** Whether logits of this plan can be decided layer by layer: linear or nearest resampling. */
export function decidesBySlab({ resampling }: Pick<PreprocessSettings, 'resampling'>): boolean {
  return (resampling?.probabilities?.order ?? 1) !== 3;
}

/** Labels [z, y, x] on the crop's grid (transposed order), in bytes where all of them fit. */
export async function decideSlabs(
  slabs: AsyncIterable<Slab>,
  { device, properties, settings, regions, channels }: SlabDecisions,
): Promise<Uint8Array | Int32Array> {
  const { shape: from, shapeAfterCropping: to, targetSpacing, spacing, transposeForward } = properties;
  const most = regions ? Math.max(...regions) : channels - 1;
  const labels = new (most < 256 ? Uint8Array : Int32Array)(to[0] * to[1] * to[2]);
  const same = from.every((n, axis) => n === to[axis]);
  const { order, forceSeparateZ } = settings.resampling?.probabilities ?? { order: 1, forceSeparateZ: null };
  const current = transposeForward.map((axis) => spacing[axis]!) as unknown as PerAxis;
  const separate = same ? -1 : separateAxis(targetSpacing, current, forceSeparateZ);

  const decide = async (logits: Tensor, axis: number, start: number): Promise<void> => {
    const shape = to.map((n, k) => (k === axis ? logits.shape[axis + 1]! : n)) as unknown as PerAxis;
    const decided = same
      ? decideLabels({ logits }, { regions })
      : resizeDecide({ logits }, { shape, order, separateAxis: separate, regions });
    logits.dispose();
    paste(labels, to, (await decided.read()) as Int32Array, shape, axis, start);
    decided.dispose();
  };

  let layers: Layers | undefined;
  for await (const { axis, start, logits } of slabs) {
    if (same) {
      await decide(logits, axis, start);
      continue;
    }
    layers ??= new Layers(from[axis], to[axis], separate === axis || order === 0);
    const slab = await onHost(logits);
    logits.dispose();
    for (const [at, { channels, shape, data }] of layers.add(slab, axis, start))
      await decide(tensor(device, data, [channels, ...shape]), axis, at);
  }
  return labels;
}

/** Output layers decided together: one alone would keep one thread busy. */
const TOGETHER = 8;

/** Input layers in, in order; output layers out, a few at a time, each blended from the two it lies between. */
class Layers {
  readonly #extent: number;
  readonly #outputs: number;
  readonly #nearest: boolean;
  readonly #held = new Map<number, HostImage>();
  #next = 0;

  constructor(extent: number, outputs: number, nearest: boolean) {
    this.#extent = extent;
    this.#outputs = outputs;
    this.#nearest = nearest;
  }

  *add(slab: HostImage, axis: number, start: number): Generator<readonly [number, HostImage]> {
    const count = slab.shape[axis]!;
    const available = start + count;
    const layer = (index: number): HostImage => this.#held.get(index) ?? cut(slab, axis, index - start);
    let blended: HostImage[] = [];
    while (this.#next < this.#outputs) {
      const [low, high, share] = this.#sources(this.#next);
      if (high >= available) break;
      blended.push(share === 0 ? layer(low) : blend(layer(low), layer(high), share));
      this.#next++;
      if (blended.length < TOGETHER) continue;
      yield [this.#next - blended.length, join(blended, axis)];
      blended = [];
    }
    if (blended.length > 0) yield [this.#next - blended.length, join(blended, axis)];
    // The next output may lie between this slab and the one to come.
    this.#held.clear();
    if (this.#next < this.#outputs) {
      const [low] = this.#sources(this.#next);
      for (let index = Math.max(low, start); index < available; index++)
        this.#held.set(index, cut(slab, axis, index - start));
    }
  }

  /** The two input layers around an output layer, and the share of the second. */
  #sources(output: number): readonly [number, number, number] {
    const t = ((output + 0.5) * this.#extent) / this.#outputs - 0.5;
    const clamp = (index: number): number => Math.min(this.#extent - 1, Math.max(0, index));
    if (this.#nearest) {
      const index = clamp(Math.floor(t + 0.5));
      return [index, index, 0];
    }
    const low = clamp(Math.floor(t));
    const high = clamp(Math.floor(t) + 1);
    return low === high ? [low, low, 0] : [low, high, t - Math.floor(t)];
  }
}

function cut({ channels, shape, data }: HostImage, axis: number, index: number): HostImage {
  const inner = shape.slice(axis + 1).reduce((product, n) => product * n, 1);
  const outer = shape.slice(0, axis).reduce((product, n) => product * n, channels);
  const layer = new Float32Array(outer * inner);
  for (let o = 0; o < outer; o++)
    layer.set(data.subarray((o * shape[axis]! + index) * inner, (o * shape[axis]! + index + 1) * inner), o * inner);
  return { channels, shape: shape.map((n, k) => (k === axis ? 1 : n)) as unknown as PerAxis, data: layer };
}

function blend(low: HostImage, high: HostImage, share: number): HostImage {
  return { ...low, data: low.data.map((value, k) => value + (high.data[k]! - value) * share) };
}

/** Layers one behind the other. */
function join(layers: readonly HostImage[], axis: number): HostImage {
  const { channels, shape } = layers[0]!;
  const joined = shape.map((n, k) => (k === axis ? layers.length : n)) as unknown as PerAxis;
  const image = { channels, shape: joined, data: new Float32Array(channels * joined[0] * joined[1] * joined[2]) };
  layers.forEach((layer, k) => pasteSlab(image, layer, axis, k));
  return image;
}

function paste(
  labels: Uint8Array | Int32Array,
  to: PerAxis,
  part: Int32Array,
  shape: PerAxis,
  axis: number,
  start: number,
): void {
  const inner = to.slice(axis + 1).reduce((product, n) => product * n, 1);
  const outer = to.slice(0, axis).reduce((product, n) => product * n, 1);
  const length = shape[axis]! * inner;
  for (let o = 0; o < outer; o++)
    labels.set(part.subarray(o * length, (o + 1) * length), (o * to[axis]! + start) * inner);
}
