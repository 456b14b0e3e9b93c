/**
 * Several gzip members in one file where only the browser's DecompressionStream is at hand: it takes one and calls the next junk.
 * Where one ends is found by trying: a member is whole when it unpacks up to its checksum.
 */
import { chunksOf } from './byte-source.ts';
import type { ByteSource } from './byte-source.ts';

/** Unpacks one gzip member; throws where it is damaged, cut off or followed by anything. */
export type UnpackMember = (packed: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;

/** Places that look like the beginning of a member and are not, before a file is taken for damaged. */
const MOST_TRIES = 64;
const STEP = 1 << 20;
/** Header and checksum of an empty member. */
const SMALLEST = 18;

function part(source: ByteSource, start: number, end: number): AsyncIterable<Uint8Array> {
  return chunksOf({ ...source, size: end, read: (offset, length) => source.read(offset, length) }, start);
}

async function unpacks(
  source: ByteSource,
  [start, end]: readonly [number, number],
  unpack: UnpackMember,
): Promise<boolean> {
  try {
    for await (const chunk of unpack(part(source, start, end))) void chunk;
    return true;
  } catch {
    return false;
  }
}

/** Where members may begin after `start`: a gzip header with the flags that exist. */
async function* beginnings(source: ByteSource, start: number): AsyncGenerator<number> {
  for (let at = start; at < source.size; at += STEP) {
    // Some bytes more: a header may lie across the border.
    const bytes = await source.read(at, Math.min(STEP + 3, source.size - at));
    for (let i = 0; i < Math.min(STEP, bytes.length - 3); i++)
      if (bytes[i] === 0x1f && bytes[i + 1] === 0x8b && bytes[i + 2] === 8 && bytes[i + 3]! < 32) yield at + i;
  }
}

/** Where the last member may end: at the end of the file, or before the zeros that pad it; its length field may end in zeros itself. */
async function ends(source: ByteSource, start: number): Promise<readonly number[]> {
  let end = source.size;
  while (end > start) {
    const from = Math.max(start, end - STEP);
    const bytes = await source.read(from, end - from);
    const last = bytes.findLastIndex((byte) => byte !== 0);
    end = from + last + 1;
    if (last >= 0) break;
  }
  return [source.size, ...[0, 1, 2, 3, 4].map((zeros) => end + zeros)].filter((e, i) => i === 0 || e < source.size);
}

/**
 * The members of a gzip file, as ranges of bytes; undefined where it is damaged. Each was unpacked once to find its end.
 */
export async function gzipMembers(
  source: ByteSource,
  unpack: UnpackMember,
): Promise<readonly (readonly [number, number])[] | undefined> {
  const members: (readonly [number, number])[] = [];
  for (let start = 0; ;) {
    let tries = 0;
    let end: number | undefined;
    for await (const next of beginnings(source, start + SMALLEST)) {
      if (await unpacks(source, [start, next], unpack)) {
        end = next;
        break;
      }
      if (++tries >= MOST_TRIES) return undefined;
    }
    if (end !== undefined) {
      members.push([start, end]);
      start = end;
      continue;
    }
    for (const last of await ends(source, start))
      if (await unpacks(source, [start, last], unpack)) return [...members, [start, last]];
    return undefined;
  }
}

/** The unpacked bytes of a file that may hold several members; `unpack` is tried on the whole first. */
export async function* unpackMembers(source: ByteSource, unpack: UnpackMember): AsyncGenerator<Uint8Array> {
  let given = 0;
  try {
    for await (const chunk of unpack(chunksOf(source))) {
      yield chunk;
      given += chunk.length;
    }
    return;
  } catch (error) {
    const members = await gzipMembers(source, unpack);
    if (members === undefined) throw error;
    let skip = given;
    for (const [start, end] of members)
      for await (const chunk of unpack(part(source, start, end))) {
        if (skip < chunk.length) yield chunk.subarray(skip);
        skip = Math.max(0, skip - chunk.length);
      }
  }
}
