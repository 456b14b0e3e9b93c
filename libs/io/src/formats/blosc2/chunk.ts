/** One chunk of Blosc, versions 1 and 2: blocks, each packed whole or byte by byte. Source: c-blosc2, README_CHUNK_FORMAT. */
import { FormatError } from '../../errors.ts';
import { undelta, unshuffle, unshuffleBits } from './filters.ts';
import { loadZstd } from '../zstandard.ts';
import { unpackBlosclz, unpackLz4, type Unpack } from './lz.ts';

const HEADER = 16;
const EXTENDED_HEADER = 32;
const NEWEST_VERSION = 6;
const FILTERS = 6;

/** What stands in for a whole chunk; in the header's flags, and in the index of a frame. */
export const SPECIAL = { zeros: 1, nan: 2, value: 3, uninitialized: 4 } as const;

/** Loaded when the first such chunk is met, as the next: making its tables takes longer than reading many a file. */
async function loadZlib(): Promise<Unpack> {
  const { unzlibSync } = await import('fflate/browser');
  return (from, to) => {
    try {
      return unzlibSync(from, { out: to }).length;
    } catch {
      return undefined;
    }
  };
}

const CODECS: Readonly<Record<number, { readonly name: string; readonly load?: () => Promise<Unpack> }>> = {
  0: { name: 'BloscLZ', load: () => Promise.resolve(unpackBlosclz) },
  1: { name: 'LZ4', load: () => Promise.resolve(unpackLz4) },
  2: { name: 'Snappy' },
  3: { name: 'zlib', load: loadZlib },
  4: { name: 'Zstandard', load: loadZstd },
  5: { name: 'reserved' },
  6: { name: "a user's own" },
  7: { name: "the super-chunk's own" },
};

export interface ChunkHeader {
  readonly version: number;
  /** Unpacked bytes. */
  readonly bytes: number;
  /** Packed bytes, header included. */
  readonly packed: number;
  readonly blockBytes: number;
  readonly elementBytes: number;
  readonly headerBytes: number;
  readonly copied: boolean;
  readonly split: boolean;
  readonly codec: number;
  /** Filter codes in the order in which they were applied. */
  readonly filters: readonly number[];
  readonly special: number;
}

/** Where a chunk stands, for messages. */
export interface ChunkPlace {
  readonly file: string;
  /** Of the chunk's first byte. */
  readonly byteOffset: number;
}

function fault({ file, byteOffset }: ChunkPlace, at: number, field: string, message: string): FormatError {
  return new FormatError(`${file}: the Blosc chunk at byte ${byteOffset} ${message}`, {
    file,
    field,
    byteOffset: byteOffset + at,
  });
}

/** Throws: FormatError. */
export function readChunkHeader(chunk: Uint8Array, place: ChunkPlace): ChunkHeader {
  if (chunk.length < HEADER)
    throw fault(
      place,
      chunk.length,
      'header',
      `has ${chunk.length} bytes, its header takes ${HEADER}; it is incomplete.`,
    );
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  const [version, , flags, elementBytes] = chunk as unknown as [number, number, number, number];
  const [bytes, blockBytes, packed] = [4, 8, 12].map((at) => view.getInt32(at, true)) as [number, number, number];
  if (version < 1 || version > NEWEST_VERSION)
    throw fault(place, 0, 'version', `is of version ${version}; 1 to ${NEWEST_VERSION} are read.`);
  const extended = (flags & 0x05) === 0x05;
  const headerBytes = extended ? EXTENDED_HEADER : HEADER;
  if (packed < headerBytes || packed > chunk.length)
    throw fault(place, 12, 'cbytes', `claims ${packed} bytes, ${chunk.length} are there; it is incomplete.`);
  if (bytes < 0 || elementBytes === 0 || (bytes > 0 && (blockBytes <= 0 || blockBytes > bytes)))
    throw fault(
      place,
      4,
      'nbytes',
      `claims ${bytes} bytes in blocks of ${blockBytes} and elements of ${elementBytes}.`,
    );
  const blosc2 = extended ? chunk[31]! : 0;
  if (blosc2 & 0x01)
    throw fault(place, 31, 'flags', 'was packed with a dictionary, which is not read; write it without.');
  if (blosc2 & 0x80) throw fault(place, 31, 'flags', 'holds measurements of the codec instead of data.');
  const plain = [...(flags & 1 ? [1] : []), ...(flags & 4 ? [2] : [])];
  return {
    version,
    bytes,
    packed,
    blockBytes,
    elementBytes,
    headerBytes,
    copied: (flags & 0x02) !== 0,
    split: (flags & 0x10) === 0,
    codec: flags >>> 5,
    filters: extended ? Array.from(chunk.subarray(16, 16 + FILTERS)) : [...(flags & 8 ? [3] : []), ...plain],
    special: (blosc2 >>> 4) & 7,
  };
}

/** Fills `to` with a special value; `value` is one element where the value itself is told. False for an unknown kind. */
export function fillSpecial(to: Uint8Array, kind: number, elementBytes: number, value?: Uint8Array): boolean {
  if (kind === SPECIAL.zeros || kind === SPECIAL.uninitialized) {
    to.fill(0);
    return true;
  }
  const one = kind === SPECIAL.nan ? nanOf(elementBytes) : kind === SPECIAL.value ? value : undefined;
  if (one === undefined || one.length === 0) return false;
  for (let at = 0; at < to.length; at++) to[at] = one[at % one.length]!;
  return true;
}

function nanOf(elementBytes: number): Uint8Array | undefined {
  const bytes = new DataView(new ArrayBuffer(elementBytes));
  if (elementBytes === 4) bytes.setFloat32(0, NaN, true);
  else if (elementBytes === 8) bytes.setFloat64(0, NaN, true);
  else return undefined;
  return new Uint8Array(bytes.buffer);
}

