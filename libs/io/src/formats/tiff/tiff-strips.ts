/** The packings of TIFF strips and tiles, bits in reverse order, and the differences of neighboring pixels. Source: Adobe, TIFF 6.0. */
import { collect, inSteps } from '../../bytes/collect.ts';
import { inflate, inflateSmall } from '../../bytes/deflate.ts';
import { loadZstd } from '../zstandard.ts';
import { unpackFax } from './tiff-fax.ts';
import { unpackLzw } from './tiff-lzw.ts';

/** The most that a packed byte can become, by compression code; a code that is not here is not read. */
const RATIO: Readonly<Record<number, number>> = {
  1: 1,
  2: 256,
  // a bit repeats the row above
  3: 4096,
  4: 4096,
  5: 2731,
  // two bits per block of 8 x 8 pixels and channel
  7: 512,
  8: 1032,
  32946: 1032,
  32773: 128,
  // four bytes repeat one 128 Ki times
  50000: 32768,
};
/** Packings that other programs write, by the names that their settings have. */
const NOT_READ: Readonly<Record<number, string>> = {
  6: 'old-style JPEG',
  33003: 'JPEG 2000',
  33005: 'JPEG 2000',
  34661: 'JBIG',
  34712: 'JPEG 2000',
  34887: 'LERC',
  34925: 'LZMA',
  50001: 'WebP',
  50002: 'JPEG XL',
};
const DEFLATE = [8, 32946];
const ZSTANDARD = 50000;
/** The only packings that differences to the neighbor are taken before. */
const WITH_PREDICTOR = [5, ...DEFLATE, ZSTANDARD];
/** What packings that repeat without end may take beyond what deflate could: a blank stack, not a bomb. */
const MOST_REPEATED_BYTES = 1 << 28;

export const isFax = (compression: number): boolean => compression >= 2 && compression <= 4;

/** What is not read, in words; undefined for what is. */
export function notRead(compression: number): string | undefined {
  if (compression in RATIO) return undefined;
  const name = NOT_READ[compression];
  return `compression ${compression}${name ? ` (${name})` : ''} is not read; save the image uncompressed, with LZW, deflate, Zstandard or JPEG.`;
}

/** Bytes that a strip can become at most. */
export function mostUnpacked(compression: number, packed: number): number {
  return Math.min(packed * RATIO[compression]!, packed * RATIO[8]! + MOST_REPEATED_BYTES) + 1024;
}

export interface Strip {
  readonly compression: number;
  /** Bytes to make at most. */
  readonly expected: number;
  readonly width: number;
  readonly rows: number;
  readonly faxOptions: number;
  readonly file: string | undefined;
}

/** At most `expected` bytes of a strip; shorter if the strip ends early. */
export async function unpackStrip(packed: Uint8Array, strip: Strip): Promise<Uint8Array> {
  const { compression, expected, width, rows, faxOptions, file } = strip;
  if (isFax(compression)) return unpackFax(packed, { compression, width, rows, options: faxOptions });
  switch (compression) {
    case 5:
      return unpackLzw(packed, expected);
    case 8:
    case 32946:
      return (
        inflateSmall(packed, 'zlib', file) ?? collect(inflate(inSteps(packed), 'zlib', file), expected + 65536, file)
      );
    case 32773:
      return unpackBits(packed, expected);
    case ZSTANDARD: {
      const out = new Uint8Array(expected);
      return out.subarray(0, (await loadZstd())(packed, out));
    }
    default:
      return packed;
  }
}

/** Bytes with their lowest bit first (FillOrder 2) as if they had been written in the usual order. */
export function bitsReversed(bytes: Uint8Array): Uint8Array {
  return bytes.map((b) => ((((b * 0x0802) & 0x22110) | ((b * 0x8020) & 0x88440)) * 0x10101) >>> 16);
}

function unpackBits(packed: Uint8Array, expected: number): Uint8Array {
  const out = new Uint8Array(expected);
  let to = 0;
  for (let at = 0; at < packed.length && to < expected;) {
    const n = (packed[at++]! << 24) >> 24;
    if (n >= 0) {
      const part = packed.subarray(at, Math.min(at + n + 1, at + expected - to));
      out.set(part, to);
      to += part.length;
      at += n + 1;
    } else if (n > -128) {
      const end = Math.min(expected, to + 1 - n);
      out.fill(packed[at++] ?? 0, to, end);
      to = end;
    }
  }
  return out.subarray(0, to);
}

/** Undoes the differences to the pixel on the left: integers (2) in the file's byte order, floats (3) as shuffled bytes. */
export function undoPredictor(
  bytes: Uint8Array,
  {
    compression,
    predictor,
    width,
    samples,
    bytesPerSample,
    littleEndian,
  }: {
    readonly compression: number;
    readonly predictor: number;
    readonly width: number;
    readonly samples: number;
    readonly bytesPerSample: number;
    readonly littleEndian: boolean;
  },
): void {
  if (!WITH_PREDICTOR.includes(compression)) return;
  const stride = width * samples * bytesPerSample;
  for (let row = 0; row + stride <= bytes.length; row += stride) {
    if (predictor === 2) undoIntegers(bytes.subarray(row, row + stride), samples, bytesPerSample, littleEndian);
    else if (predictor === 3) undoFloats(bytes.subarray(row, row + stride), samples, bytesPerSample, littleEndian);
  }
}

function undoIntegers(row: Uint8Array, samples: number, size: number, littleEndian: boolean): void {
  const view = new DataView(row.buffer, row.byteOffset, row.byteLength);
  for (let at = samples * size; at + size <= row.length; at += size) {
    const before = at - samples * size;
    if (size === 1) row[at] = row[at]! + row[before]!;
    else if (size === 2)
      view.setUint16(at, view.getUint16(at, littleEndian) + view.getUint16(before, littleEndian), littleEndian);
    else if (size === 4)
      view.setUint32(at, view.getUint32(at, littleEndian) + view.getUint32(before, littleEndian), littleEndian);
    else
      view.setBigUint64(
        at,
        view.getBigUint64(at, littleEndian) + view.getBigUint64(before, littleEndian),
        littleEndian,
      );
  }
}

function undoFloats(row: Uint8Array, samples: number, size: number, littleEndian: boolean): void {
  for (let at = samples; at < row.length; at++) row[at] = row[at]! + row[at - samples]!;
  const shuffled = new Uint8Array(row);
  const count = row.length / size;
  for (let i = 0; i < count; i++)
    for (let b = 0; b < size; b++) row[i * size + (littleEndian ? size - 1 - b : b)] = shuffled[b * count + i]!;
}
