/**
 * A block of numbers in a file, described, and its way into memory: byte order, scaling, interleaved components, 64-bit
 * integers, complex magnitudes. Every raw format (NIfTI, NRRD, MetaImage, MRC, NPY) is one of these behind its header.
 */
import { voxelCount } from '@voxelwise/volume';
import type { PerAxis, VoxelArray } from '@voxelwise/volume';
import type { ByteStream } from '../bytes/byte-stream.ts';
import { FormatError } from '../errors.ts';
import {
  HOST_IS_LITTLE_ENDIAN,
  STORED_BYTES,
  halfToNumber,
  isVoxelType,
  longDoubleToNumber,
  longDoublesAre,
  newVoxels,
  swapBytes,
  swapUnit,
  viewVoxels,
} from './stored-type.ts';
import type { LongDouble, StoredType, VoxelType } from './stored-type.ts';

/** Numbers in file order: `volumes` one after another, each [z, y, x] with `components` interleaved at every voxel. */
export interface VoxelBlock {
  readonly type: StoredType;
  readonly littleEndian: boolean;
  readonly shape: PerAxis;
  /** Interleaved numbers per voxel: 3 for RGB, else 1. */
  readonly components: number;
  /** Volumes one after another: time points, channels. */
  readonly volumes: number;
  /** Stored value * slope + inter = value. 1 and 0: the stored type is kept. */
  readonly slope: number;
  readonly inter: number;
}

/** Channels that the block becomes: volume by volume, each with its components. */
export function channelCount(block: VoxelBlock): number {
  return block.components * block.volumes;
}

/** Bytes that the block takes in the file. May exceed 2^53 for hostile headers; compare, never allocate. */
export function storedBytes(block: VoxelBlock): number {
  return voxelCount(block.shape) * channelCount(block) * STORED_BYTES[block.type];
}

const isScaled = (block: VoxelBlock): boolean => block.slope !== 1 || block.inter !== 0;

/** The type that the block's values get in memory; 64-bit integers become int32 where all of them fit. */
export function valueType(block: VoxelBlock): VoxelType {
  const { type } = block;
  if (type === 'bool') return 'uint8';
  if (type === 'int64' || type === 'uint64') return isScaled(block) ? 'float64' : 'int32';
  if (type === 'complex128' || type === 'float128') return 'float64';
  if (type === 'complex64' || type === 'float16') return 'float32';
  if (!isScaled(block)) return type;
  return type === 'int32' || type === 'uint32' || type === 'float64' ? 'float64' : 'float32';
}

/**
 * Refuses a block that its file cannot hold, before any memory is taken.
 *
 * `available`: bytes that the file can still give (for packed files: at most 1032 times their size).
 * Throws: FormatError.
 */
export function checkBlock(
  block: VoxelBlock,
  available: number,
  {
    file,
    maxBytes = Infinity,
    byteOffset,
  }: { readonly file?: string | undefined; readonly maxBytes?: number | undefined; readonly byteOffset: number },
): void {
  const needed = storedBytes(block);
  const place = { ...(file === undefined ? {} : { file }), field: 'shape', byteOffset };
  const size = `${channelCount(block)} x [${block.shape.join(', ')}] ${block.type}`;
  if (needed > available)
    throw new FormatError(
      `${file ?? 'bytes'}: the header declares ${size}, ${needed} bytes of voxels, but the file holds at most ${available}; it is incomplete or its header is wrong.`,
      { ...place, details: { needed, available } },
    );
  const memory = voxelCount(block.shape) * channelCount(block) * STORED_BYTES[valueType(block)];
  if (memory > maxBytes)
    throw new FormatError(
      `${file ?? 'bytes'}: ${size} takes ${memory} bytes of memory, the limit is ${maxBytes}; raise maxBytes or read a slab.`,
      {
        ...place,
        details: { memory, maxBytes },
      },
    );
}

/** True when the stored numbers, lying in memory, are the voxels: no scaling, no components, a type with an array of its own. */
export function isStraight(block: VoxelBlock): boolean {
  return isVoxelType(block.type) && block.components === 1 && !isScaled(block);
}

/** The voxels of a straight block over the bytes that hold it; undefined if the bytes are not aligned to its numbers. */
export function voxelsOver(bytes: Uint8Array, block: VoxelBlock): VoxelArray | undefined {
  const size = STORED_BYTES[block.type];
  if (!isVoxelType(block.type) || bytes.byteOffset % size !== 0) return undefined;
  if (block.littleEndian !== HOST_IS_LITTLE_ENDIAN) swapBytes(bytes, size);
  return viewVoxels(block.type, bytes.buffer, bytes.byteOffset, bytes.length / size);
}

/** Slices [from, to) along z of every channel; undefined: all. */
export type SlabRange = readonly [number, number];

/**
 * Reads the block (or a slab of it) from a stream that stands at its first byte; leaves the stream behind the last byte read.
 *
 * Returns [C, z, y, x], C order. Throws: FormatError if the stream ends too early.
 */
export async function readBlock(
  stream: ByteStream,
  block: VoxelBlock,
  slab: SlabRange = [0, block.shape[0]],
): Promise<VoxelArray> {
  const plane = block.shape[1] * block.shape[2];
  const count = (slab[1] - slab[0]) * plane;
  const before = slab[0] * plane * block.components * STORED_BYTES[block.type];
  const after = (block.shape[0] - slab[1]) * plane * block.components * STORED_BYTES[block.type];
  const target = new Target(block, count);
  for (let volume = 0; volume < block.volumes; volume++) {
    if (before > 0) await stream.skip(before, 'voxels');
    await target.read(stream, volume);
    if (after > 0 && volume < block.volumes - 1) await stream.skip(after, 'voxels');
  }
  return target.voxels;
}

