/** Zip archives: entries found by the central directory, checked, read one at a time; and a writer. Source: PKWARE, APPNOTE 6.3. */
import { crc32 } from '../bytes/crc32.ts';
import { collect, concatenate, inSteps } from '../bytes/collect.ts';
import { LARGEST_DEFLATE_RATIO, deflate, inflate, inflateSmall } from '../bytes/deflate.ts';
import {
  DESCRIPTOR,
  END,
  END64,
  ENTRY,
  failZip,
  LOCAL,
  LOCATOR64,
  readDirectory,
  type ZipEntry,
} from './zip-directory.ts';

export function isZip(head: Uint8Array): boolean {
  return (
    head.length >= 4 &&
    head[0] === 0x50 &&
    head[1] === 0x4b &&
    ((head[2] === 3 && head[3] === 4) || (head[2] === 5 && head[3] === 6))
  );
}

/** An archive in memory. Nothing is unpacked until asked for. */
export class Zip {
  readonly entries: ReadonlyMap<string, ZipEntry>;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #file: string | undefined;

  /** Throws: FormatError if there is no whole central directory. */
  constructor(bytes: Uint8Array, file?: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#file = file;
    this.entries = readDirectory({ bytes, start: 0, size: bytes.length, file });
  }

  /** The unpacked bytes of an entry; a view of the archive if it is stored. Throws: FormatError if missing, damaged or too large. */
  async read(name: string): Promise<Uint8Array> {
    const entry = this.entries.get(name);
    if (!entry)
      return this.#fail(
        name,
        0,
        `has no entry "${name}"; it holds ${[...this.entries.keys()].slice(0, 8).join(', ') || 'nothing'}.`,
      );
    const at = entry.headerOffset;
    if (at + 30 > this.#bytes.length || this.#view.getUint32(at, true) !== LOCAL)
      return this.#fail(name, at, `entry "${name}" does not start where the directory says; the archive is damaged.`);
    const start = at + 30 + this.#view.getUint16(at + 26, true) + this.#view.getUint16(at + 28, true);
    if (start + entry.packedSize > this.#bytes.length)
      return this.#fail(name, start, `entry "${name}" reaches beyond the end of the archive; it is incomplete.`);
    const packed = this.#bytes.subarray(start, start + entry.packedSize);
    const bytes = await this.#unpack(entry, packed, start);
    if (bytes.length !== entry.size)
      return this.#fail(
        name,
        start,
        `entry "${name}" unpacks to ${bytes.length} bytes, the directory says ${entry.size}.`,
      );
    if (crc32(bytes) !== entry.crc)
      return this.#fail(name, start, `entry "${name}" does not match its checksum; the archive is damaged.`);
    return bytes;
  }

