/** The frames of a stack, decoded and rescaled into one array. */
import type { VoxelArray } from '@voxelwise/volume';
import { paletteToRgb, toRgb } from '../pixels/color.ts';
import type { FrameReader } from '../pixels/frames.ts';
import { bytesOfArray } from '../pixels/native.ts';
import { lookUp } from '../pixels/lookup-table.ts';
import type { DecodedFrame } from '../pixels/pixel-format.ts';
import { MOST_WORDS, WordMemory, isWordShift, settleInto, wordsRoom } from '../pixels/words.ts';
import type { Lattice } from './arrange.ts';
import { Overflow, readAside, readDirectly } from './direct-read.ts';
import type { DicomInstance, FrameInfo } from './instance.ts';
import type { Shearing } from './tilt.ts';
import { arrayOf } from './voxel-type.ts';
import type { ArrayKind } from './voxel-type.ts';

export interface FillOptions {
  /** Called after each slice with the number done and the number of all. */
  readonly onSlice?: (done: number, all: number) => void;
  readonly signal?: AbortSignal;
}

/** Channels that one frame of an image makes: three for colors. */
export function colorsOf({ format, palette }: DicomInstance): number {
  return palette !== undefined || format.samples === 3 ? 3 : 1;
}

/** Colors as RGB, and values looked up where a table says what they stand for. */
function meaning(frame: DecodedFrame, { instance, table }: FrameInfo): DecodedFrame {
  if (instance.palette !== undefined) return paletteToRgb(frame, instance.palette);
  if (instance.format.samples === 3) return toRgb(frame);
  if (table === undefined) return frame;
  const values = new Uint16Array(frame.values.length);
  lookUp(frame.values, table, values);
  return { ...frame, values };
}

/** Adds `intercept` to 16-bit values. False when these are others. Throws: Overflow. */
function addToWords(values: VoxelArray, intercept: number, target: Int16Array): boolean {
  const signed = values instanceof Int16Array;
  if (!signed && !(values instanceof Uint16Array)) return false;
  if (!isWordShift(intercept) || values.length > MOST_WORDS) return false;
  wordsRoom(values.length).set(bytesOfArray(values));
  if (!settleInto(target, { signed, above: 0, unused: 0, intercept })) throw new Overflow();
  return true;
}

/** Writes one channel of a decoded frame's window, rescaled, to `target` from `at`. */
function place(
  { values }: DecodedFrame,
  frame: FrameInfo,
  { target, at, sample }: { target: VoxelArray; at: number; sample: number },
): void {
  const { window, slope, intercept, instance } = frame;
  const { rows, columns } = instance.format;
  const samples = values.length / (rows * columns);
  const narrow = target instanceof Int16Array;
  const whole = samples === 1 && window.columns === columns && window.rows === rows;
  if (
    whole &&
    slope === 1 &&
    intercept === 0 &&
    (!narrow || values instanceof Int16Array || values.BYTES_PER_ELEMENT < 2)
  )
    return target.set(values, at);
  if (whole && slope === 1 && narrow && addToWords(values, intercept, target.subarray(at, at + values.length))) return;
  for (let y = 0; y < window.rows; y++) {
    let from = ((window.top + y) * columns + window.left) * samples + sample;
    let to = at + y * window.columns;
    for (let x = 0; x < window.columns; x++, from += samples, to++) {
      const value = values[from]! * slope + intercept;
      if (narrow && (value < -32768 || value > 32767)) throw new Overflow();
      target[to] = value;
    }
  }
}

export interface Target {
  readonly kind: ArrayKind;
  readonly lattice: Lattice;
  readonly order: readonly (readonly FrameInfo[])[];
  readonly shearing: Shearing | undefined;
}

/** Decodes frames one at a time. The tiles of a mosaic share one stored frame, which is decoded once. */
class FrameDecoder {
  private readonly scratch = {};
  private reader: FrameReader | undefined;
  private instance: DicomInstance | undefined;
  private held: { readonly index: number; readonly decoded: DecodedFrame } | undefined;

  /** The frame's values; they last until the next is asked for. */
  async decode(info: FrameInfo): Promise<DecodedFrame> {
    if (info.instance !== this.instance || this.reader === undefined) {
      // Loaded with the first frame that is packed: most series need no decoder.
      const { openFrames } = await import('../pixels/frames.ts');
      this.reader = await openFrames(info.instance.file, info.instance.format, this.scratch);
      this.instance = info.instance;
      this.held = undefined;
    }
    if (this.held?.index !== info.index)
      this.held = { index: info.index, decoded: meaning(await this.reader.read(info.index), info) };
    return this.held.decoded;
  }
}

