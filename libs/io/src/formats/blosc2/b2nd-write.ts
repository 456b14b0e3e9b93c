/**
 * Writes an array as `.b2nd`: chunks of some rows of the first axis, each one block, packed with zlib where that helps, which
 * every build of Blosc2 unpacks. Source: c-blosc2's format files.
 */
import { ARRAY_BYTES, arrayBytes, type NamedArray } from '../../arrays/named-array.ts';
import { concatenate } from '../../bytes/collect.ts';
import { FormatError } from '../../errors.ts';
import { numpyType } from '../npy/npy.ts';

const CHUNK_HEADER = 32;
const VERSION = 5;
/** Extended header, blocks not split; then the codec, or the data as it is. */
const FLAGS = 0x01 | 0x04 | 0x10;
const ZLIB = 3 << 5;
const COPIED = 0x02;
/** Unpacked bytes of a chunk, about: who reads a part unpacks whole chunks. */
const CHUNK_BYTES = 2 ** 22;
/** Sizes of chunks are 32-bit numbers. */
const MOST_BYTES = 2 ** 30;

/** C order, little-endian. Throws: FormatError for scalars, empty arrays, more than eight axes, or rows of the first axis beyond 1 GiB. */
export async function encodeB2nd(array: NamedArray): Promise<Uint8Array> {
  // Loaded here: its tables are made at once, and hardly anybody writes this.
  const { zlibSync } = await import('fflate/browser');
  const { dtype, shape } = array;
  const data = arrayBytes(array);
  const rowBytes = data.length / (shape[0] ?? 1);
  if (data.length === 0 || rowBytes > MOST_BYTES || shape.length === 0 || shape.length > 8)
    throw new FormatError(
      `encodeB2nd: [${shape.join(', ')}] ${dtype} takes ${data.length} bytes; one to eight axes, none of them 0 and rows of at most ${MOST_BYTES} bytes are written.`,
      { field: 'shape' },
    );
  const width = ARRAY_BYTES[dtype];
  const rows = Math.min(shape[0]!, Math.max(1, Math.floor(CHUNK_BYTES / rowBytes)));
  const chunkBytes = rows * rowBytes;
  const chunks: Uint8Array[] = [];
  const offsets = new DataView(new ArrayBuffer(8 * Math.ceil(data.length / chunkBytes)));
  let packedBytes = 0;
  for (let from = 0; from < data.length; from += chunkBytes) {
    const part = data.subarray(from, from + chunkBytes);
    // The last chunk is as large as the others; what passes the array's end is padding.
    const whole = part.length === chunkBytes ? part : concatenate([part, new Uint8Array(chunkBytes - part.length)]);
    offsets.setBigUint64(8 * chunks.length, BigInt(packedBytes), true);
    chunks.push(packedChunk(whole, width, (bytes) => zlibSync(bytes, { level: 3 })));
    packedBytes += chunks.at(-1)!.length;
  }
  const index = plainChunk(new Uint8Array(offsets.buffer), 8);
  const layer = arrayLayer(shape, [rows, ...shape.slice(1)], numpyType(dtype));
  const trailer = [0x94, 1, 0x93, ...u16(0xcd, 6), ...u16(0xde, 0), ...u16(0xdc, 0), ...u32(0xce, 35), 0xd8, 0];
  const name = [...text('b2nd')];
  const before = 87; // bytes of the fixed fields, up to the layers
  const at = before + 4 + 3 + name.length + 5 + 3;
  const headerBytes = at + 5 + layer.length;
  const frameBytes = headerBytes + packedBytes + index.length + trailer.length + 16;
  const header = [
    0x9e,
    0xa8,
    ...ascii('b2frame\0'),
    ...u32(0xd2, headerBytes),
    ...u64(0xcf, frameBytes),
    // Version 2, offsets of 64 bits; contiguous; no codec.
    0xa4,
    0x12,
    0,
    1,
    2,
    ...u64(0xd3, chunkBytes * chunks.length),
    ...u64(0xd3, packedBytes),
    ...u32(0xd2, width),
    ...u32(0xd2, chunkBytes),
    ...u32(0xd2, chunkBytes),
    ...u16(0xd1, 1),
    ...u16(0xd1, 1),
    0xc2,
    0xd8,
    6,
    ...new Array<number>(16).fill(0),
    0x93,
    ...u16(0xcd, 4 + 3 + name.length + 5 + 1),
    ...u16(0xde, 1),
    ...name,
    ...u32(0xd2, at),
    ...u16(0xdc, 1),
    ...u32(0xc6, layer.length),
    ...layer,
  ];
  return concatenate([
    Uint8Array.from(header),
    ...chunks,
    index,
    Uint8Array.from([...trailer, ...new Array<number>(16).fill(0)]),
  ]);
}

function chunkOf(flags: number, width: number, bytes: number, content: readonly Uint8Array[]): Uint8Array {
  const head = new Uint8Array(CHUNK_HEADER);
  const view = new DataView(head.buffer);
  head.set([VERSION, 1, flags, width]);
  view.setInt32(4, bytes, true);
  view.setInt32(8, bytes, true);
  view.setInt32(
    12,
    content.reduce((sum, part) => sum + part.length, CHUNK_HEADER),
    true,
  );
  return concatenate([head, ...content]);
}

function plainChunk(data: Uint8Array, width: number): Uint8Array {
  return chunkOf(FLAGS | COPIED, width, data.length, [data]);
}

function packedChunk(data: Uint8Array, width: number, pack: (bytes: Uint8Array) => Uint8Array): Uint8Array {
  const packed = pack(data);
  if (packed.length + 8 >= data.length) return plainChunk(data, width);
  // Where the only block begins, and how long its only stream is.
  const place = new DataView(new ArrayBuffer(8));
  place.setInt32(0, CHUNK_HEADER + 4, true);
  place.setInt32(4, packed.length, true);
  return chunkOf(FLAGS | ZLIB, width, data.length, [new Uint8Array(place.buffer), packed]);
}

/** Version, axes, shape, and one shape for chunks and their blocks. */
function arrayLayer(shape: readonly number[], chunk: readonly number[], type: string): number[] {
  const count = 0x90 | shape.length;
  const sizes = [count, ...chunk.flatMap((n) => u32(0xd2, n))];
  return [
    0x97,
    0,
    shape.length,
    count,
    ...shape.flatMap((n) => u64(0xd3, n)),
    ...sizes,
    ...sizes,
    0,
    ...u32(0xdb, type.length),
    ...ascii(type),
  ];
}

const ascii = (value: string): number[] => Array.from(value, (c) => c.charCodeAt(0));
const text = (value: string): number[] => [0xa0 | value.length, ...ascii(value)];
const u16 = (kind: number, value: number): number[] => [kind, (value >>> 8) & 255, value & 255];
const u32 = (kind: number, value: number): number[] => [kind, ...[24, 16, 8, 0].map((by) => (value >>> by) & 255)];
/** Whole numbers below 2^53. */
function u64(kind: number, value: number): number[] {
  const bytes = new DataView(new ArrayBuffer(8));
  bytes.setBigUint64(0, BigInt(value));
  return [kind, ...new Uint8Array(bytes.buffer)];
}
