/**
 * gzip on several threads, one ordinary member: blocks are packed side by side in Node's thread pool, each knowing the 32 KiB
 * before it, and joined at byte boundaries. Source: the method of pigz (Adler 2007).
 */
import { crc32 } from './crc32.ts';

const BLOCK = 1 << 20;
/** How far back deflate looks. */
const WINDOW = 1 << 15;
/** Blocks in work at a time; the thread pool has four threads unless told otherwise. */
const AT_ONCE = 4;

type Zlib = typeof import('node:zlib');

/** Packed bytes of `bytes`. Blocks are formed of the chunks as they come. */
export async function* parallelGzip(
  bytes: AsyncIterable<Uint8Array>,
  level: number,
  zlib: Zlib,
): AsyncGenerator<Uint8Array> {
  yield Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, level === 9 ? 2 : level === 1 ? 4 : 0, 255);
  let crc = 0;
  let total = 0;
  let before: Uint8Array | undefined;
  const waiting: Promise<Uint8Array>[] = [];
  const start = (block: Uint8Array, isLast: boolean): void => {
    crc = crc32(block, crc);
    total += block.length;
    waiting.push(packBlock(block, before, isLast, level, zlib));
    before = block.length >= WINDOW ? block.subarray(block.length - WINDOW) : block;
  };
  let held: Uint8Array | undefined;
  try {
    for await (const block of blocksOf(bytes)) {
      if (held) start(held, false);
      held = block;
      while (waiting.length >= AT_ONCE) yield await waiting.shift()!;
    }
    start(held ?? new Uint8Array(0), true);
    while (waiting.length > 0) yield await waiting.shift()!;
  } finally {
    await Promise.allSettled(waiting);
  }
  const trailer = new Uint8Array(8);
  const view = new DataView(trailer.buffer);
  view.setUint32(0, crc, true);
  view.setUint32(4, total % 2 ** 32, true);
  yield trailer;
}

function packBlock(
  block: Uint8Array,
  before: Uint8Array | undefined,
  isLast: boolean,
  level: number,
  zlib: Zlib,
): Promise<Uint8Array> {
  const { Z_SYNC_FLUSH, Z_FINISH } = zlib.constants;
  const options = {
    level,
    memLevel: 9,
    chunkSize: BLOCK >> 1,
    finishFlush: isLast ? Z_FINISH : Z_SYNC_FLUSH,
    ...(before && before.length > 0 ? { dictionary: before } : {}),
  };
  return new Promise((resolve, reject) =>
    zlib.deflateRaw(block, options, (error, packed) => (error ? reject(error) : resolve(packed))),
  );
}

/** Chunks cut and joined to blocks of one size; large chunks are cut without a copy. */
async function* blocksOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length;) {
      const part = chunk.subarray(at, at + BLOCK - length);
      parts.push(part);
      length += part.length;
      at += part.length;
      if (length < BLOCK) continue;
      yield joined(parts, length);
      parts = [];
      length = 0;
    }
  }
  if (length > 0) yield joined(parts, length);
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