/** As many as Node's thread pool has threads. */
const READS_AT_ONCE = 4;

/** Reads under way, so many at a time. */
class Aside {
  private readonly waiting: Promise<void>[] = [];

  /** Waits for an earlier read when there are too many. Throws: what that read throws. */
  async add(reading: Promise<void>): Promise<void> {
    // Told of when its turn comes.
    reading.catch(() => undefined);
    this.waiting.push(reading);
    if (this.waiting.length >= READS_AT_ONCE) await this.waiting.shift();
  }

  async finish(): Promise<void> {
    await Promise.all(this.waiting);
  }
}

/**
 * The voxels of a stack, [channels, slices, rows, columns], frames decoded one at a time into the array that is returned.
 * Throws: Overflow when a value does not fit `kind`; FormatError when pixels are damaged.
 */
export async function fill(
  { kind, lattice, order, shearing: shear }: Target,
  options: FillOptions,
): Promise<VoxelArray> {
  const colors = colorsOf(order[0]![0]!.instance);
  const out = shear?.lattice ?? lattice;
  const plane = out.rows * out.columns;
  const volume = plane * lattice.slices;
  const voxels = arrayOf(kind, volume * order.length * colors);
  const raw = shear === undefined ? undefined : arrayOf(kind, lattice.rows * lattice.columns);
  const decoder = new FrameDecoder();
  const aside = new Aside();
  let done = 0;
  for (const [channel, slices] of order.entries()) {
    for (const [z, info] of slices.entries()) {
      options.signal?.throwIfAborted();
      const first = channel * colors * volume + z * plane;
      const slice = voxels.subarray(first, first + plane);
      const reading = shear === undefined ? readAside(info, slice) : undefined;
      if (reading !== undefined) await aside.add(reading);
      else if (shear !== undefined || !readDirectly(info, slice)) {
        const decoded = await decoder.decode(info);
        for (let sample = 0; sample < colors; sample++) {
          const at = first + sample * volume;
          if (shear === undefined || raw === undefined) place(decoded, info, { target: voxels, at, sample });
          else {
            place(decoded, info, { target: raw, at: 0, sample });
            shear.slice(raw, z, voxels.subarray(at, at + plane));
          }
        }
      }
      options.onSlice?.(++done, order.length * slices.length);
    }
  }
  await aside.finish();
  shear?.finish(voxels);
  return voxels;
}

/** Small slices are handed on several at a time. */
const PIECE_BYTES = 1 << 20;

/** Two arrays that take turns; 16-bit ones where they can be brought into values without another copy. */
function turnsOf(kind: ArrayKind, length: number): { memory?: WordMemory; turns: readonly [VoxelArray, VoxelArray] } {
  const first = arrayOf(kind, 0);
  const isWords = first instanceof Int16Array || first instanceof Uint16Array;
  if (!isWords || 2 * length > MOST_WORDS) return { turns: [arrayOf(kind, length), arrayOf(kind, length)] };
  const memory = new WordMemory(2 * length);
  const both = memory.words(first.constructor as Int16ArrayConstructor);
  return { memory, turns: [both.subarray(0, length), both.subarray(length)] };
}

/**
 * The voxels of a stack of one color in the order of `fill`, some slices at a time. A piece lasts until the next but one is
 * asked for. Throws: what `fill` throws.
 */
export async function* pieces(
  { kind, lattice, order }: Omit<Target, 'shearing'>,
  options: FillOptions,
): AsyncGenerator<VoxelArray> {
  const plane = lattice.rows * lattice.columns;
  const frames = order.flat();
  const bytes = plane * arrayOf(kind, 1).BYTES_PER_ELEMENT;
  const together = Math.min(frames.length, Math.max(1, Math.floor(PIECE_BYTES / bytes)));
  const { memory, turns } = turnsOf(kind, together * plane);
  const decoder = new FrameDecoder();
  for (let start = 0; start < frames.length; start += together) {
    const piece = turns[(start / together) % 2]!;
    const members = frames.slice(start, start + together);
    for (const [i, info] of members.entries()) {
      options.signal?.throwIfAborted();
      const slice = piece.subarray(i * plane, (i + 1) * plane);
      if (!readDirectly(info, slice, memory))
        place(await decoder.decode(info), info, { target: piece, at: i * plane, sample: 0 });
      options.onSlice?.(start + i + 1, frames.length);
    }
    yield piece.subarray(0, members.length * plane);
  }
}
