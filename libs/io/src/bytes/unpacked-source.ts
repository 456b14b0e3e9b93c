/** The inside of a file that may be a gzip: told by its magic bytes, never by its name. */
import { bytesSource } from './byte-source.ts';
import type { ByteSource } from './byte-source.ts';
import { ByteStream, SourceStream } from './byte-stream.ts';
import { LARGEST_DEFLATE_RATIO, gunzip, inflate, inflateInto, inflateSmall, inflateSource, isGzip } from './deflate.ts';
import type { Deflate, InflatedRange } from './deflate.ts';
import { FormatError } from '../errors.ts';

/** Packed files up to this size are unpacked in one go: a stream would cost more than the work. */
const SMALL = 1 << 18;
/** Unpacked bytes behind the last voxel that are read to reach the checksum; more is refused. */
const MOST_TRAILING_BYTES = 1 << 24;

export class UnpackedSource {
  readonly name: string | undefined;
  readonly packed: boolean;
  /** Unpacked bytes: exactly, or for packed files what their size can justify at most. */
  readonly available: number;
  readonly #source: ByteSource;

  private constructor(source: ByteSource, packed: boolean) {
    this.name = source.name;
    this.packed = packed;
    this.available = packed ? source.size * LARGEST_DEFLATE_RATIO + 1024 : source.size;
    this.#source = source;
  }

  /** Throws: FormatError for an empty file or a damaged small gzip. */
  static async open(source: ByteSource): Promise<UnpackedSource> {
    if (source.size === 0)
      throw new FormatError(`${source.name ?? 'bytes'} is empty (0 bytes); fetch the file again.`, {
        ...(source.name === undefined ? {} : { file: source.name }),
        field: 'size',
        byteOffset: 0,
      });
    const packed = isGzip(await source.read(0, Math.min(2, source.size)));
    if (packed && source.size <= SMALL) {
      const bytes = inflateSmall(await source.read(0, source.size), 'gzip', source.name);
      if (bytes) return new UnpackedSource(bytesSource(bytes, source.name), false);
    }
    return new UnpackedSource(source, packed);
  }

  /** The first `length` bytes, or fewer where the file ends before. */
  async head(length: number): Promise<Uint8Array> {
    if (!this.packed) return this.#source.read(0, Math.min(length, this.#source.size));
    const stream = this.streamFrom();
    const bytes = new Uint8Array(length);
    const found = await stream.fill(bytes);
    await stream.close();
    return bytes.subarray(0, found);
  }

  /** A stream that stands at byte 0. */
  streamFrom(): ByteStream {
    return this.packed
      ? new ByteStream(gunzip(this.#source), this.name, { freeing: true })
      : new SourceStream(this.#source);
  }

  /** A stream that stands at `offset`. */
  async streamAt(offset: number, field: string): Promise<ByteStream> {
    if (!this.packed) return new SourceStream(this.#source, offset);
    const stream = this.streamFrom();
    await stream.skip(offset, field);
    return stream;
  }

  /**
   * Bytes [offset, offset + length) in memory of their own, read with nothing held twice; undefined where streaming is as good
   * (small blocks, bytes already in memory, no zlib at hand). A packed file is read to its checksum.
   */
  async block(offset: number, length: number): Promise<Uint8Array | undefined> {
    if (length < SMALL) return undefined;
    if (this.packed)
      return inflateInto(this.#source, { kind: 'gzip', offset, length, mostTrailing: MOST_TRAILING_BYTES });
    if (!this.#source.fill) return undefined;
    const bytes = new Uint8Array(length);
    await this.#source.fill(offset, bytes);
    return bytes;
  }

  /** What `block` gives, for bytes that are packed from byte `start` on to the end; undefined also where the file itself is packed. */
  async packedBlock(range: InflatedRange): Promise<Uint8Array | undefined> {
    return this.packed || range.length < SMALL ? undefined : inflateInto(this.#source, range);
  }

  /** A stream of the unpacked bytes of what is packed from byte `start` on. Throws: FormatError naming `field` if the file ends before. */
  async unpackedFrom(start: number, kind: Deflate, field: string): Promise<ByteStream> {
    const chunks = this.packed
      ? inflate((await this.streamAt(start, field)).rest(), kind, this.name)
      : inflateSource(this.#source, kind, start);
    return new ByteStream(chunks, this.name, { freeing: true });
  }

  /** Ends a read that wanted all voxels: runs a packed stream to its checksum. Throws: FormatError if it does not match. */
  async finish(stream: ByteStream): Promise<void> {
    if (this.packed && (await stream.drain(MOST_TRAILING_BYTES)) > MOST_TRAILING_BYTES) {
      await stream.close();
      throw new FormatError(
        `${this.name ?? 'bytes'}: more than ${MOST_TRAILING_BYTES} bytes follow the voxels; the header does not describe this file.`,
        {
          ...(this.name === undefined ? {} : { file: this.name }),
          byteOffset: stream.position,
        },
      );
    }
    await stream.close();
  }
}
