/** Voxels behind a text header, raw or packed as a whole: the part that NRRD and MetaImage share. */
import { LARGEST_DEFLATE_RATIO } from '../bytes/deflate.ts';
import type { Deflate } from '../bytes/deflate.ts';
import { bunzip2, bzip2Capacity } from '../bytes/bzip2.ts';
import { ByteStream } from '../bytes/byte-stream.ts';
import { unhex } from '../bytes/hex.ts';
import type { UnpackedSource } from '../bytes/unpacked-source.ts';
import { FormatError } from '../errors.ts';

/** Bytes behind the last voxel of a packed block that are read to reach its checksum. */
const MOST_TRAILING_BYTES = 1 << 20;
/** Bytes of a part that are read at once. */
const STEP = 1 << 20;

/** How a block of voxels is packed: compressed, or two hexadecimal digits to a byte. */
export type Packing = Deflate | 'bzip2' | 'hex';

const isDeflate = (packing: Packing): packing is Deflate => packing !== 'bzip2' && packing !== 'hex';

export interface BlockPlace {
  readonly source: UnpackedSource;
  readonly offset: number;
  /** Undefined: the numbers lie there as they are. */
  readonly packing: Packing | undefined;
  /** Bytes to pass over once unpacked. */
  readonly skip?: number;
}

/** Bytes that one place can hold at most. */
function placeCapacity({ source, offset, packing }: BlockPlace): number {
  const left = Math.max(0, source.available - offset);
  if (packing === undefined) return left;
  if (packing === 'hex') return Math.floor(left / 2);
  return packing === 'bzip2' ? bzip2Capacity(left) : left * LARGEST_DEFLATE_RATIO + 1024;
}

/** Bytes that a block can hold at most: of equal parts in several places, the emptiest decides. */
export function blockCapacity(places: readonly BlockPlace[]): number {
  return Math.min(...places.map(placeCapacity)) * places.length;
}

/** A stream that stands at the block's first number. `length`: bytes of the block, which its places hold in equal parts. */
export function openBlock(places: readonly BlockPlace[], length: number): Promise<ByteStream> {
  const [first] = places;
  return places.length === 1
    ? openPlace(first!)
    : Promise.resolve(new ByteStream(joined(places, length / places.length), first!.source.name));
}

/** The block in memory of its own, unpacked with nothing held twice and checked to its end; undefined where a stream is as good. */
export async function readPlaces(places: readonly BlockPlace[], length: number): Promise<Uint8Array | undefined> {
  const { source, offset, packing, skip = 0 } = places[0]!;
  if (places.length > 1) return undefined;
  if (packing === undefined) return skip === 0 ? source.block(offset, length) : undefined;
  if (!isDeflate(packing)) return undefined;
  return source.packedBlock({
    kind: packing,
    start: offset,
    offset: skip,
    length,
    mostTrailing: MOST_TRAILING_BYTES,
  });
}

async function openPlace({ source, offset, packing, skip = 0 }: BlockPlace): Promise<ByteStream> {
  const open = await openPacked(source, offset, packing);
  if (skip > 0) await open.skip(skip, 'byte skip');
  return open;
}

/** One part after another, each opened when its turn comes and checked to its end. */
async function* joined(places: readonly BlockPlace[], length: number): AsyncGenerator<Uint8Array> {
  for (const place of places) {
    const stream = await openPlace(place);
    for (let left = length; left > 0; left -= Math.min(left, STEP))
      yield await stream.read(Math.min(left, STEP), 'voxels');
    await finishPlace(place, stream);
  }
}

async function openPacked(source: UnpackedSource, offset: number, packing: Packing | undefined): Promise<ByteStream> {
  if (packing !== undefined && isDeflate(packing)) return source.unpackedFrom(offset, packing, 'voxels');
  const stream = await source.streamAt(offset, 'voxels');
  if (packing === undefined) return stream;
  const { name } = source;
  return new ByteStream(packing === 'bzip2' ? bunzip2(stream.rest(), name) : unhex(stream.rest(), name), name);
}

/** Ends a full read: checks the packed stream to its end. Throws: FormatError if much more follows than declared. */
export async function finishBlock(places: readonly BlockPlace[], stream: ByteStream): Promise<void> {
  return places.length === 1 ? finishPlace(places[0]!, stream) : stream.close();
}

async function finishPlace({ source, packing }: BlockPlace, stream: ByteStream): Promise<void> {
  if (!packing) return source.finish(stream);
  if ((await stream.drain(MOST_TRAILING_BYTES)) > MOST_TRAILING_BYTES)
    throw new FormatError(
      `${source.name ?? 'bytes'}: the packed voxels go on for more than ${MOST_TRAILING_BYTES} bytes after the declared ones; the header does not describe them.`,
      {
        ...(source.name === undefined ? {} : { file: source.name }),
        field: 'voxels',
        byteOffset: stream.position,
      },
    );
  await stream.close();
}
