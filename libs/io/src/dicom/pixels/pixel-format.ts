/** What one frame's pixels are: size, samples, bits, sign. Read from the header and checked before anything is allocated. */
import type { VoxelArray } from '@voxelwise/volume';
import type { DicomFile } from '../dataset/parse.ts';
import { TAG } from '../dataset/tags.ts';
import type { StreamScratch } from './fragments.ts';

export interface PixelFormat {
  readonly rows: number;
  readonly columns: number;
  readonly samples: number;
  readonly photometric: string;
  /** 1: each sample's plane lies apart (RRR…GGG…BBB…). */
  readonly planar: boolean;
  readonly bitsAllocated: number;
  readonly bitsStored: number;
  readonly highBit: number;
  readonly signed: boolean;
  readonly float: boolean;
  readonly frames: number;
}

/** Values of one frame as [rows, columns, samples]; `photometric` says what three samples mean. */
export interface DecodedFrame {
  readonly values: VoxelArray;
  readonly photometric: string;
}

/** Memory that frames may be decoded into again and again; each frame then lasts until the next is read. */
export interface FrameScratch extends StreamScratch {
  values?: VoxelArray;
}

function newArray({ bitsAllocated, signed, float }: PixelFormat, length: number): VoxelArray {
  if (float) return bitsAllocated === 64 ? new Float64Array(length) : new Float32Array(length);
  if (bitsAllocated <= 8) return signed ? new Int8Array(length) : new Uint8Array(length);
  if (bitsAllocated <= 16) return signed ? new Int16Array(length) : new Uint16Array(length);
  return signed ? new Int32Array(length) : new Uint32Array(length);
}

/** An array for one frame's values, every one of which the caller will set. */
export function frameArray(
  format: PixelFormat,
  length = format.rows * format.columns * format.samples,
  scratch: FrameScratch = {},
): VoxelArray {
  const held = scratch.values;
  const bytes = Math.max(1, Math.ceil(format.bitsAllocated / 8));
  const float = held instanceof Float32Array || held instanceof Float64Array;
  const signed = held instanceof Int8Array || held instanceof Int16Array || held instanceof Int32Array;
  if (
    held !== undefined &&
    held.length === length &&
    held.BYTES_PER_ELEMENT === bytes &&
    float === format.float &&
    (float || signed === format.signed)
  )
    return held;
  return (scratch.values = newArray(format, length));
}

/**
 * The pixel format of a file. Throws: FormatError when a field is missing, out of range or of a kind not read; when the
 * file has no pixels.
 */
