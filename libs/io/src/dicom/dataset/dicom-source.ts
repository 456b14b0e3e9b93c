/** Where a file's bytes come from: memory, a disk, an HTTP answer. Read in ranges, so that a series never sits in memory twice. */
import { Inflate } from 'fflate/browser';
import type { ByteSource } from '../../bytes/byte-source.ts';
import { concatenate } from '../../bytes/collect.ts';
import { release } from '../../bytes/release.ts';
import { FormatError } from '../../errors.ts';

/** A file's bytes under a name. `read` may answer at once, and returns fewer bytes at the end of the file. */
export interface DicomSource {
  readonly name: string;
  readonly size: number;
  read(offset: number, length: number): Promise<Uint8Array> | Uint8Array;
  /** Fills `target` from `offset` on and returns how many bytes there were; for sources that can save a copy. */
  fillSync?(offset: number, target: Uint8Array): number;
  /** The same while other work goes on. */
  fill?(offset: number, target: Uint8Array): Promise<number>;
}

/** Bytes already in memory, as a source. Ranges are views, not copies. */
export function memorySource(name: string, bytes: Uint8Array): DicomSource {
  return {
    name,
    size: bytes.length,
    read: (offset, length) => bytes.subarray(offset, Math.min(bytes.length, offset + length)),
  };
}

/** Deflate cannot shrink more than 1032 to 1; a stream that claims more is not one. */
const MAX_RATIO = 1032;

const DAMAGED = 'the compressed data are damaged or end too early.';
const longerThan = (cap: number): string =>
  `the compressed data unpack to more than the ${cap} bytes expected; the file is damaged or hostile.`;

interface Unpacking {
  readonly packed: Uint8Array;
  readonly cap: number;
  readonly file: string | undefined;
  readonly cause?: unknown;
}

const fault = (what: string, { packed, cap, file, cause }: Unpacking): FormatError =>
  new FormatError(
    `inflate: ${what}`,
    {
      ...(file === undefined ? {} : { file }),
      field: 'deflate stream',
      byteOffset: 0,
      details: { packedBytes: packed.length, cap },
    },
    { cause },
  );

const INFLATE_STEP = 1 << 14;

/** For callers in a browser that cannot wait for its own streams. Small steps bound what one of them unpacks before the cap is looked at. */
function inflateAtOnce(unpacking: Unpacking): Uint8Array {
  const { packed, cap } = unpacking;
  const chunks: Uint8Array[] = [];
  let total = 0;
  const stream = new Inflate((chunk) => {
    total += chunk.length;
    chunks.push(chunk);
  });
  for (let at = 0; at === 0 || at < packed.length; at += INFLATE_STEP) {
    try {
      stream.push(packed.subarray(at, at + INFLATE_STEP), at + INFLATE_STEP >= packed.length);
    } catch (cause) {
      throw fault(DAMAGED, { ...unpacking, cause });
    }
    if (total > cap) throw fault(longerThan(cap), unpacking);
  }
  return concatenate(chunks, total);
}

const nodeZlib = (): typeof import('node:zlib') | undefined => globalThis.process?.getBuiltinModule?.('node:zlib');
/** Memory for what unpacks to an unknown size. */
const [LEAST_GUESS, MOST_GUESS] = [1 << 16, 1 << 24];
const MARGIN = 4096;
let lastSize = 0;

