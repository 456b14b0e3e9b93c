/**
 * Packing and unpacking: gzip, zlib and raw deflate as chunk streams. Node's own zlib where there is one, the browser's
 * Compression Streams elsewhere. Neither holds more than a few chunks.
 */
import { FormatError } from '../errors.ts';
import { chunksOf } from './byte-source.ts';
import type { ByteSource } from './byte-source.ts';
import { unpackMembers } from './gzip-members.ts';
import { parallelGzip } from './parallel-gzip.ts';

/** gzip: RFC 1952. zlib: RFC 1950. raw: RFC 1951. */
export type Deflate = 'gzip' | 'zlib' | 'raw';

/** No deflate stream grows more than this when unpacked: what a packed size can justify at most. */
export const LARGEST_DEFLATE_RATIO = 1032;

const nodeZlib = (): typeof import('node:zlib') | undefined => globalThis.process?.getBuiltinModule?.('node:zlib');
const nodeStream = (): typeof import('node:stream') | undefined =>
  globalThis.process?.getBuiltinModule?.('node:stream');

/** True for the two magic bytes of gzip: file names lie, bytes do not. */
export function isGzip(head: Uint8Array): boolean {
  return head.length >= 2 && head[0] === 0x1f && head[1] === 0x8b;
}

/**
 * The unpacked bytes of `packed`, in chunks; checksums are verified. Several gzip members in a row are one stream in Node; for
 * whole files, `gunzip` reads them everywhere.
 *
 * Throws: FormatError (with the offset reached in the packed bytes) for damaged or cut streams.
 */
export function inflate(packed: AsyncIterable<Uint8Array>, kind: Deflate, name?: string): AsyncIterable<Uint8Array> {
  const zlib = nodeZlib();
  return zlib ? inflateInNode(packed, kind, zlib, name) : inflateInBrowser(packed, kind, name);
}

/** The unpacked bytes of a gzip file, in chunks: what `inflate` gives, several members included wherever this runs. */
export function gunzip(source: ByteSource): AsyncIterable<Uint8Array> {
  return nodeZlib()
    ? inflateSource(source, 'gzip')
    : unpackMembers(source, (packed) => inflateInBrowser(packed, 'gzip', source.name));
}

/** The unpacked bytes of what lies in `source` from byte `start` to its end, in chunks: what `inflate` gives, read with less memory. */
export function inflateSource(source: ByteSource, kind: Deflate, start = 0): AsyncIterable<Uint8Array> {
  const zlib = nodeZlib();
  return zlib
    ? inflateByTurns(source, zlib, { kind, start, chunkSize: 1 << 17 })
    : inflateInBrowser(chunksOf(source, start), kind, source.name);
}

/** Unpacked bytes that `inflateSmall` gives at most. */
const MOST_SMALL_BYTES = 1 << 24;

/**
 * A small packed file in one go, or undefined where that is not possible (no zlib at hand, or it unpacks to more than 16 MiB):
 * use `inflate` then. Throws: FormatError for damaged streams.
 */
