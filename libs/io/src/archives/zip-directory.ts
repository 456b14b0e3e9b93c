/** What a zip archive holds and where: its central directory. Source: PKWARE, APPNOTE 6.3. */
import { FormatError } from '../errors.ts';

export interface ZipEntry {
  readonly name: string;
  readonly method: number;
  readonly packedSize: number;
  readonly size: number;
  readonly crc: number;
  readonly headerOffset: number;
}

export const END = 0x06054b50;
export const END64 = 0x06064b50;
export const LOCATOR64 = 0x07064b50;
export const ENTRY = 0x02014b50;
export const LOCAL = 0x04034b50;
export const DESCRIPTOR = 0x08074b50;

/** The last bytes of an archive, or all of them. */
export interface ArchiveEnd {
  readonly bytes: Uint8Array;
  /** Where in the archive they begin. */
  readonly start: number;
  /** Of the archive. */
  readonly size: number;
  readonly file: string | undefined;
}

/** Entries by name. Throws: FormatError if there is no whole central directory in these bytes. */
export function readDirectory(end: ArchiveEnd): ReadonlyMap<string, ZipEntry> {
  return new DirectoryReader(end).entries();
}

export function failZip(file: string | undefined, field: string, byteOffset: number, message: string): never {
  throw new FormatError(`${file ?? 'zip archive'}: ${message}`, {
    ...(file === undefined ? {} : { file }),
    field,
    byteOffset,
  });
}

/** Places are those in the archive, not in the bytes at hand. */
class DirectoryReader {
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  readonly #start: number;
  readonly #size: number;
  readonly #file: string | undefined;

  constructor({ bytes, start, size, file }: ArchiveEnd) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#start = start;
    this.#size = size;
    this.#file = file;
  }

  entries(): Map<string, ZipEntry> {
    const { start, count } = this.#end();
    const entries = new Map<string, ZipEntry>();
    let at = start;
    let packed = 0;
    for (let i = 0; i < count; i++) {
      if (at < this.#start || at + 46 > this.#size || this.#u32(at) !== ENTRY)
        this.#fail(at, `the directory ends after ${i} of ${count} entries; the archive is damaged.`);
      const [nameLength, extraLength, commentLength] = [28, 30, 32].map((o) => this.#u16(at + o)) as [
        number,
        number,
        number,
      ];
      const end = at + 46 + nameLength + extraLength + commentLength;
      if (end > this.#size) this.#fail(at, 'an entry reaches beyond the end; the archive is damaged.');
      const nameAt = at + 46 - this.#start;
      const name = new TextDecoder().decode(this.#bytes.subarray(nameAt, nameAt + nameLength));
      const entry = this.#entry(name, at, at + 46 + nameLength, extraLength);
      // entries that share bytes would let a small archive unpack without end
      packed += entry.packedSize;
      if (packed > this.#size) this.#fail(at, 'the entries claim more bytes than the archive has; it is damaged.');
      entries.set(name, entry);
      at = end;
    }
    return entries;
  }

  #entry(name: string, at: number, extraAt: number, extraLength: number): ZipEntry {
    let [packedSize, size, headerOffset] = [20, 24, 42].map((o) => this.#u32(at + o)) as [number, number, number];
    for (let p = extraAt; p + 4 <= extraAt + extraLength;) {
      const [id, length] = [this.#u16(p), this.#u16(p + 2)];
      const end = Math.min(p + 4 + length, extraAt + extraLength);
      let q = p + 4;
      const wide = (): number => {
        if (q + 8 > end) return this.#fail(q, `the 64-bit sizes of "${name}" are cut off.`);
        q += 8;
        return this.#u64(q - 8);
      };
      if (id === 1) {
        if (size === 0xffffffff) size = wide();
        if (packedSize === 0xffffffff) packedSize = wide();
        if (headerOffset === 0xffffffff) headerOffset = wide();
      }
      p += 4 + length;
    }
    return { name, method: this.#u16(at + 10), crc: this.#u32(at + 16), packedSize, size, headerOffset };
  }

  #end(): { readonly start: number; readonly count: number } {
    const last = this.#size - 22;
    for (let at = last; at >= Math.max(this.#start, last - 65535); at--) {
      if (this.#u32(at) !== END) continue;
      const [count, start] = [this.#u16(at + 10), this.#u32(at + 16)];
      const [locator, wide] = [at - 20, count === 0xffff || start === 0xffffffff];
      if (wide && locator >= this.#start && this.#u32(locator) === LOCATOR64) {
        const end64 = this.#u64(at - 12);
        if (end64 >= this.#start && end64 + 56 <= at && this.#u32(end64) === END64)
          return { count: this.#u64(end64 + 32), start: this.#u64(end64 + 48) };
      }
      return { start, count };
    }
    return this.#fail(this.#size, 'there is no end-of-archive record; the file is incomplete or no zip.');
  }

  #u16(at: number): number {
    return this.#view.getUint16(at - this.#start, true);
  }

  #u32(at: number): number {
    return this.#view.getUint32(at - this.#start, true);
  }

  #u64(at: number): number {
    return Number(this.#view.getBigUint64(at - this.#start, true));
  }

  #fail(byteOffset: number, message: string): never {
    return failZip(this.#file, 'central directory', byteOffset, message);
  }
}
