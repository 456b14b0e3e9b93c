/** Zip archives: entries found by the central directory, checked, read one at a time; and a writer of stored entries. */
import { crc32 } from '../bytes/crc32.ts';
import { collect, concatenate, inSteps } from '../bytes/collect.ts';
import { LARGEST_DEFLATE_RATIO, deflate, inflate, inflateSmall } from '../bytes/deflate.ts';
import { FormatError } from '../errors.ts';

export interface ZipEntry {
  readonly name: string;
  readonly method: number;
  readonly packedSize: number;
  readonly size: number;
  readonly crc: number;
  readonly headerOffset: number;
}

const END = 0x06054b50;
const END64 = 0x06064b50;
const LOCATOR64 = 0x07064b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;

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
    this.entries = this.#directory();
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

  #directory(): Map<string, ZipEntry> {
    const { start, count } = this.#end();
    const entries = new Map<string, ZipEntry>();
    let at = start;
    let packed = 0;
    for (let i = 0; i < count; i++) {
      if (at + 46 > this.#bytes.length || this.#view.getUint32(at, true) !== ENTRY)
        this.#fail(
          'central directory',
          at,
          `the directory ends after ${i} of ${count} entries; the archive is damaged.`,
        );
      const [nameLength, extraLength, commentLength] = [28, 30, 32].map((o) => this.#view.getUint16(at + o, true)) as [
        number,
        number,
        number,
      ];
      const end = at + 46 + nameLength + extraLength + commentLength;
      if (end > this.#bytes.length)
        this.#fail('central directory', at, 'an entry reaches beyond the end; the archive is damaged.');
      const name = new TextDecoder().decode(this.#bytes.subarray(at + 46, at + 46 + nameLength));
      const entry = this.#entry(name, at, at + 46 + nameLength, extraLength);
      // entries that share bytes would let a small archive unpack without end
      packed += entry.packedSize;
      if (packed > this.#bytes.length)
        this.#fail('central directory', at, 'the entries claim more bytes than the archive has; it is damaged.');
      entries.set(name, entry);
      at = end;
    }
    return entries;
  }

  #entry(name: string, at: number, extraAt: number, extraLength: number): ZipEntry {
    let [packedSize, size, headerOffset] = [20, 24, 42].map((o) => this.#view.getUint32(at + o, true)) as [
      number,
      number,
      number,
    ];
    for (let p = extraAt; p + 4 <= extraAt + extraLength;) {
      const [id, length] = [this.#view.getUint16(p, true), this.#view.getUint16(p + 2, true)];
      const end = Math.min(p + 4 + length, extraAt + extraLength);
      let q = p + 4;
      const wide = (): number => {
        if (q + 8 > end) return this.#fail('central directory', q, `the 64-bit sizes of "${name}" are cut off.`);
        q += 8;
        return Number(this.#view.getBigUint64(q - 8, true));
      };
      if (id === 1) {
        if (size === 0xffffffff) size = wide();
        if (packedSize === 0xffffffff) packedSize = wide();
        if (headerOffset === 0xffffffff) headerOffset = wide();
      }
      p += 4 + length;
    }
    return {
      name,
      method: this.#view.getUint16(at + 10, true),
      crc: this.#view.getUint32(at + 16, true),
      packedSize,
      size,
      headerOffset,
    };
  }

  #end(): { readonly start: number; readonly count: number } {
    const last = this.#bytes.length - 22;
    for (let at = last; at >= Math.max(0, last - 65535); at--) {
      if (this.#view.getUint32(at, true) !== END) continue;
      const count = this.#view.getUint16(at + 10, true);
      const start = this.#view.getUint32(at + 16, true);
      if ((count === 0xffff || start === 0xffffffff) && at >= 20 && this.#view.getUint32(at - 20, true) === LOCATOR64) {
        const end64 = Number(this.#view.getBigUint64(at - 12, true));
        if (end64 + 56 <= at && this.#view.getUint32(end64, true) === END64)
          return {
            count: Number(this.#view.getBigUint64(end64 + 32, true)),
            start: Number(this.#view.getBigUint64(end64 + 48, true)),
          };
      }
      return { start, count };
    }
    return this.#fail(
      'central directory',
      this.#bytes.length,
      'there is no end-of-archive record; the file is incomplete or no zip.',
    );
  }

  #fail(field: string, byteOffset: number, message: string): never {
    throw new FormatError(`${this.#file ?? 'zip archive'}: ${message}`, {
      ...(this.#file === undefined ? {} : { file: this.#file }),
      field,
      byteOffset,
    });
  }
}

/** A file for `encodeZip`. */
export interface ZipContent {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Largest sizes and offsets of a zip without 64-bit extensions. */
const MOST_ZIP_BYTES = 0xffffffff;

/**
 * An archive of these files. `compress`: deflate them. `align`: bytes of stored entries begin at multiples of this.
 *
 * Throws: FormatError above 4 GiB. The time stamps are zero: the same content gives the same bytes.
 */
export async function encodeZip(
  contents: readonly ZipContent[],
  { compress = false, align = 1 }: { readonly compress?: boolean; readonly align?: number } = {},
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let at = 0;
  for (const { name, bytes } of contents) {
    const path = new TextEncoder().encode(name);
    const packed = compress ? await collect(deflate(inSteps(bytes), 'raw', { level: 6 })) : bytes;
    const padding = (align - ((at + 30 + path.length) % align)) % align;
    // a private extra field (id, length, zeros) needs four bytes at least
    const extra = new Uint8Array(padding === 0 ? 0 : padding < 4 ? padding + align : padding);
    if (extra.length > 0) new DataView(extra.buffer).setUint32(0, 0x4246 | ((extra.length - 4) << 16), true);
    const header = (signature: number, size: number): { readonly head: Uint8Array; readonly view: DataView } => {
      const head = new Uint8Array(size);
      const view = new DataView(head.buffer);
      view.setUint32(0, signature, true);
      return { head, view };
    };
    const facts = (view: DataView, o: number): void => {
      view.setUint16(o, 20, true);
      view.setUint16(o + 2, 0x800, true); // names are UTF-8
      view.setUint16(o + 4, compress ? 8 : 0, true);
      view.setUint16(o + 8, 0x21, true); // 1980-01-01, the zero of zip dates
      view.setUint32(o + 10, crc32(bytes), true);
      view.setUint32(o + 14, packed.length, true);
      view.setUint32(o + 18, bytes.length, true);
      view.setUint16(o + 22, path.length, true);
    };
    const local = header(LOCAL, 30);
    facts(local.view, 4);
    local.view.setUint16(28, extra.length, true);
    const entry = header(ENTRY, 46);
    entry.view.setUint16(4, 20, true);
    facts(entry.view, 6);
    entry.view.setUint32(42, at, true);
    directory.push(entry.head, path);
    parts.push(local.head, path, extra, packed);
    at += 30 + path.length + extra.length + packed.length;
    if (at > MOST_ZIP_BYTES || bytes.length > MOST_ZIP_BYTES)
      throw new FormatError(`encodeZip: the archive passes ${MOST_ZIP_BYTES} bytes; write the arrays as safetensors.`, {
        field: name,
      });
  }
  const directorySize = directory.reduce((sum, d) => sum + d.length, 0);
  const end = new Uint8Array(22);
  const view = new DataView(end.buffer);
  view.setUint32(0, END, true);
  view.setUint16(8, contents.length, true);
  view.setUint16(10, contents.length, true);
  view.setUint32(12, directorySize, true);
  view.setUint32(16, at, true);
  return concatenate([...parts, ...directory, end]);
}