  async #unpack(entry: ZipEntry, packed: Uint8Array, start: number): Promise<Uint8Array> {
    if (entry.method === 0) return packed;
    if (entry.method !== 8)
      return this.#fail(
        entry.name,
        start,
        `entry "${entry.name}" is packed by method ${entry.method}; only stored and deflated entries are read.`,
      );
    if (entry.size > packed.length * LARGEST_DEFLATE_RATIO + 1024)
      return this.#fail(
        entry.name,
        start,
        `entry "${entry.name}" claims ${entry.size} bytes, more than ${packed.length} packed bytes can hold.`,
      );
    return (
      inflateSmall(packed, 'raw', this.#file) ??
      collect(inflate(inSteps(packed), 'raw', this.#file), entry.size, this.#file)
    );
  }

  #fail(field: string, byteOffset: number, message: string): never {
    return failZip(this.#file, field, byteOffset, message);
  }
}

/** A file for `encodeZip`. */
export interface ZipContent {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** A file that is too large for memory: its size and checksum follow its bytes. */
export interface ZipStream {
  readonly name: string;
  readonly chunks: AsyncIterable<Uint8Array>;
}

export interface ZipOptions {
  /** Deflate the files. Default false. */
  readonly compress?: boolean;
  /** Bytes of stored files begin at multiples of this. Default 1. */
  readonly align?: number;
  /** Sizes and offsets from here on take 64 bits. Default: those that do not fit into 32. */
  readonly wideFrom?: number;
}

/** What 32 bits say where the 64-bit extension speaks. */
const WIDE = 0xffffffff;
const WIDE_COUNT = 0xffff;

/** An archive of these files, whole. The time stamps are zero: the same content gives the same bytes. */
export function encodeZip(contents: readonly ZipContent[], options: ZipOptions = {}): Promise<Uint8Array> {
  return collect(zipChunks(contents, options));
}

/** An archive of these files in chunks, which may be larger together than memory or 4 GiB: sizes then take 64 bits (zip64). */
export async function* zipChunks(
  contents: readonly (ZipContent | ZipStream)[],
  { compress = false, align = 1, wideFrom = WIDE }: ZipOptions = {},
): AsyncGenerator<Uint8Array> {
  const directory: Uint8Array[] = [];
  let at = 0;
  for (const content of contents) {
    const path = new TextEncoder().encode(content.name);
    let entry: Written;
    if ('chunks' in content) {
      const streamed = { size: 0, packedSize: 0, crc: 0 };
      entry = { ...streamed, compress, wide: true, follows: true };
      const sizes = wideField([0, 0]);
      const head = concatenate([localHeader(entry, path, sizes.length), path, sizes]);
      yield head;
      const bytes = counted(content.chunks, streamed);
      for await (const packed of compress ? deflate(bytes, 'raw') : bytes) {
        streamed.packedSize += packed.length;
        yield packed;
      }
      entry = { ...entry, ...streamed };
      const after = descriptor(entry);
      yield after;
      directory.push(...directoryEntry(entry, path, at, wideFrom));
      at += head.length + streamed.packedSize + after.length;
      continue;
    }
    const { bytes } = content;
    const packed = compress ? await collect(deflate(inSteps(bytes), 'raw', { level: 6 })) : bytes;
    const size = { size: bytes.length, packedSize: packed.length, crc: crc32(bytes) };
    // both sizes stand in front of the file, or none
    entry = { ...size, compress, wide: bytes.length >= wideFrom || packed.length >= wideFrom, follows: false };
    const sizes = entry.wide ? wideField([bytes.length, packed.length]) : new Uint8Array(0);
    const padding = (align - ((at + 30 + path.length + sizes.length) % align)) % align;
    // a private extra field (id, length, zeros) needs four bytes at least
    const extra = new Uint8Array(padding === 0 ? 0 : padding < 4 ? padding + align : padding);
    if (extra.length > 0) new DataView(extra.buffer).setUint32(0, 0x4246 | ((extra.length - 4) << 16), true);
    yield concatenate([localHeader(entry, path, sizes.length + extra.length), path, sizes, extra]);
    yield packed;
    directory.push(...directoryEntry(entry, path, at, wideFrom));
    at += 30 + path.length + sizes.length + extra.length + packed.length;
  }
  yield* directory;
  const size = directory.reduce((sum, d) => sum + d.length, 0);
  if (at >= wideFrom || size >= wideFrom || contents.length >= WIDE_COUNT)
    yield wideEnd({ start: at, size, count: contents.length });
  const end = new DataView(new ArrayBuffer(22));
  end.setUint32(0, END, true);
  const wideCount = contents.length >= WIDE_COUNT || at >= wideFrom;
  end.setUint16(8, wideCount ? WIDE_COUNT : contents.length, true);
  end.setUint16(10, wideCount ? WIDE_COUNT : contents.length, true);
  end.setUint32(12, size >= wideFrom ? WIDE : size, true);
  end.setUint32(16, at >= wideFrom ? WIDE : at, true);
  yield new Uint8Array(end.buffer);
}

/** What stands in an archive about one of its files. */
interface Written {
  readonly size: number;
  readonly packedSize: number;
  readonly crc: number;
  readonly compress: boolean;
  /** Whether its sizes take 64 bits. */
  readonly wide: boolean;
  /** Whether size and checksum follow the bytes. */
  readonly follows: boolean;
}

/** The chunks as they are, their size and checksum added up. */
async function* counted(
  chunks: AsyncIterable<Uint8Array>,
  found: { size: number; crc: number },
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    found.size += chunk.length;
    found.crc = crc32(chunk, found.crc);
    yield chunk;
  }
}

/** The words that local header and directory share, from byte `o` on of `size` bytes. */
function facts(entry: Written, path: Uint8Array, size: number, signature: number, o: number): DataView {
  const { wide } = entry;
  const view = new DataView(new ArrayBuffer(size));
  view.setUint32(0, signature, true);
  view.setUint16(o, wide ? 45 : 20, true);
  view.setUint16(o + 2, entry.follows ? 0x808 : 0x800, true); // names are UTF-8
  view.setUint16(o + 4, entry.compress ? 8 : 0, true);
  view.setUint16(o + 8, 0x21, true); // 1980-01-01, the zero of zip dates
  view.setUint32(o + 10, entry.crc, true);
  view.setUint32(o + 14, wide ? WIDE : entry.packedSize, true);
  view.setUint32(o + 18, wide ? WIDE : entry.size, true);
  view.setUint16(o + 22, path.length, true);
  return view;
}

function localHeader(entry: Written, path: Uint8Array, extraLength: number): Uint8Array {
  const view = facts(entry, path, 30, LOCAL, 4);
  view.setUint16(28, extraLength, true);
  return new Uint8Array(view.buffer);
}

/** Sizes and checksum behind a streamed file, in 64 bits as its header says. */
function descriptor({ crc, packedSize, size }: Written): Uint8Array {
  const view = new DataView(new ArrayBuffer(24));
  view.setUint32(0, DESCRIPTOR, true);
  view.setUint32(4, crc, true);
  view.setBigUint64(8, BigInt(packedSize), true);
  view.setBigUint64(16, BigInt(size), true);
  return new Uint8Array(view.buffer);
}

/** A file's part of the directory; it lies at byte `at`. */
function directoryEntry(entry: Written, path: Uint8Array, at: number, wideFrom: number): Uint8Array[] {
  const own = wideField([...(entry.wide ? [entry.size, entry.packedSize] : []), ...(at >= wideFrom ? [at] : [])]);
  const view = facts(entry, path, 46, ENTRY, 6);
  view.setUint16(4, 45, true);
  view.setUint16(30, own.length, true);
  view.setUint32(42, at >= wideFrom ? WIDE : at, true);
  return [new Uint8Array(view.buffer), path, own];
}

/** The extra field of 64-bit sizes and offsets; nothing for no numbers. */
function wideField(numbers: readonly number[]): Uint8Array {
  if (numbers.length === 0) return new Uint8Array(0);
  const view = new DataView(new ArrayBuffer(4 + 8 * numbers.length));
  view.setUint16(0, 1, true);
  view.setUint16(2, 8 * numbers.length, true);
  numbers.forEach((n, i) => view.setBigUint64(4 + 8 * i, BigInt(n), true));
  return new Uint8Array(view.buffer);
}

/** The end of an archive whose directory takes 64 bits, and where it stands. */
function wideEnd({ start, size, count }: { start: number; size: number; count: number }): Uint8Array {
  const view = new DataView(new ArrayBuffer(56 + 20));
  view.setUint32(0, END64, true);
  view.setBigUint64(4, 44n, true); // bytes that follow in this record
  view.setUint16(12, 45, true);
  view.setUint16(14, 45, true);
  [count, count, size, start].forEach((n, i) => view.setBigUint64(24 + 8 * i, BigInt(n), true));
  view.setUint32(56, LOCATOR64, true);
  view.setBigUint64(64, BigInt(start + size), true);
  view.setUint32(72, 1, true);
  return new Uint8Array(view.buffer);
}
