/** The packings of TIFF strips and tiles: PackBits, LZW, deflate, and the differences of neighboring pixels. Source: Adobe, TIFF 6.0. */
import { collect, inSteps } from '../../bytes/collect.ts';
import { inflate, inflateSmall } from '../../bytes/deflate.ts';

/** The most that a packed byte can become, by compression code; a code that is not here is not read. */
export const TIFF_RATIO: Readonly<Record<number, number>> = { 1: 1, 5: 2731, 8: 1032, 32946: 1032, 32773: 128 };

/** At most `expected` bytes of a strip; shorter if the strip ends early. */
export async function unpackStrip(
  packed: Uint8Array,
  compression: number,
  expected: number,
  file?: string,
): Promise<Uint8Array> {
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
    default:
      return packed;
  }
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

const CLEAR = 256;
const END = 257;

/** LZW with 9 to 12 bits, high bit first, the width growing one code early. */
function unpackLzw(packed: Uint8Array, expected: number): Uint8Array {
  const out = new Uint8Array(expected);
  const prefix = new Int32Array(4097);
  const suffix = new Uint8Array(4097);
  const lengths = new Int32Array(4097);
  let [next, width, previous, to, bits, held] = [258, 9, -1, 0, 0, 0];
  const length = (code: number): number => (code < 256 ? 1 : lengths[code]!);
  const first = (code: number): number => {
    while (code > 257) code = prefix[code]!;
    return code;
  };
  const write = (code: number): void => {
    const end = to + length(code);
    for (let at = end - 1, c = code; at >= to; at--) {
      if (at < expected) out[at] = c < 256 ? c : suffix[c]!;
      c = c < 256 ? c : prefix[c]!;
    }
    to = Math.min(expected, end);
  };
  for (let at = 0; to < expected;) {
    while (bits < width) {
      if (at >= packed.length) return out.subarray(0, to);
      held = ((held << 8) | packed[at++]!) & 0xffffff;
      bits += 8;
    }
    const code = (held >> (bits - width)) & ((1 << width) - 1);
    bits -= width;
    if (code === END) break;
    if (code === CLEAR) {
      [next, width, previous] = [258, 9, -1];
      continue;
    }
    if (code > next || (previous < 0 && code > 255)) break; // damaged: what is there is what there is
    if (previous >= 0 && next < 4096) {
      prefix[next] = previous;
      lengths[next] = length(previous) + 1;
      suffix[next] = first(code === next ? previous : code);
      next++;
    }
    if (code >= next) break;
    write(code);
    previous = code;
    if (next >= (1 << width) - 1 && width < 12) width++;
  }
  return out.subarray(0, to);
}

/** Undoes the differences to the pixel on the left: integers (2) in the file's byte order, floats (3) as shuffled bytes. */
export function undoPredictor(
  bytes: Uint8Array,
  {
    predictor,
    width,
    samples,
    bytesPerSample,
    littleEndian,
  }: {
    readonly predictor: number;
    readonly width: number;
    readonly samples: number;
    readonly bytesPerSample: number;
    readonly littleEndian: boolean;
  },
): void {
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
  }
}

function undoFloats(row: Uint8Array, samples: number, size: number, littleEndian: boolean): void {
  for (let at = samples; at < row.length; at++) row[at] = row[at]! + row[at - samples]!;
  const shuffled = new Uint8Array(row);
  const count = row.length / size;
  for (let i = 0; i < count; i++)
    for (let b = 0; b < size; b++) row[i * size + (littleEndian ? size - 1 - b : b)] = shuffled[b * count + i]!;
}