export function inflateSmall(packed: Uint8Array, kind: Deflate, name?: string): Uint8Array | undefined {
  const zlib = nodeZlib();
  if (!zlib) return undefined;
  const unpack = kind === 'gzip' ? zlib.gunzipSync : kind === 'zlib' ? zlib.inflateSync : zlib.inflateRawSync;
  try {
    return unpack(packed, { maxOutputLength: MOST_SMALL_BYTES });
  } catch (error) {
    if ((error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE') return undefined;
    throw damaged(error, kind, name, packed.length);
  }
}

function engineFor(kind: Deflate, zlib: typeof import('node:zlib'), chunkSize: number): import('node:zlib').Gunzip {
  const options = { chunkSize };
  if (kind === 'gzip') return zlib.createGunzip(options);
  return kind === 'zlib' ? zlib.createInflate(options) : zlib.createInflateRaw(options);
}

async function* inflateInNode(
  packed: AsyncIterable<Uint8Array>,
  kind: Deflate,
  zlib: typeof import('node:zlib'),
  name?: string,
): AsyncGenerator<Uint8Array> {
  const engine = engineFor(kind, zlib, 1 << 16);
  const source = nodeStream()!.Readable.from(packed, { objectMode: true, highWaterMark: 1 });
  source.on('error', (error) => engine.destroy(error));
  source.pipe(engine);
  try {
    for await (const chunk of engine) yield chunk as Uint8Array;
  } catch (error) {
    throw damaged(error, kind, name, engine.bytesWritten);
  } finally {
    source.destroy();
    engine.destroy();
  }
}

/** Bytes of room behind the wanted ones, so that the end of an ordinary stream needs no second buffer. */
const ROOM = 4096;
/** What Node 20 gives one Buffer at most. */
const MOST_IN_ONE_BUFFER = 2 ** 32 - 1;

export interface InflatedRange {
  readonly kind: Deflate;
  /** Where the packed bytes begin; they go on to the end of the source. */
  readonly start?: number;
  /** The first unpacked byte that is wanted. */
  readonly offset: number;
  readonly length: number;
  /** Unpacked bytes that may follow the wanted ones. */
  readonly mostTrailing: number;
}

/**
 * The unpacked bytes [offset, offset + length) in memory that is taken once and copied never, or undefined without Node's zlib.
 * The stream is read to its end (`mostTrailing` further bytes at most), so that its checksum is verified.
 *
 * Throws: FormatError for damaged, too short or too long streams.
 */
export async function inflateInto(
  source: ByteSource,
  { kind, start = 0, offset, length, mostTrailing }: InflatedRange,
): Promise<Uint8Array | undefined> {
  const { name } = source;
  const zlib = nodeZlib();
  if (!zlib) return undefined;
  const end = offset + length;
  if (end + ROOM > MOST_IN_ONE_BUFFER) return undefined;
  let whole: Uint8Array | undefined;
  let isOwn = false;
  let done = 0;
  // zlib fills one buffer of `chunkSize` and hands out views of it, one behind the other
  for await (const chunk of inflateByTurns(source, zlib, { kind, start, chunkSize: end + ROOM })) {
    whole ??= new Uint8Array(chunk.buffer, chunk.byteOffset, Math.min(end, chunk.buffer.byteLength - chunk.byteOffset));
    if (
      done < end &&
      (whole.length < end || chunk.buffer !== whole.buffer || chunk.byteOffset !== whole.byteOffset + done)
    ) {
      // another zlib, other habits: put the pieces together by hand
      if (!isOwn) {
        const copy = new Uint8Array(end);
        copy.set(whole.subarray(0, done));
        whole = copy;
        isOwn = true;
      }
      whole.set(chunk.subarray(0, end - done), done);
    }
    done += chunk.length;
    if (done > end + mostTrailing)
      throw new FormatError(
        `${name ?? 'bytes'}: more than ${mostTrailing} bytes follow the voxels; the header does not describe this file.`,
        { ...(name === undefined ? {} : { file: name }), field: 'voxels', byteOffset: end },
      );
  }
  if (!whole || done < end)
    throw new FormatError(
      `${name ?? 'bytes'}: the voxels need ${length} bytes from byte ${offset}, only ${Math.max(0, done - offset)} are there; the file is incomplete.`,
      {
        ...(name === undefined ? {} : { file: name }),
        field: 'voxels',
        byteOffset: done,
        details: { expected: length, found: done - offset },
      },
    );
  return whole.subarray(offset, end);
}

/** Unpacks with two input buffers that take turns: one is read while the other is unpacked. */
async function* inflateByTurns(
  source: ByteSource,
  zlib: typeof import('node:zlib'),
  { kind, start, chunkSize }: { readonly kind: Deflate; readonly start: number; readonly chunkSize: number },
): AsyncGenerator<Uint8Array> {
  const engine = engineFor(kind, zlib, chunkSize);
  const step = 1 << 18;
  const buffers = [new Uint8Array(step), new Uint8Array(step)];
  let reading: Promise<Uint8Array> | undefined;
  const next = (at: number): Promise<Uint8Array> => {
    const part = buffers[((at - start) / step) % 2]!.subarray(0, Math.min(step, source.size - at));
    return source.fill ? source.fill(at, part).then(() => part) : source.read(at, part.length);
  };
  // a write that fails is never called back: the end of the engine must end the pump
  const closed = new Promise<void>((resolve) => engine.once('close', resolve));
  const pump = async (): Promise<void> => {
    if (start < source.size) reading = next(start);
    for (let at = start; at < source.size && !engine.destroyed; at += step) {
      const part = await reading!;
      if (at + step < source.size) reading = next(at + step);
      await Promise.race([
        closed,
        new Promise<void>((resolve, reject) => engine.write(part, (error) => (error ? reject(error) : resolve()))),
      ]);
    }
    if (!engine.destroyed) engine.end();
  };
  const pumped = pump().catch((error: unknown) => void engine.destroy(error as Error));
  try {
    for await (const chunk of engine) yield chunk as Uint8Array;
  } catch (error) {
    throw damaged(error, kind, source.name, start + engine.bytesWritten);
  } finally {
    engine.destroy();
    await Promise.allSettled([pumped, reading]);
  }
}

async function* inflateInBrowser(
  packed: AsyncIterable<Uint8Array>,
  kind: Deflate,
  name?: string,
): AsyncGenerator<Uint8Array> {
  const format = kind === 'gzip' ? 'gzip' : kind === 'zlib' ? 'deflate' : 'deflate-raw';
  const stream = streamOf(packed).pipeThrough(
    new DecompressionStream(format) as ReadableWritablePair<Uint8Array, Uint8Array>,
  );
  yield* chunksOfStream(stream, (error) => damaged(error, kind, name, undefined));
}

function damaged(error: unknown, kind: Deflate, name: string | undefined, byteOffset: number | undefined): Error {
  if (error instanceof FormatError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new FormatError(
    `${name ?? 'bytes'}: the ${kind} stream is damaged or cut off${byteOffset === undefined ? '' : ` near byte ${byteOffset}`} (${reason}); fetch the file again.`,
    {
      ...(name === undefined ? {} : { file: name }),
      field: kind,
      ...(byteOffset === undefined ? {} : { byteOffset }),
      details: { reason },
    },
    { cause: error },
  );
}

/** `bytes` in, packed chunks out. `level` 1 (fast) to 9 (small); browsers choose their own. */
export function deflate(
  bytes: AsyncIterable<Uint8Array>,
  kind: Deflate,
  { level = 1 }: { readonly level?: number } = {},
): AsyncIterable<Uint8Array> {
  const zlib = nodeZlib();
  if (!zlib) {
    const format = kind === 'gzip' ? 'gzip' : kind === 'zlib' ? 'deflate' : 'deflate-raw';
    return chunksOfStream(
      streamOf(bytes).pipeThrough(new CompressionStream(format) as ReadableWritablePair<Uint8Array, Uint8Array>),
      (error) => error as Error,
    );
  }
  if (kind === 'gzip') return parallelGzip(bytes, level, zlib);
  const options = { level, chunkSize: 1 << 18, memLevel: 9 };
  const engine = kind === 'zlib' ? zlib.createDeflate(options) : zlib.createDeflateRaw(options);
  const source = nodeStream()!.Readable.from(bytes, { objectMode: true });
  source.on('error', (error) => engine.destroy(error));
  return source.pipe(engine);
}

function streamOf(chunks: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]();
  return new ReadableStream({
    async pull(controller) {
      const { value, done } = await iterator.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await iterator.return?.();
    },
  });
}

async function* chunksOfStream(
  stream: ReadableStream<Uint8Array>,
  explain: (error: unknown) => Error,
): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch (error) {
    throw explain(error);
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
