/** Blosc2's contiguous frame: a header, chunks, and an index of where they are. Source: c-blosc2, README_CFRAME_FORMAT. */
import { FormatError } from '../../errors.ts';
import { decodeChunk, readChunkHeader, type ChunkPlace } from './chunk.ts';
import { MessagePack } from './message-pack.ts';

const MAGIC = 'b2frame';
/** The fields of a header that are read here; newer ones may follow before the filters. */
const HEADER_FIELDS = 11;

export interface Frame {
  readonly bytes: Uint8Array;
  readonly file: string;
  readonly headerBytes: number;
  /** Of all chunks, unpacked. */
  readonly unpackedBytes: number;
  readonly packedBytes: number;
  readonly elementBytes: number;
  readonly chunkBytes: number;
  /** Where the content of each named layer of meta data begins. */
  readonly layers: ReadonlyMap<string, number>;
}

export function isBlosc2Frame(head: Uint8Array): boolean {
  return head.length >= 10 && head[1] === 0xa8 && [...MAGIC].every((c, i) => head[2 + i] === c.charCodeAt(0));
}

/** Throws: FormatError. */
export function readFrame(bytes: Uint8Array, file: string): Frame {
  const fields = new MessagePack(bytes, 0, file);
  if (!isBlosc2Frame(bytes)) throw fields.fault('it does not begin as a frame does; this is no file of Blosc2');
  const count = fields.array();
  if (count < HEADER_FIELDS + 2)
    throw fields.fault(`its header has ${count} fields, ${HEADER_FIELDS + 2} are needed`, 0);
  fields.text();
  const headerBytes = fields.integer();
  const frameBytes = fields.integer();
  if (headerBytes <= 0 || headerBytes > bytes.length || frameBytes > bytes.length)
    throw new FormatError(
      `${file}: the frame takes ${frameBytes} bytes, ${headerBytes} of them its header, but the file ends at byte ${bytes.length}; it is incomplete.`,
      { file, field: 'frame_size', byteOffset: bytes.length },
    );
  const flagsAt = fields.position + 1;
  const flags = fields.text();
  if ((flags.charCodeAt(1) & 15) !== 0)
    throw fields.fault(
      'its chunks lie in files of their own (a sparse frame), which is not read; write it contiguous',
      flagsAt + 1,
    );
  if (((flags.charCodeAt(0) >>> 4) & 3) !== 1 || flags.charCodeAt(0) & 0x40)
    throw fields.fault(
      'its chunks are of different lengths or its index is not of 64-bit numbers, which is not read',
      flagsAt,
    );
  const unpackedBytes = fields.integer();
  const packedBytes = fields.integer();
  const elementBytes = fields.integer();
  // Newer headers tell the size of blocks here, as every chunk does itself.
  if (count > HEADER_FIELDS + 2) fields.integer();
  const chunkBytes = fields.integer();
  fields.integer(); // threads of whoever wrote it
  fields.integer();
  fields.boolean();
  fields.skipFixed16();
  if (fields.array() !== 3) throw fields.fault('its layers of meta data are no three parts');
  fields.integer();
  const layers = new Map<string, number>();
  for (let k = fields.map(); k > 0; k--) layers.set(fields.text(), fields.integer());
  return { bytes, file, headerBytes, unpackedBytes, packedBytes, elementBytes, chunkBytes, layers };
}

/** Where chunk k lies, or the special value that stands in for it. */
export type ChunkEntry = { readonly at: number } | { readonly special: number };

/** The index behind the chunks. Throws: FormatError. */
export async function readIndex(frame: Frame, chunks: number): Promise<readonly ChunkEntry[]> {
  const { bytes, file, headerBytes, packedBytes } = frame;
  const at = headerBytes + packedBytes;
  const place: ChunkPlace = { file, byteOffset: at };
  if (packedBytes < 0 || at > bytes.length)
    throw new FormatError(
      `${file}: the frame's index should begin at byte ${at}, the file ends at byte ${bytes.length}.`,
      {
        file,
        field: 'compressed_size',
        byteOffset: bytes.length,
      },
    );
  const packed = bytes.subarray(at);
  const header = readChunkHeader(packed, place);
  if (header.bytes !== 8 * chunks)
    throw new FormatError(
      `${file}: the frame's index at byte ${at} tells of ${header.bytes / 8} chunks, the array has ${chunks}.`,
      {
        file,
        field: 'chunk index',
        byteOffset: at,
      },
    );
  const index = new Uint8Array(header.bytes);
  await decodeChunk(packed, header, index, place);
  const view = new DataView(index.buffer);
  return Array.from({ length: chunks }, (_, k) => {
    const offset = view.getBigUint64(8 * k, true);
    // The top bit says that the rest of the top byte is a special value.
    if (offset >> 63n) return { special: Number((offset >> 56n) & 0x7fn) };
    const start = headerBytes + Number(offset);
    if (start >= bytes.length)
      throw new FormatError(
        `${file}: chunk ${k} should begin at byte ${start}, the file ends at byte ${bytes.length}.`,
        {
          file,
          field: 'chunk index',
          byteOffset: at,
        },
      );
    return { at: start };
  });
}
