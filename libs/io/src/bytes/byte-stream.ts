/** Bytes in order, once: the decompressed inside of a file. Fills the caller's memory, so nothing is held twice. */
import { FormatError } from '../errors.ts';
import { chunksOf } from './byte-source.ts';
import type { ByteSource } from './byte-source.ts';
import { release } from './release.ts';

/** Node keeps smaller Buffers in a pool, which is not ours to free. */
const SMALLEST_FREED = 1 << 16;

/** A reader over chunks. `position` counts the bytes handed out so far. */
export class ByteStream {
  readonly name: string | undefined;
  position = 0;
  readonly #chunks: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array(0);
  #used = 0;
  #freeing: boolean;

  /** `freeing`: the chunks' memory belongs to this stream, which frees it once a chunk of other memory has come. */
  constructor(chunks: AsyncIterable<Uint8Array>, name?: string, { freeing = false } = {}) {
    this.#chunks = chunks[Symbol.asyncIterator]();
    this.name = name;
    this.#freeing = freeing;
  }

  /** Fills `target` as far as the stream reaches; returns the number of bytes written. */
  async fill(target: Uint8Array): Promise<number> {
    let done = 0;
    while (done < target.length) {
      if (this.#used === this.#chunk.length && !(await this.#next())) break;
      const take = Math.min(target.length - done, this.#chunk.length - this.#used);
      target.set(this.#chunk.subarray(this.#used, this.#used + take), done);
      this.#used += take;
      done += take;
    }
    this.position += done;
    return done;
  }

  /** Exactly `length` bytes. Throws: FormatError naming `field` if the stream ends before. */
  async read(length: number, field: string): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    await this.fillAll(bytes, field);
    return bytes;
  }

  /** Fills all of `target`. Throws: FormatError naming `field` if the stream ends before. */
  async fillAll(target: Uint8Array, field: string): Promise<void> {
    const start = this.position;
    const found = await this.fill(target);
    if (found < target.length)
      throw new FormatError(
        `${this.name ?? 'bytes'}: ${field} needs ${target.length} bytes from byte ${start}, only ${found} are there; the file is incomplete.`,
        {
          ...(this.name === undefined ? {} : { file: this.name }),
          field,
          byteOffset: this.position,
          details: { expected: target.length, found },
        },
      );
  }

  /** Passes over `length` bytes. Throws: FormatError naming `field` if the stream ends before. */
  async skip(length: number, field: string): Promise<void> {
    const scratch = new Uint8Array(Math.min(length, 1 << 16));
    for (let left = length; left > 0; left -= scratch.length)
      await this.fillAll(scratch.subarray(0, Math.min(left, scratch.length)), field);
  }

  /** What is left, chunk by chunk. */
  async *rest(): AsyncGenerator<Uint8Array> {
    // who gets the chunks may keep them
    this.#freeing = false;
    try {
      while (this.#used < this.#chunk.length || (await this.#next())) {
        const part = this.#chunk.subarray(this.#used);
        this.#used = this.#chunk.length;
        this.position += part.length;
        yield part;
      }
    } finally {
      await this.close();
    }
  }

  /** Reads to the end, so that checksums behind the last voxel are verified; gives up quietly after `limit` bytes. */
  async drain(limit: number): Promise<number> {
    const scratch = new Uint8Array(1 << 16);
    let total = 0;
    for (;;) {
      const found = await this.fill(scratch);
      total += found;
      if (found < scratch.length || total > limit) return total;
    }
  }

  /** Lets go of the source before its end. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  async #next(): Promise<boolean> {
    const { value, done } = await this.#chunks.next();
    if (done) return false;
    const { buffer } = this.#chunk;
    if (this.#freeing && buffer !== value.buffer && buffer.byteLength >= SMALLEST_FREED) release(buffer as ArrayBuffer);
    this.#chunk = value;
    this.#used = 0;
    return this.#chunk.length > 0 || this.#next();
  }
}

/** Steps that a source which cannot fill memory is read in. */
const STEP = 1 << 18;

/** The stream of a source that is not packed: passes over bytes without reading them, and fills the caller's memory directly. */
export class SourceStream extends ByteStream {
  readonly #source: ByteSource;
  #at: number;

  /** Stands at byte `offset`, or at the end where that lies behind it. */
  constructor(source: ByteSource, offset = 0) {
    super(chunksOf(source), source.name);
    this.#source = source;
    this.#at = Math.min(offset, source.size);
  }

  override async fill(target: Uint8Array): Promise<number> {
    const found = Math.min(target.length, this.#source.size - this.#at);
    const wanted = target.subarray(0, found);
    if (this.#source.fill) await this.#source.fill(this.#at, wanted);
    else
      for (let done = 0; done < found; done += STEP)
        wanted.set(await this.#source.read(this.#at + done, Math.min(STEP, found - done)), done);
    this.#advance(found);
    return found;
  }

  override async skip(length: number, field: string): Promise<void> {
    if (length > this.#source.size - this.#at) return super.skip(length, field);
    this.#advance(length);
  }

  override async *rest(): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunksOf(this.#source, this.#at)) {
      this.#advance(chunk.length);
      yield chunk;
    }
  }

  #advance(bytes: number): void {
    this.#at += bytes;
    this.position += bytes;
  }
}
