/** Labels as the frames of a segmentation object: which slices of which segments are stored, and their pixels. */
import type { Volume } from '@voxelwise/volume';
import { FormatError } from '../../errors.ts';
import { swapBytes } from '../../voxels/stored-type.ts';
import { bytesOfArray, hostIsLittle } from '../pixels/native.ts';
import { segmentIndex } from '../write/derived-object.ts';
import type { SegmentDescription } from '../write/derived-object.ts';

export interface StoredFrame {
  /** Index of the segment in the order described; undefined where pixels say which segment they are of. */
  readonly segment: number | undefined;
  readonly slice: number;
}

export interface StoredFrames {
  readonly frames: readonly StoredFrame[];
  /** All frames one after the other, without gaps. */
  readonly pixels: Uint8Array;
  readonly bits: 1 | 8 | 16;
}

/** A fraction of 1 in fractional objects: as many steps as a byte has. */
export const WHOLE = 255;

/** Slices of segments that have a voxel, segment after segment; the place of each in that order. */
function inOrder(present: readonly Uint8Array[]): { frames: StoredFrame[]; place: readonly Int32Array[] } {
  const frames: StoredFrame[] = [];
  const place = present.map((slices, segment) =>
    Int32Array.from(slices, (there, slice) => (there === 0 ? -1 : frames.push({ segment, slice }) - 1)),
  );
  // An object must have a frame: where there is nothing, one empty slice.
  if (frames.length === 0) frames.push({ segment: 0, slice: 0 });
  return { frames, place };
}

/** Calls `visit` for every voxel of a segment: its segment, slice, and pixel in that slice. */
function eachVoxel(
  { grid, channels, voxels }: Volume,
  segments: readonly SegmentDescription[],
  visit: (segment: number, slice: number, pixel: number) => void,
): void {
  const [slices, rows, columns] = grid.shape;
  const plane = rows * columns;
  const indexOf = channels.length > 1 ? undefined : segmentIndex(segments);
  for (let channel = 0, at = 0; channel < channels.length; channel++)
    for (let slice = 0; slice < slices; slice++)
      for (let pixel = 0; pixel < plane; pixel++, at++)
        if (voxels[at] !== 0) visit(indexOf === undefined ? channel : indexOf[voxels[at]!]!, slice, pixel);
}

/** A frame per segment and slice, packed bit after bit across frame borders, the first pixel in the lowest bit (PS3.5 8.1.1, annex D). */
export function binaryFrames(labels: Volume, segments: readonly SegmentDescription[]): StoredFrames {
  const [slices, rows, columns] = labels.grid.shape;
  const plane = rows * columns;
  const present = segments.map(() => new Uint8Array(slices));
  eachVoxel(labels, segments, (segment, slice) => (present[segment]![slice] = 1));
  const { frames, place } = inOrder(present);
  const pixels = new Uint8Array(Math.ceil((frames.length * plane) / 8));
  eachVoxel(labels, segments, (segment, slice, pixel) => {
    const bit = place[segment]![slice]! * plane + pixel;
    pixels[Math.floor(bit / 8)]! |= 1 << (bit % 8);
  });
  return { frames, pixels, bits: 1 };
}

/** A frame per slice, its pixels the label numbers. Throws: FormatError when segments overlap, which one number cannot say. */
export function labelMapFrames(labels: Volume, segments: readonly SegmentDescription[]): StoredFrames {
  if (labels.channels.length > 1)
    throw new FormatError(
      'write: a label map has one segment per voxel, the labels have a channel per segment. Write them as binary segments.',
      { field: 'form' },
    );
  const [slices, rows, columns] = labels.grid.shape;
  const plane = rows * columns;
  const bits = segments.some((s) => s.label > 255) ? 16 : 8;
  const slab = (slice: number): Volume['voxels'] => labels.voxels.subarray(slice * plane, (slice + 1) * plane);
  const stored = Array.from({ length: slices }, (_, slice) => slice).filter((slice) =>
    slab(slice).some((v) => v !== 0),
  );
  if (stored.length === 0) stored.push(0);
  const pixels = bits === 8 ? new Uint8Array(stored.length * plane) : new Uint16Array(stored.length * plane);
  stored.forEach((slice, i) => pixels.set(slab(slice), i * plane));
  return {
    frames: stored.map((slice) => ({ segment: undefined, slice })),
    pixels: littleEndianBytes(pixels),
    bits,
  };
}

function littleEndianBytes(values: Uint8Array | Uint16Array): Uint8Array {
  if (values instanceof Uint16Array && !hostIsLittle) swapBytes(bytesOfArray(values), 2);
  return bytesOfArray(values);
}

/** A frame per segment and slice, a byte per pixel: fractions in steps of 1/255. Throws: FormatError when a value is not from 0 to 1. */
export function fractionalFrames(fractions: Volume, segments: readonly SegmentDescription[]): StoredFrames {
  const [slices, rows, columns] = fractions.grid.shape;
  const plane = rows * columns;
  const bytes = new Uint8Array(fractions.voxels.length);
  const present = segments.map(() => new Uint8Array(slices));
  for (let at = 0; at < bytes.length; at++) {
    const value = fractions.voxels[at]!;
    if (!(value >= 0 && value <= 1))
      throw new FormatError(`write: fractions are from 0 to 1, voxel ${at} is ${value}.`, {
        field: 'voxels',
        details: { at, value },
      });
    bytes[at] = Math.round(value * WHOLE);
    if (bytes[at] !== 0) present[Math.floor(at / (slices * plane))]![Math.floor(at / plane) % slices] = 1;
  }
  const { frames } = inOrder(present);
  const pixels = new Uint8Array(frames.length * plane);
  frames.forEach(({ segment, slice }, i) => {
    const from = (segment! * slices + slice) * plane;
    pixels.set(bytes.subarray(from, from + plane), i * plane);
  });
  return { frames, pixels, bits: 8 };
}