/**
 * Unpacks a chunk into `to`, which has its `bytes`. Throws: FormatError for damaged chunks, and for codecs and filters that are
 * not read, by name.
 */
export async function decodeChunk(
  chunk: Uint8Array,
  header: ChunkHeader,
  to: Uint8Array,
  place: ChunkPlace,
): Promise<void> {
  const { bytes, packed, headerBytes, elementBytes, special } = header;
  if (special !== 0) {
    const value = chunk.subarray(headerBytes, Math.min(packed, headerBytes + elementBytes));
    if (!fillSpecial(to, special, elementBytes, value.length === elementBytes ? value : undefined))
      throw fault(place, 31, 'flags', `stands for a special value of kind ${special}, which is not known.`);
    return;
  }
  if (header.copied) {
    if (packed < headerBytes + bytes)
      throw fault(place, headerBytes, 'data', `holds ${packed - headerBytes} of ${bytes} bytes; it is incomplete.`);
    to.set(chunk.subarray(headerBytes, headerBytes + bytes));
    return;
  }
  if (bytes === 0) return;
  await decodeBlocks(chunk.subarray(0, packed), header, to, place);
}

async function decodeBlocks(chunk: Uint8Array, header: ChunkHeader, to: Uint8Array, place: ChunkPlace): Promise<void> {
  const { headerBytes, blockBytes, bytes } = header;
  const codec = CODECS[header.codec]!;
  const unpack = await codec.load?.();
  if (!unpack) throw fault(place, 2, 'codec', `is packed with ${codec.name} codec, which is not read.`);
  const filters = filtersOf(header, place);
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  const blocks = Math.ceil(bytes / blockBytes);
  if (headerBytes + 4 * blocks > chunk.length)
    throw fault(place, chunk.length, 'block starts', `has ${blocks} blocks, but no room for their starts.`);
  const spare = [new Uint8Array(blockBytes), new Uint8Array(blockBytes)] as const;
  for (let k = 0; k < blocks; k++) {
    const out = to.subarray(k * blockBytes, Math.min(bytes, (k + 1) * blockBytes));
    const start = view.getInt32(headerBytes + 4 * k, true);
    // A filter reads from one place and writes to another; the last writes to where the block belongs.
    let now = filters.length === 0 ? out : spare[0].subarray(0, out.length);
    readStreams({ chunk, view, header, place, unpack, name: codec.name }, start, now, out.length < blockBytes);
    for (const [step, filter] of filters.entries()) {
      const next = step === filters.length - 1 ? out : now.buffer === spare[0].buffer ? spare[1] : spare[0];
      const into = next.subarray(0, out.length);
      if (filter === 1) unshuffle(now, into, header.elementBytes);
      else if (filter === 2) unshuffleBits(now, into, header.elementBytes, header.version);
      else {
        into.set(now);
        undelta(into, to.subarray(0, out.length), header.elementBytes);
      }
      now = into;
    }
  }
}

/** Filters in the order in which they are undone. Truncated precision stays as it is. */
function filtersOf({ filters }: ChunkHeader, place: ChunkPlace): readonly number[] {
  const undone = filters.filter((filter) => filter !== 0 && filter !== 4).reverse();
  const unknown = undone.find((filter) => filter > 3);
  if (unknown !== undefined)
    throw fault(
      place,
      EXTENDED_HEADER / 2,
      'filters',
      `went through filter ${unknown}, which is not read; known are shuffle, bitshuffle, delta and truncation.`,
    );
  if (undone.includes(3) && undone.at(-1) !== 3)
    throw fault(place, EXTENDED_HEADER / 2, 'filters', 'took differences after other filters, which is not read.');
  return undone;
}

interface StreamSource {
  readonly chunk: Uint8Array;
  readonly view: DataView;
  readonly header: ChunkHeader;
  readonly place: ChunkPlace;
  readonly unpack: Unpack;
  readonly name: string;
}

/** One stream, or one per byte of an element where the block was split; the last, shorter block is never split. */
function readStreams(
  { chunk, view, header, place, unpack, name }: StreamSource,
  start: number,
  to: Uint8Array,
  shorter: boolean,
): void {
  const { elementBytes, headerBytes, split } = header;
  const streams = split && !shorter && to.length % elementBytes === 0 ? elementBytes : 1;
  const length = to.length / streams;
  let at = start;
  for (let k = 0; k < streams; k++) {
    if (at < headerBytes || at + 4 > chunk.length)
      throw fault(place, 0, 'block starts', `has a block at byte ${at}, outside its ${chunk.length} bytes.`);
    const size = view.getInt32(at, true);
    const out = to.subarray(k * length, (k + 1) * length);
    at += 4;
    if (size === 0) {
      out.fill(0);
      continue;
    }
    if (size < 0) {
      // A run of one byte, which is the size turned positive; a token says so.
      if (at >= chunk.length || (chunk[at]! & 1) === 0 || size < -255)
        throw fault(place, at, 'stream', `has a stream of unknown kind (${size}).`);
      out.fill(-size);
      at += 1;
      continue;
    }
    if (size > chunk.length - at)
      throw fault(place, at, 'stream', `has a stream of ${size} bytes that passes its end.`);
    const packed = chunk.subarray(at, at + size);
    if (size === length) out.set(packed);
    else if (unpack(packed, out) !== length)
      throw fault(
        place,
        at,
        'stream',
        `has a damaged ${name} stream of ${size} bytes, which should unpack to ${length}.`,
      );
    at += size;
  }
}
