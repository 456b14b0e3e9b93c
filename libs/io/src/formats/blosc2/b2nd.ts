/**
 * Arrays of Blosc2 (`.b2nd`): cut into chunks of one shape, and those into blocks of one shape; what passes an edge is
 * padding. nnU-Net stores preprocessed cases so. Source: c-blosc2, README_B2ND_METALAYER.
 */
import { ARRAY_BYTES, arrayData, elementCount, type ArrayType, type NamedArray } from '../../arrays/named-array.ts';
import { FormatError } from '../../errors.ts';
import { decodeChunk, fillSpecial, readChunkHeader } from './chunk.ts';
import { readFrame, readIndex, type Frame } from './frame.ts';
import { MessagePack } from './message-pack.ts';
import { parseNumpyType } from '../npy/npy.ts';

const LAYER = 'b2nd';
const MOST_AXES = 8;
const DEFAULT_LIMIT = 2 ** 33;

interface Layout {
  readonly shape: readonly number[];
  readonly chunkShape: readonly number[];
  readonly blockShape: readonly number[];
  readonly dtype: ArrayType;
  readonly littleEndian: boolean;
}

/** True for any contiguous frame of Blosc2; whether it holds an array is told when it is read. */
export { isBlosc2Frame } from './frame.ts';

/**
 * `limitBytes`: the most memory that the array may take (a few bytes can stand for any number of zeros); default 8 GiB.
 *
 * Throws: FormatError, with the byte offset, for damaged files, for arrays beyond the limit, and for codecs, filters and types
 * that are not read.
 */
export async function decodeB2nd(
  bytes: Uint8Array,
  { file = 'b2nd', limitBytes = DEFAULT_LIMIT }: { readonly file?: string; readonly limitBytes?: number } = {},
): Promise<NamedArray> {
  const frame = readFrame(bytes, file);
  const layout = readLayout(frame);
  const { shape, chunkShape, blockShape, dtype, littleEndian } = layout;
  const refuse = (field: string, message: string): FormatError =>
    new FormatError(`${file}: ${message}`, { file, field, byteOffset: frame.layers.get(LAYER) ?? 0 });
  if (frame.elementBytes !== ARRAY_BYTES[dtype])
    throw refuse(
      'typesize',
      `elements of ${dtype} take ${ARRAY_BYTES[dtype]} bytes, the frame says ${frame.elementBytes}.`,
    );
  const total = elementCount(shape) * frame.elementBytes;
  if (total > limitBytes)
    throw refuse('shape', `[${shape.join(', ')}] ${dtype} takes ${total} bytes; at most ${limitBytes} are read.`);
  const grid = shape.map((n, axis) => Math.ceil(n / chunkShape[axis]!));
  const chunks = elementCount(grid);
  const padded = chunkShape.map((n, axis) => Math.ceil(n / blockShape[axis]!) * blockShape[axis]!);
  const chunkBytes = elementCount(padded) * frame.elementBytes;
  if (chunkBytes > limitBytes || frame.chunkBytes !== chunkBytes || frame.unpackedBytes !== chunks * chunkBytes)
    throw refuse(
      'chunk_size',
      `${chunks} chunks of [${chunkShape.join(', ')}] in blocks of [${blockShape.join(', ')}] take ${chunkBytes} bytes each, the frame says ${frame.chunkBytes}, and ${frame.unpackedBytes} in all.`,
    );
  const out = new Uint8Array(total);
  if (total > 0) await readChunks(frame, layout, { grid, padded, chunks, chunkBytes }, out);
  return { dtype, shape, data: arrayData(dtype, out, littleEndian) };
}