/** Unpacks a raw deflate stream of at most `cap` bytes. Throws FormatError when damaged, truncated or longer. */
export function inflateRaw(packed: Uint8Array, cap?: number, file?: string): Uint8Array {
  const justified = packed.length * MAX_RATIO + 64;
  const most = Math.min(cap ?? justified, justified);
  const zlib = nodeZlib();
  if (zlib === undefined) return inflateAtOnce({ packed, cap: most, file });
  // What fits one chunk is unpacked without a copy: the files of a series are of nearly one size.
  const guess = cap === undefined ? Math.min(Math.max(lastSize + MARGIN, LEAST_GUESS), most, MOST_GUESS) : most;
  try {
    const bytes = zlib.inflateRawSync(packed, {
      chunkSize: Math.max(guess + 1, LEAST_GUESS),
      maxOutputLength: Math.max(most, 1),
    });
    lastSize = bytes.length;
    return bytes;
  } catch (error) {
    const isLonger = (error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE';
    throw fault(isLonger ? longerThan(most) : DAMAGED, { packed, cap: most, file, cause: error });
  }
}

/** The data set that was unpacked last, and whose it is. Nothing but this file has views of it. */
let held: { readonly owner: symbol; readonly bytes: WeakRef<Uint8Array> } | undefined;

function hold(owner: symbol, unpack: () => Uint8Array): Uint8Array {
  const before = held?.bytes.deref();
  held = undefined;
  if (before !== undefined && before.buffer.byteLength >= LEAST_GUESS) release(before.buffer as ArrayBuffer);
  const bytes = unpack();
  held = { owner, bytes: new WeakRef(bytes) };
  return bytes;
}

let packedScratch = new Uint8Array(0);

/** Hands the bytes of a file from `start` on to `use`, which must not keep them: where the source can fill memory, it is used again. */
function withPacked<T>(source: DicomSource, start: number, use: (bytes: Uint8Array) => T): T | Promise<T> {
  if (source.fillSync === undefined || source.size > MOST_GUESS) {
    const bytes = source.read(start, source.size - start);
    return bytes instanceof Uint8Array ? use(bytes) : bytes.then(use);
  }
  const length = source.size - start;
  if (packedScratch.length < length) packedScratch = new Uint8Array(Math.ceil(length * 1.25));
  const target = packedScratch.subarray(0, length);
  return use(target.subarray(0, source.fillSync(start, target)));
}

/**
 * What a file's deflated data set unpacks to, from byte `start` on. One such data set is in memory at a time, the one read last; the others
 * are unpacked again when they are asked for: a series of them must not lie in memory beside its volume.
 * Throws: FormatError when it is damaged.
 */
export function openDeflated(packed: DicomSource, start: number): DicomSource | Promise<DicomSource> {
  return withPacked(packed, start, (bytes) => deflatedSource(packed, start, bytes));
}

/** The same of a file whose bytes from `start` on are in memory. */
export function deflatedSource(packed: DicomSource, start: number, bytes: Uint8Array): DicomSource {
  const { name } = packed;
  const owner = Symbol(name);
  const { length: size } = hold(owner, () => inflateRaw(bytes, undefined, name));
  const known = (): Uint8Array | undefined => (held?.owner === owner ? held.bytes.deref() : undefined);
  const again = (from: Uint8Array): Uint8Array => hold(owner, () => inflateRaw(from, size, name));
  const cut = (plain: Uint8Array, offset: number, length: number): Uint8Array =>
    Uint8Array.prototype.slice.call(plain, offset, Math.min(size, offset + length));
  const ask = <T>(use: (plain: Uint8Array) => T): T | Promise<T> => {
    const plain = known();
    return plain === undefined ? withPacked(packed, start, (from) => use(again(from))) : use(plain);
  };
  const source: DicomSource = { name, size, read: (offset, length) => ask((plain) => cut(plain, offset, length)) };
  if (packed.fillSync === undefined || packed.size > MOST_GUESS) return source;
  const fillSync = (offset: number, target: Uint8Array): number =>
    ask((plain) => {
      const there = plain.subarray(offset, offset + target.length);
      target.set(there);
      return there.length;
    }) as number;
  return { ...source, fillSync };
}

/** Any source as one whose reads stop at the end of the file instead of failing there. */
export function lenient(source: ByteSource | DicomSource): DicomSource {
  const { size } = source;
  const fillSync = 'fillSync' in source ? source.fillSync : undefined;
  const fill = source.fill?.bind(source);
  return {
    name: source.name ?? 'DICOM',
    size,
    read: (offset, length) =>
      offset >= size ? new Uint8Array(0) : source.read(offset, Math.min(length, size - offset)),
    ...(fillSync === undefined ? {} : { fillSync }),
    ...(fill === undefined
      ? {}
      : {
          async fill(offset, target) {
            const there = Math.max(0, Math.min(target.length, size - offset));
            return (await fill(offset, target.subarray(0, there))) ?? there;
          },
        }),
  };
}

/** What is inside a gzip-compressed file. Throws: FormatError when it is damaged. */
export async function unzippedSource(source: DicomSource): Promise<DicomSource> {
  const packed = await source.read(0, source.size);
  // Loaded here: hardly any file is packed so.
  const [{ gunzip }, { bytesSource }, { collect }] = await Promise.all([
    import('../../bytes/deflate.ts'),
    import('../../bytes/byte-source.ts'),
    import('../../bytes/collect.ts'),
  ]);
  return memorySource(source.name, await collect(gunzip(bytesSource(packed, source.name))));
}
