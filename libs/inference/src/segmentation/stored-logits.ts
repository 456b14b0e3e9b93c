/**
 * Logits of a whole volume that memory does not hold: they are stored channel by channel as windows are finished, and restored
 * from there one channel, or a few voxels of all channels, at a time. The same bits as with all of them in memory.
 */
import { tensor, type Device, type Tensor } from '@voxelwise/compute';
import { release } from '@voxelwise/io';
import { voxelCount, type PerAxis } from '@voxelwise/volume';
import { onHost, type Slab } from '../window/sliding-window.ts';
import { probabilitiesOf } from './probabilities.ts';

/** Numbers of a volume [channels, voxels], on a disk for instance. What is read belongs to the reader. */
export interface ChannelStore {
  write(channel: number, at: number, values: Float32Array): Promise<void>;
  read(channel: number, at: number, length: number): Promise<Float32Array>;
  /** Gives the room back. */
  close(): Promise<void>;
}

/** Throws: what says that there is no room for so much. */
export type OpenStore = (size: { readonly channels: number; readonly voxels: number }) => Promise<ChannelStore>;

export interface StoredLogits {
  readonly store: ChannelStore;
  readonly channels: number;
  readonly shape: PerAxis;
}

/** Takes slabs in as they are finished. */
export async function storeLogits(slabs: AsyncIterable<Slab>, { store, shape }: StoredLogits): Promise<void> {
  for await (const { axis, start, logits } of slabs) {
    const { channels, shape: part, data } = await onHost(logits);
    logits.dispose();
    const run = voxelCount(part) / (axis === 0 ? 1 : part[0]);
    const runs = axis === 0 ? 1 : part[0];
    for (let k = 0; k < channels; k++)
      for (let z = 0; z < runs; z++) {
        const at = axis === 0 ? start * shape[1] * shape[2] : (z * shape[1] + start) * shape[2];
        const from = (k * runs + z) * run;
        await store.write(k, at, data.subarray(from, from + run));
      }
  }
}

export interface StoredDecision {
  readonly device: Device;
  /** A label per region, or null: the greatest logit wins. */
  readonly regions: readonly number[] | null;
  /** One channel [1, z, y, x] to the grid on which is decided; absent: that is the logits' own. */
  readonly resample?: (channel: Tensor) => Tensor;
  /** Where the resampled logits go. */
  readonly into?: ChannelStore;
}

/** Labels on the grid that `resample` gives, as `decideLabels` decides them, in bytes where all of them fit. */
export async function decideStored(
  { store, channels, shape }: StoredLogits,
  { device, regions, resample, into }: StoredDecision,
): Promise<Uint8Array | Int32Array> {
  const most = regions ? Math.max(...regions) : channels - 1;
  const size = voxelCount(shape);
  let labels: Uint8Array | Int32Array | undefined;
  // What is resampled is resampled whole; otherwise a part of each channel is enough.
  const step = resample ? size : Math.ceil(AT_ONCE / channels);
  for (let at = 0; at < size; at += step) {
    let best: Float32Array | undefined;
    for (let k = 0; k < channels; k++) {
      const own = await store.read(k, at, Math.min(step, size - at));
      const values = resample ? await resampled(tensor(device, own, [1, ...shape]), resample) : own;
      await into?.write(k, at, values);
      labels ??= new (most < 256 ? Uint8Array : Int32Array)(resample ? values.length : size);
      best ??= new Float32Array(values.length).fill(regions ? 0 : -Infinity);
      for (let v = 0; v < values.length; v++) {
        if (!(values[v]! > best[v]!)) continue;
        labels[at + v] = regions?.[k] ?? k;
        if (!regions) best[v] = values[v]!;
      }
    }
  }
  return labels!;
}

async function resampled(x: Tensor, resample: (channel: Tensor) => Tensor): Promise<Float32Array> {
  const y = resample(x);
  try {
    return (await y.read()) as Float32Array;
  } finally {
    for (const made of new Set([x, y])) made.dispose();
  }
}

/** Numbers that are worked on at once, of all channels together. */
export const AT_ONCE = 2 ** 22;

/** A channel in pieces. */
export async function* piecesOf(store: ChannelStore, channel: number, voxels: number): AsyncGenerator<Float32Array> {
  for (let at = 0; at < voxels; at += AT_ONCE) yield store.read(channel, at, Math.min(AT_ONCE, voxels - at));
}

/** Numbers in pieces of their own, after which the numbers are gone. */
export async function* inPieces(values: Float32Array): AsyncGenerator<Float32Array> {
  for (let at = 0; at < values.length; at += AT_ONCE) yield values.slice(at, at + AT_ONCE);
  release(values.buffer as ArrayBuffer);
}

/** Turns stored logits into probabilities where they lie. */
export async function storedProbabilities(
  store: ChannelStore,
  { channels, voxels, regions }: { readonly channels: number; readonly voxels: number; readonly regions: boolean },
): Promise<void> {
  const step = Math.max(1, Math.floor(AT_ONCE / channels));
  for (let at = 0; at < voxels; at += step) {
    const length = Math.min(step, voxels - at);
    const logits = new Float32Array(channels * length);
    for (let k = 0; k < channels; k++) logits.set(await store.read(k, at, length), k * length);
    const found = probabilitiesOf(logits, channels, regions);
    for (let k = 0; k < channels; k++) await store.write(k, at, found.subarray(k * length, (k + 1) * length));
  }
}