function readLayout({ bytes, file, layers }: Frame): Layout {
  const at = layers.get(LAYER);
  if (at === undefined)
    throw new FormatError(
      `${file}: is a frame of Blosc2 without an array's shape (no "${LAYER}" layer); write it as NDArray.`,
      {
        file,
        field: LAYER,
        byteOffset: 0,
      },
    );
  const layer = new MessagePack(bytes, at, file);
  layer.binary();
  if (layer.array() < 7) throw layer.fault('the array has no type; it was written by a version before Blosc2 2.7', at);
  layer.integer();
  const axes = layer.integer();
  if (axes < 0 || axes > MOST_AXES) throw layer.fault(`${axes} axes; at most ${MOST_AXES} are read`);
  const tuple = (least: number): number[] => {
    const begin = layer.position;
    if (layer.array() !== axes) throw layer.fault(`${axes} sizes were expected`, begin);
    const sizes = Array.from({ length: axes }, () => layer.integer());
    if (sizes.some((n) => n < least)) throw layer.fault(`[${sizes.join(', ')}] is no shape`, begin);
    return sizes;
  };
  const [shape, chunkShape, blockShape] = [tuple(0), tuple(1), tuple(1)] as const;
  if (layer.integer() !== 0) throw layer.fault('the type is not told as NumPy does');
  const typeAt = layer.position;
  const text = layer.text();
  const type = parseNumpyType(text.replaceAll(/^['"]|['"]$/g, ''));
  if (!type) throw layer.fault(`the type ${text.slice(0, 80)} is not read`, typeAt);
  return { shape, chunkShape, blockShape, ...type };
}

interface Chunking {
  readonly grid: readonly number[];
  /** Shape of a chunk in whole blocks. */
  readonly padded: readonly number[];
  readonly chunks: number;
  readonly chunkBytes: number;
}

async function readChunks(frame: Frame, layout: Layout, chunking: Chunking, out: Uint8Array): Promise<void> {
  const { bytes, file } = frame;
  const { grid, chunks, chunkBytes } = chunking;
  const index = await readIndex(frame, chunks);
  const chunk = new Uint8Array(chunkBytes);
  for (const [k, entry] of index.entries()) {
    if ('special' in entry) {
      if (!fillSpecial(chunk, entry.special, frame.elementBytes))
        throw new FormatError(`${file}: chunk ${k} is the special value ${entry.special}, which is not known.`, {
          file,
          field: 'chunk index',
          byteOffset: frame.headerBytes + frame.packedBytes,
        });
    } else {
      const place = { file, byteOffset: entry.at };
      const packed = bytes.subarray(entry.at);
      const header = readChunkHeader(packed, place);
      if (header.bytes !== chunkBytes)
        throw new FormatError(
          `${file}: the Blosc chunk at byte ${entry.at} unpacks to ${header.bytes} bytes, ${chunkBytes} were expected.`,
          { file, field: 'nbytes', byteOffset: entry.at + 4 },
        );
      await decodeChunk(packed, header, chunk, place);
    }
    placeChunk(chunk, unravel(k, grid), frame.elementBytes, layout, chunking, out);
  }
}

/** The place along each axis of the k-th of a grid's boxes, last axis fastest. */
function unravel(k: number, grid: readonly number[]): number[] {
  const at = new Array<number>(grid.length).fill(0);
  for (let axis = grid.length - 1, rest = k; axis >= 0; axis--) {
    at[axis] = rest % grid[axis]!;
    rest = Math.floor(rest / grid[axis]!);
  }
  return at;
}

/** Copies a chunk's blocks, row by row, to where they belong; padding is left out. */
function placeChunk(
  chunk: Uint8Array,
  at: readonly number[],
  elementBytes: number,
  { shape, chunkShape, blockShape }: Layout,
  { padded }: Chunking,
  out: Uint8Array,
): void {
  const blocks = padded.map((n, axis) => n / blockShape[axis]!);
  const blockBytes = elementCount(blockShape) * elementBytes;
  for (let b = 0; b < elementCount(blocks); b++) {
    const place = unravel(b, blocks);
    const start = shape.map((_, axis) => at[axis]! * chunkShape[axis]! + place[axis]! * blockShape[axis]!);
    // A block ends with its chunk and with the array.
    const size = shape.map((n, axis) =>
      Math.min(blockShape[axis]!, n - start[axis]!, (at[axis]! + 1) * chunkShape[axis]! - start[axis]!),
    );
    if (size.some((n) => n <= 0)) continue;
    copyRows(chunk, b * blockBytes, blockShape, out, start, shape, size, elementBytes);
  }
}

/** Copies the first `size` of a block that lies in `chunk` at `begin` to `start` in the array. */
function copyRows(
  chunk: Uint8Array,
  begin: number,
  blockShape: readonly number[],
  out: Uint8Array,
  start: readonly number[],
  shape: readonly number[],
  size: readonly number[],
  elementBytes: number,
): void {
  const last = shape.length - 1;
  const row = new Array<number>(shape.length).fill(0);
  const rowBytes = (size[last] ?? 1) * elementBytes;
  for (;;) {
    let [from, to] = [0, 0];
    for (let axis = 0; axis <= last; axis++) {
      from = from * blockShape[axis]! + row[axis]!;
      to = to * shape[axis]! + start[axis]! + row[axis]!;
    }
    from = begin + from * elementBytes;
    out.set(chunk.subarray(from, from + rowBytes), to * elementBytes);
    let axis = last - 1;
    for (; axis >= 0; axis--) {
      row[axis]!++;
      if (row[axis]! < size[axis]!) break;
      row[axis] = 0;
    }
    if (axis < 0) return;
  }
}
