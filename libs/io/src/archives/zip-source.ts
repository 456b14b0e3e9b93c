/** Zip archives that memory need not hold: entries are unpacked chunk by chunk from where they lie. */
import type { ByteSource } from '../bytes/byte-source.ts';
import { chunksOf } from '../bytes/byte-source.ts';
import { crc32 } from '../bytes/crc32.ts';
import { inflateSource } from '../bytes/deflate.ts';
import { failZip, LOCAL, readDirectory, type ZipEntry } from './zip-directory.ts';

/** The directory of most archives lies in their last bytes. */
const TAIL_BYTES = 1 << 20;

export class ZipSource {
  readonly entries: ReadonlyMap<string, ZipEntry>;
  readonly #source: ByteSource;

  private constructor(source: ByteSource, entries: ReadonlyMap<string, ZipEntry>) {
    this.#source = source;
    this.entries = entries;
  }

  /** Throws: FormatError if there is no whole central directory in the last MiB. */
  static async open(source: ByteSource): Promise<ZipSource> {
    const start = Math.max(0, source.size - TAIL_BYTES);
    const bytes = await source.read(start, source.size - start);
    return new ZipSource(source, readDirectory({ bytes, start, size: source.size, file: source.name }));
  }

  /** The unpacked bytes of an entry. Throws: FormatError if it is missing or, with its last chunk, if it is damaged. */
  async *chunks(name: string): AsyncGenerator<Uint8Array> {
    const { size: total, name: file } = this.#source;
    const entry = this.entries.get(name);
    if (!entry) return failZip(file, name, 0, `has no entry "${name}".`);
    const { headerOffset: at, packedSize, method } = entry;
    const header = at + 30 <= total ? await this.#source.read(at, 30) : new Uint8Array(30);
    const view = new DataView(header.buffer, header.byteOffset, 30);
    if (view.getUint32(0, true) !== LOCAL)
      return failZip(
        file,
        name,
        at,
        `entry "${name}" does not start where the directory says; the archive is damaged.`,
      );
    const start = at + 30 + view.getUint16(26, true) + view.getUint16(28, true);
    if (start + packedSize > total)
      return failZip(file, name, start, `entry "${name}" reaches beyond the end of the archive; it is incomplete.`);
    if (method !== 0 && method !== 8)
      return failZip(
        file,
        name,
        start,
        `entry "${name}" is packed by method ${method}; only stored and deflated entries are read.`,
      );
    const packed: ByteSource = {
      name: file,
      size: packedSize,
      read: (offset, length) => this.#source.read(start + offset, length),
    };
    let [size, crc] = [0, 0];
    for await (const chunk of method === 0 ? chunksOf(packed) : inflateSource(packed, 'raw')) {
      size += chunk.length;
      crc = crc32(chunk, crc);
      if (size > entry.size) break;
      yield chunk;
    }
    if (size !== entry.size)
      failZip(
        file,
        name,
        start,
        `entry "${name}" unpacks to another size than the ${entry.size} bytes of the directory.`,
      );
    if (crc !== entry.crc)
      failZip(file, name, start, `entry "${name}" does not match its checksum; the archive is damaged.`);
  }
}
