/** Voxels behind a text header, raw or packed as a whole: the part that NRRD and MetaImage share. */
import { inflate, LARGEST_DEFLATE_RATIO } from '../bytes/deflate.ts';
import type { Deflate } from '../bytes/deflate.ts';
import { ByteStream } from '../bytes/byte-stream.ts';
import type { UnpackedSource } from '../bytes/unpacked-source.ts';
import { FormatError } from '../errors.ts';

/** Bytes behind the last voxel of a packed block that are read to reach its checksum. */
const MOST_TRAILING_BYTES = 1 << 20;

export interface BlockPlace {
  readonly source: UnpackedSource;
  readonly offset: number;
  /** Undefined: the numbers lie there as they are. */
  readonly packing: Deflate | undefined;
}

/** Bytes that the block can hold at most. */
export function blockCapacity({ source, offset, packing }: BlockPlace): number {
  const left = Math.max(0, source.available - offset);
  return packing ? left * LARGEST_DEFLATE_RATIO + 1024 : left;
}

/** A stream that stands at the block's first number. */
export async function openBlock({ source, offset, packing }: BlockPlace): Promise<ByteStream> {
  const stream = await source.streamAt(offset, 'voxels');
  return packing ? new ByteStream(inflate(stream.rest(), packing, source.name), source.name) : stream;
}

/** Ends a full read: checks the packed stream to its end. Throws: FormatError if much more follows than declared. */
export async function finishBlock({ source, packing }: BlockPlace, stream: ByteStream): Promise<void> {
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
