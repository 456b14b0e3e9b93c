/** What one frame's pixels are: size, samples, bits, sign. Read from the header and checked before anything is allocated. */
import type { VoxelArray } from '@voxelwise/volume';
import type { DicomFile } from '../dataset/parse.ts';
import { TAG } from '../dataset/tags.ts';

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

/** An array for one frame's values. */
export function frameArray(format: PixelFormat, length = format.rows * format.columns * format.samples): VoxelArray {
  const { bitsAllocated, signed, float } = format;
  if (float) return bitsAllocated === 64 ? new Float64Array(length) : new Float32Array(length);
  if (bitsAllocated <= 8) return signed ? new Int8Array(length) : new Uint8Array(length);
  if (bitsAllocated <= 16) return signed ? new Int16Array(length) : new Uint16Array(length);
  return signed ? new Int32Array(length) : new Uint32Array(length);
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
  const samples = whole(TAG.SamplesPerPixel, d.number(TAG.SamplesPerPixel) ?? 1, 1, 4);
  const bitsAllocated = d.required(TAG.BitsAllocated);
  if (!(float ? [32, 64] : [1, 8, 16, 32]).includes(bitsAllocated))
    throw d.fault(
      TAG.BitsAllocated,
      `${bitsAllocated} bits per sample are not read; 1, 8, 16 and 32 are, and 32 or 64 for floating point.`,
      { bitsAllocated },
    );
  const bitsStored = float
    ? bitsAllocated
    : whole(TAG.BitsStored, d.number(TAG.BitsStored) ?? bitsAllocated, 1, bitsAllocated);
  const highBit = float
    ? bitsAllocated - 1
    : whole(TAG.HighBit, d.number(TAG.HighBit) ?? bitsStored - 1, bitsStored - 1, bitsAllocated - 1);
  const frames = whole(TAG.NumberOfFrames, d.number(TAG.NumberOfFrames) ?? 1, 0, 1_000_000) || 1;
  return {
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
}
