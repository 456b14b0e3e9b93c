/** Where bytes come from: something of known size that can be read at any place. Files, blobs and arrays look alike. */
import { FormatError } from '../errors.ts';

/** Bytes at rest. `read` may be called in any order; it gives exactly `length` bytes or throws. */
export interface ByteSource {
  /** What errors call it; undefined for bytes without a name. */
  readonly name: string | undefined;
  readonly size: number;
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Fills `target` from `offset`: for sources that would copy anyway. */
  fill?(offset: number, target: Uint8Array): Promise<void>;
}

/** Bytes already in memory. Nothing is copied: what is read are views. */
export function bytesSource(bytes: Uint8Array, name?: string): ByteSource {
  return {
    name,
    size: bytes.length,
    read(offset, length) {
      checkRange(offset, length, bytes.length, name);
      return Promise.resolve(bytes.subarray(offset, offset + length));
    },
  };
}

/** A browser's File or Blob, read piece by piece. */
export function blobSource(blob: Blob, name?: string): ByteSource {
  const read = async (offset: number, length: number): Promise<Uint8Array> => {
    checkRange(offset, length, blob.size, name);
    const bytes = new Uint8Array(length);
    await fillFrom(blob.slice(offset, offset + length), bytes);
    return bytes;
  };
  return {
    name,
    size: blob.size,
    read,
    async fill(offset, target) {
      checkRange(offset, target.length, blob.size, name);
      await fillFrom(blob.slice(offset, offset + target.length), target);
    },
  };
}

const ROOM_BYTES = 1 << 17;
/** Memory that browsers read into, one piece to a reading under way. */
const rooms: ArrayBuffer[] = [];

/** All of a blob to `target`, by memory that is used again: a browser collects what `arrayBuffer` gives only after dozens of MiB. */
async function fillFrom(blob: Blob, target: Uint8Array): Promise<void> {
  let reader: ReadableStreamBYOBReader;
  try {
    reader = blob.stream().getReader({ mode: 'byob' });
  } catch {
    // Not every browser fills memory that it is given.
    return target.set(new Uint8Array(await blob.arrayBuffer()));
  }
  let room = rooms.pop() ?? new ArrayBuffer(ROOM_BYTES);
  for (let at = 0; ;) {
    const { value, done } = await reader.read(new Uint8Array(room));
    if (value !== undefined) room = value.buffer;
    if (done) break;
    target.set(value, at);
    at += value.length;
  }
  rooms.push(room);
}

/** Throws: FormatError if the bytes asked for lie outside the source. */
export function checkRange(offset: number, length: number, size: number, name: string | undefined): void {
  if (offset < 0 || length < 0 || offset + length > size)
    throw new FormatError(
      `${name ?? 'bytes'} ends at byte ${size}, but ${length} bytes are needed from byte ${offset}; the file may be incomplete.`,
      { ...(name === undefined ? {} : { file: name }), byteOffset: size, details: { size, offset, length } },
    );
}

/** The whole source in steps of `step` bytes, from `offset` on. */
export async function* chunksOf(source: ByteSource, offset = 0, step = 1 << 16): AsyncGenerator<Uint8Array> {
  for (let at = offset; at < source.size; at += step) yield await source.read(at, Math.min(step, source.size - at));
}