const CHUNK_NUMBERS = 1 << 16;

class Target {
  voxels: VoxelArray;
  readonly #block: VoxelBlock;
  readonly #count: number;
  #longDouble: LongDouble | undefined;

  constructor(block: VoxelBlock, count: number) {
    this.#block = block;
    this.#count = count;
    this.voxels = newVoxels(valueType(block), count * channelCount(block));
  }

  async read(stream: ByteStream, volume: number): Promise<void> {
    const { type, components } = this.#block;
    if (isStraight(this.#block)) return this.#readStraight(stream, volume);
    const total = this.#count * components;
    const size = STORED_BYTES[type];
    const buffer = new Uint8Array(Math.min(total, CHUNK_NUMBERS) * size);
    for (let done = 0; done < total;) {
      const n = Math.min(CHUNK_NUMBERS, total - done);
      const bytes = buffer.subarray(0, n * size);
      await stream.fillAll(bytes, 'voxels');
      this.#place(this.#numbers(bytes, n, volume * total + done), volume, done);
      done += n;
    }
  }

  /** Values that are stored as they are kept: from the stream into their place. */
  async #readStraight(stream: ByteStream, volume: number): Promise<void> {
    const part = this.voxels.subarray(volume * this.#count, (volume + 1) * this.#count);
    const bytes = new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
    await stream.fillAll(bytes, 'voxels');
    if (this.#block.littleEndian !== HOST_IS_LITTLE_ENDIAN) swapBytes(bytes, STORED_BYTES[this.#block.type]);
  }

  /** `before`: how many numbers were read already. */
  #numbers(bytes: Uint8Array, n: number, before: number): ArrayLike<number> {
    const { type, littleEndian } = this.#block;
    if (littleEndian !== HOST_IS_LITTLE_ENDIAN) swapBytes(bytes, swapUnit(type));
    if (isVoxelType(type)) return viewVoxels(type, bytes.buffer, bytes.byteOffset, n);
    switch (type) {
      case 'bool':
        return bytes;
      case 'float16':
        return Float32Array.from(new Uint16Array(bytes.buffer, bytes.byteOffset, n), halfToNumber);
      case 'int64':
        return Float64Array.from(
          new BigInt64Array(bytes.buffer, bytes.byteOffset, n) as unknown as ArrayLike<number>,
          Number,
        );
      case 'uint64':
        return Float64Array.from(
          new BigUint64Array(bytes.buffer, bytes.byteOffset, n) as unknown as ArrayLike<number>,
          Number,
        );
      case 'float128':
        return this.#longDoubles(new BigUint64Array(bytes.buffer, bytes.byteOffset, 2 * n), before);
      case 'complex64':
      case 'complex128': {
        // scaled before the magnitude is taken: the line is the number's, not the magnitude's
        const { slope, inter } = this.#block;
        const parts =
          type === 'complex64'
            ? new Float32Array(bytes.buffer, bytes.byteOffset, 2 * n)
            : new Float64Array(bytes.buffer, bytes.byteOffset, 2 * n);
        return Float64Array.from({ length: n }, (_, i) =>
          Math.hypot(parts[2 * i]! * slope + inter, parts[2 * i + 1]! * slope),
        );
      }
      default:
        throw new TypeError(`readBlock: no way to read ${type as string}`);
    }
  }

  #longDoubles(halves: BigUint64Array, before: number): ArrayLike<number> {
    const every = (first: number): readonly bigint[] => [...halves].filter((_, i) => i % 2 === first);
    const [lows, highs] = HOST_IS_LITTLE_ENDIAN ? [every(0), every(1)] : [every(1), every(0)];
    if (this.#longDouble === undefined) {
      this.#longDouble = longDoublesAre(lows, highs);
      // what did not tell before were zeros then, whatever their padding made of them
      if (this.#longDouble === 'intel') this.voxels.fill(this.#block.inter, 0, before);
    }
    return lows.map((low, i) => longDoubleToNumber(low, highs[i]!, this.#longDouble ?? 'quadruple'));
  }

  /** Puts `numbers`, the ones from `start` on in this volume's file order, where they belong. */
  #place(numbers: ArrayLike<number>, volume: number, start: number): void {
    const { components, slope, inter, type } = this.#block;
    if (type === 'int64' || type === 'uint64') this.#widenFor(numbers);
    const scaled = isScaled(this.#block) && type !== 'complex64' && type !== 'complex128';
    const { voxels } = this;
    const base = volume * components * this.#count;
    for (let i = 0, at = start; i < numbers.length; i++, at++) {
      const place = components === 1 ? at : (at % components) * this.#count + Math.floor(at / components);
      voxels[base + place] = scaled ? numbers[i]! * slope + inter : numbers[i]!;
    }
  }

  #widenFor(numbers: ArrayLike<number>): void {
    if (this.voxels instanceof Float64Array) return;
    for (let i = 0; i < numbers.length; i++)
      if (numbers[i]! !== (numbers[i]! | 0)) {
        this.voxels = Float64Array.from(this.voxels);
        return;
      }
  }
}
