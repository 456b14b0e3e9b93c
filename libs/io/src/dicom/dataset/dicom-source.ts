/** Where a file's bytes come from: memory, a disk, an HTTP answer. Read in ranges, so that a series never sits in memory twice. */
import { Gunzip, Inflate } from 'fflate/browser';
import type { ByteSource } from '../../bytes/byte-source.ts';
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

interface Stream {
  ondata: (chunk: Uint8Array, final: boolean) => void;
  push(chunk: Uint8Array, final?: boolean): void;
}

function run(stream: Stream, packed: Uint8Array, cap: number, file: string | undefined): Uint8Array {
  const chunks: Uint8Array[] = [];
  let total = 0;
  const fault = (what: string, cause?: unknown): FormatError =>
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
  stream.ondata = (chunk) => {
    total += chunk.length;
    if (total > cap)
      throw fault(`the compressed data unpack to more than the ${cap} bytes expected; the file is damaged or hostile.`);
    chunks.push(chunk);
  };
  try {
    // Small steps bound what one push can unpack before the cap is looked at.
    for (let at = 0; at < packed.length || at === 0; at += 16384) {
      const end = Math.min(packed.length, at + 16384);
      stream.push(packed.subarray(at, end), end === packed.length);
      if (end === packed.length) break;
    }
  } catch (error) {
    if (error instanceof FormatError) throw error;
    throw fault('the compressed data are damaged or end too early.', error);
  }
  const out = new Uint8Array(total);
  let at = 0;
  for (const chunk of chunks) {
    out.set(chunk, at);
    at += chunk.length;
  }
  return out;
}

/** Unpacks a raw deflate stream of at most `cap` bytes. Throws FormatError when damaged, truncated or longer. */
export function inflateRaw(packed: Uint8Array, cap = packed.length * MAX_RATIO, file?: string): Uint8Array {
  return run(new Inflate() as unknown as Stream, packed, Math.min(cap, packed.length * MAX_RATIO + 64), file);
}

/**
 * The bytes that a deflated data set unpacks to, known once as `plain`. They are forgotten when memory is short and unpacked again from
 * byte `start` of the file: a series of such files must not lie in memory beside its volume.
 */
export function deflatedSource(packed: DicomSource, start: number, plain: Uint8Array): DicomSource {
  let held = new WeakRef(plain);
  const { name } = packed;
  const { length: size } = plain;
  return {
    name,
    size,
    async read(offset, length) {
      let bytes = held.deref();
      if (bytes === undefined) {
        bytes = inflateRaw(await packed.read(start, packed.size - start), size, name);
        held = new WeakRef(bytes);
      }
      return bytes.subarray(offset, Math.min(size, offset + length));
    },
  };
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

/** What is inside a gzip-compressed file. */
export async function unzippedSource(source: DicomSource): Promise<DicomSource> {
  const packed = await source.read(0, source.size);
  return memorySource(
    source.name,
    run(new Gunzip() as unknown as Stream, packed, packed.length * MAX_RATIO, source.name),
  );
}
