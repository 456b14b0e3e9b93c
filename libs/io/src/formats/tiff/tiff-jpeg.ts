/** Strips and tiles packed as JPEG, their tables in a tag of the page. Source: Adobe, TIFF Technical Note 2 (1995). */
import { concatenate } from '../../bytes/collect.ts';
import { FormatError } from '../../errors.ts';
import { jpegFrame } from '../jpeg/frame-header.ts';

export interface JpegPiece {
  readonly stream: Uint8Array;
  /** The page's tables, a stream without an image. */
  readonly tables: Uint8Array | undefined;
  readonly width: number;
  readonly rows: number;
  /** Rows of a full strip, which the last one may be in spite of the page's end. */
  readonly mostRows: number;
  readonly samples: number;
  /** The samples are luma and two chromas, to be turned into colors. */
  readonly ybr: boolean;
}

/** [rows, width, samples] in 8 or 16 bits, host byte order. Throws: FormatError. */
export async function unpackJpeg({
  stream,
  tables,
  width,
  rows,
  mostRows,
  samples,
  ybr,
}: JpegPiece): Promise<Uint8Array> {
  const { decodeJpeg } = await import('../../dicom/pixels/jpeg/decode-jpeg.ts');
  // the tables end, and the strip begins, with a marker of their own
  const whole =
    tables && tables.length > 4 ? concatenate([tables.subarray(0, tables.length - 2), stream.subarray(2)]) : stream;
  // the last strip may be a full one
  const height = jpegFrame(whole)?.rows ?? 0;
  if (height < rows || height > mostRows)
    throw new FormatError(`a JPEG strip has ${height} rows, ${rows} were expected.`, { field: 'strip', byteOffset: 0 });
  const { values, precision } = decodeJpeg(whole, { rows: height, columns: width, samples });
  const count = rows * width * samples;
  if (precision > 8) return new Uint8Array(values.buffer, values.byteOffset, 2 * count);
  const out = Uint8Array.from(values.subarray(0, count));
  return ybr && samples === 3 ? rgbOfYbr(out) : out;
}

/** Full-range YCbCr as RGB. */
export async function rgbOfYbr(values: Uint8Array): Promise<Uint8Array> {
  const { toRgb } = await import('../../dicom/pixels/color.ts');
  return toRgb({ values, photometric: 'YBR_FULL' }).values as Uint8Array;
}