export function pixelFormat(file: DicomFile): PixelFormat {
  const d = file.dataset;
  if (file.pixels === undefined)
    throw d.fault(
      TAG.PixelData,
      d.truncatedAt === undefined
        ? 'has no pixel data; it is not an image.'
        : `ends at byte ${d.truncatedAt}, before its pixel data; the download may be incomplete.`,
    );
  const whole = (tag: number, value: number, low: number, high: number): number => {
    if (Number.isInteger(value) && value >= low && value <= high) return value;
    throw d.fault(tag, `expected a whole number from ${low} to ${high}, came ${value}.`, { value });
  };
  const float = file.pixels.tag !== TAG.PixelData;
  const rows = whole(TAG.Rows, d.required(TAG.Rows), 1, 65535);
  const columns = whole(TAG.Columns, d.required(TAG.Columns), 1, 65535);
  const samples = d.number(TAG.SamplesPerPixel) ?? 1;
  if (samples !== 1 && samples !== 3)
    throw d.fault(
      TAG.SamplesPerPixel,
      `${samples} samples per pixel are not read; 1 (gray, palette) and 3 (color) are.`,
      {
        samples,
      },
    );
  const bitsAllocated = d.required(TAG.BitsAllocated);
  // Packed without gaps: three bytes hold two samples (PS3.5 annex D).
  const packed = ['rle', 'deflated-frames'].includes(file.syntax.compression) ? [] : [12];
  if (!(float ? [32, 64] : [1, 8, ...packed, 16, 32]).includes(bitsAllocated))
    throw d.fault(
      TAG.BitsAllocated,
      `${bitsAllocated} bits per sample are not read; 1, 8, 12, 16 and 32 are, and 32 or 64 for floating point.`,
      { bitsAllocated },
    );
  const bitsStored = float
    ? bitsAllocated
    : whole(TAG.BitsStored, d.number(TAG.BitsStored) ?? bitsAllocated, 1, bitsAllocated);
  const highBit = float
    ? bitsAllocated - 1
    : whole(TAG.HighBit, d.number(TAG.HighBit) ?? bitsStored - 1, bitsStored - 1, bitsAllocated - 1);
  const frames = whole(TAG.NumberOfFrames, d.number(TAG.NumberOfFrames) ?? 1, 0, 1_000_000) || 1;
  const format: PixelFormat = {
    rows,
    columns,
    samples,
    bitsAllocated,
    bitsStored,
    highBit,
    float,
    frames,
    photometric: d.string(TAG.PhotometricInterpretation) ?? (samples === 3 ? 'RGB' : 'MONOCHROME2'),
    planar: samples > 1 && d.number(TAG.PlanarConfiguration) === 1,
    signed: d.number(TAG.PixelRepresentation) === 1,
  };
  checkRoom(file, format);
  return format;
}

/** Bits of one uncompressed frame. YBR_FULL_422 stores Y Y Cb Cr for two pixels: two samples per pixel instead of three. */
export function bitsPerFrame({ rows, columns, samples, bitsAllocated, photometric }: PixelFormat): number {
  return rows * columns * (samples === 3 && photometric === 'YBR_FULL_422' ? 2 : samples) * bitsAllocated;
}

/** Bytes of uncompressed pixel data that are needed and those that are there, when the latter are fewer; undefined when all is there. */
export function pixelShortage(
  { pixels }: DicomFile,
  format: PixelFormat,
): { readonly expected: number; readonly found: number } | undefined {
  if (pixels === undefined || pixels.length < 0) return undefined;
  const expected = Math.ceil((bitsPerFrame(format) * format.frames) / 8);
  const found = Math.max(0, Math.min(pixels.length, pixels.source.size - pixels.offset));
  return found < expected ? { expected, found } : undefined;
}

/** Pixels one byte of a compressed stream may stand for: deflate packs 1-bit pixels by up to 8256, the others less. */
const PIXELS_PER_BYTE = 8300;
/** A black picture of this size may come from next to nothing. */
const FREE_PIXELS = 2048 * 2048;

/**
 * Refuses sizes and frame counts that the file's bytes cannot hold, before anything is allocated for them; `pixelFormat` asks it too.
 * Throws: FormatError.
 */
export function checkRoom(file: DicomFile, format: PixelFormat): void {
  const { rows, columns, samples, frames } = format;
  const pixels = file.pixels!;
  const shortage = pixelShortage(file, format);
  // A single short slice is told of when its series is put together, with all other faults.
  if (shortage !== undefined && frames > 1)
    throw file.dataset.fault(
      TAG.NumberOfFrames,
      `${frames} frames of ${columns} × ${rows} need ${shortage.expected} bytes of pixel data, ${shortage.found} are there; the file is truncated or damaged.`,
      shortage,
    );
  const available = Math.max(0, pixels.source.size - pixels.offset);
  const values = rows * columns * samples * frames;
  if (pixels.length < 0 && (frames > available / 8 || values > available * PIXELS_PER_BYTE + FREE_PIXELS))
    throw file.dataset.fault(
      TAG.Rows,
      `${frames} frame(s) of ${columns} × ${rows} cannot come out of ${available} compressed bytes; the header is damaged.`,
      { frames, rows, columns, available },
    );
}
