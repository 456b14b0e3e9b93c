/** Uncompressed pixels: bytes to numbers of the declared width, sign and bit position (PS3.5 8.1 and annex D). */
import type { VoxelArray } from '@voxelwise/volume';
import { FormatError } from '../../errors.ts';
import type { DicomFile } from '../dataset/parse.ts';
import { tagName } from '../dataset/tags.ts';
import { bigEndianPixels } from '../dataset/transfer-syntax.ts';
import { swapBytes } from '../../voxels/stored-type.ts';
import { joinFragments } from './fragments.ts';
import { bitsPerFrame, frameArray, pixelShortage } from './pixel-format.ts';
import type { FrameScratch, PixelFormat } from './pixel-format.ts';

/** Whether this machine stores the least significant byte first. */
export const hostIsLittle = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

const halved = ({ samples, photometric }: PixelFormat): boolean => samples === 3 && photometric === 'YBR_FULL_422';

/** Reads one uncompressed frame; with `scratch`, it lasts until the next. Throws: FormatError when the file is too short for it. */
export async function nativeFrame(
  file: DicomFile,
  format: PixelFormat,
  { index, scratch }: { readonly index: number; readonly scratch: FrameScratch | undefined },
): Promise<VoxelArray> {
  const pixels = file.pixels!;
  const bits = bitsPerFrame(format);
  const shortage = pixelShortage(file, format);
  if (shortage !== undefined)
    throw new FormatError(
      `${file.name}: ${format.frames} frame(s) of ${format.columns} × ${format.rows} need ${shortage.expected} bytes of pixel data, ${shortage.found} are there; the file is truncated.`,
      { file: file.name, field: tagName(pixels.tag), byteOffset: pixels.offset + shortage.found, details: shortage },
    );
  const big = bigEndianPixels(file.syntax);
  // Words of smaller samples are swapped as words; a frame of bits may begin within one.
  const inWords = big && format.bitsAllocated < 16 && pixels.vr === 'OW';
  const unit = inWords ? 16 : 8;
  const firstBit = bits * index;
  const firstByte = (Math.floor(firstBit / unit) * unit) / 8;
  const place = {
    offset: pixels.offset + firstByte,
    length: (Math.ceil((firstBit + bits) / unit) * unit) / 8 - firstByte,
  };
  const raw = await joinFragments(pixels, [place], scratch);
  if (raw.length * 8 < bits)
    throw new FormatError(`${file.name}: could not read frame ${index + 1}.`, {
      file: file.name,
      field: tagName(pixels.tag),
      byteOffset: pixels.offset + firstByte,
    });
  const skip = firstBit - firstByte * 8;
  const frame = (inWords ? swapped(raw) : raw).subarray(skip >> 3);
  if (halved(format)) return unfold422(frame, format);
  return samplesFromBytes(frame, format, { bigEndian: big, skipBits: skip & 7, scratch });
}

function swapped(raw: Uint8Array): Uint8Array {
  const out = raw.slice();
  swapBytes(out, 2);
  return out;
}

function unfold422(raw: Uint8Array, { rows, columns }: PixelFormat): VoxelArray {
  const out = new Uint8Array(rows * columns * 3);
  for (let i = 0, at = 0; at + 3 < raw.length + 3 && i < rows * columns; i += 2, at += 4) {
    out.set([raw[at]!, raw[at + 2]!, raw[at + 3]!], i * 3);
    if (i + 1 < rows * columns) out.set([raw[at + 1]!, raw[at + 2]!, raw[at + 3]!], i * 3 + 3);
  }
  return out;
}

export interface SampleBytes {
  readonly bigEndian: boolean;
  /** Bits of the first byte that belong to the frame before. */
  readonly skipBits?: number;
  /** Memory for the samples, where they need not outlast the next frame. */
  readonly scratch?: FrameScratch | undefined;
}

/** Interprets bytes as samples of `format`: planes interleaved, unused bits removed, signs extended. */
export function samplesFromBytes(
  raw: Uint8Array,
  format: PixelFormat,
  { bigEndian, skipBits = 0, scratch }: SampleBytes,
): VoxelArray {
  const { bitsAllocated, samples, planar, rows, columns } = format;
  const count = rows * columns * samples;
  if (bitsAllocated === 1) {
    return singleBits(raw, count, skipBits);
  }
  const values = frameArray(format, count, planar ? undefined : scratch);
  if (bitsAllocated === 12) unpack12(raw, skipBits, values);
  else {
    const width = values.BYTES_PER_ELEMENT;
    const target = bytesOfArray(values);
    target.set(raw.subarray(0, count * width));
    if (bigEndian === hostIsLittle) swapBytes(target, width);
  }
  const settled = format.float ? values : extractBits(values, format);
  if (!planar) return settled;
  const plane = rows * columns;
  const out = frameArray(format);
  for (let s = 0; s < samples; s++) for (let i = 0; i < plane; i++) out[i * samples + s] = settled[s * plane + i]!;
  return out;
}

/** Samples of 12 bits, the lowest first, one after the other. */
function unpack12(raw: Uint8Array, skipBits: number, values: VoxelArray): void {
  for (let i = 0, bit = skipBits; i < values.length; i++, bit += 12)
    values[i] = ((raw[bit >> 3]! | (raw[(bit >> 3) + 1]! << 8)) >> (bit & 7)) & 0xfff;
}

/** Bits to a byte each, the lowest first. Masks are mostly empty: bytes of zeros are passed over. */
function singleBits(raw: Uint8Array, count: number, skipBits: number): Uint8Array {
  const out = new Uint8Array(count);
  for (let at = 0, first = -skipBits; first < count; at++, first += 8) {
    const byte = raw[at]!;
    if (byte === 0) continue;
    for (let bit = Math.max(0, -first); bit < 8 && first + bit < count; bit++) out[first + bit] = (byte >> bit) & 1;
  }
  return out;
}

/** The bytes of an array, to be written to in little endian order. */
export function bytesOfArray(values: VoxelArray): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** Words whose little endian bytes were written through `bytesOfArray`: brought to this machine's order, unused bits removed. */
export function settleWords(values: VoxelArray, format: PixelFormat): VoxelArray {
  if (!hostIsLittle) swapBytes(bytesOfArray(values), values.BYTES_PER_ELEMENT);
  return format.float ? values : extractBits(values, format);
}

/** Moves the stored bits down from `highBit`, clears the rest, extends the sign. Returns `values`, changed in place. */
function extractBits(values: VoxelArray, format: PixelFormat): VoxelArray {
  const { bitsStored, highBit, signed } = format;
  if (bitsStored === values.BYTES_PER_ELEMENT * 8) return values;
  const up = 31 - highBit;
  const down = 32 - bitsStored;
  if (signed) for (let i = 0; i < values.length; i++) values[i] = (values[i]! << up) >> down;
  else for (let i = 0; i < values.length; i++) values[i] = (values[i]! << up) >>> down;
  return values;
}

/**
 * Gives decoded samples the bits and the sign the header declares: codecs return a `precision`-bit number, some unsigned, and what
 * was compressed may have other things in its unused bits. Returns `values`, changed in place.
 */
export function settleBits(values: VoxelArray, format: PixelFormat, precision: number): VoxelArray {
  const { signed, bitsStored } = format;
  if (precision > bitsStored) return extractBits(values, format);
  const bits = Math.max(precision, 1);
  if (!signed || bits >= values.BYTES_PER_ELEMENT * 8) return values;
  const shift = 32 - bits;
  for (let i = 0; i < values.length; i++) values[i] = (values[i]! << shift) >> shift;
  return values;
}
