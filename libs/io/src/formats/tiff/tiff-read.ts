/** Reading TIFF and BigTIFF: pages of strips or tiles. Source: Adobe, TIFF 6.0 (1992); BigTIFF by AWare Systems. */
import { FormatError } from '../../errors.ts';
import { HOST_IS_LITTLE_ENDIAN, STORED_BYTES, swapBytes } from '../../voxels/stored-type.ts';
import type { StoredType } from '../../voxels/stored-type.ts';
import { TIFF_RATIO, undoPredictor, unpackStrip } from './tiff-strips.ts';

export interface TiffPage {
  readonly width: number;
  readonly height: number;
  readonly samples: number;
  readonly type: StoredType;
  /** [y, x, samples], host byte order. */
  readonly bytes: Uint8Array;
}

const TAG = {
  subfile: 254,
  width: 256,
  height: 257,
  bits: 258,
  compression: 259,
  photometric: 262,
  stripOffsets: 273,
  samples: 277,
  rowsPerStrip: 278,
  stripBytes: 279,
  planar: 284,
  predictor: 317,
  tileWidth: 322,
  tileHeight: 323,
  tileOffsets: 324,
  tileBytes: 325,
  sampleFormat: 339,
} as const;
const VALUE_BYTES: Readonly<Record<number, number>> = {
  1: 1,
  2: 1,
  3: 2,
  4: 4,
  5: 8,
  6: 1,
  7: 1,
  8: 2,
  9: 4,
  10: 8,
  11: 4,
  12: 8,
  13: 4,
  16: 8,
  17: 8,
  18: 8,
};
const MOST_PAGES = 65536;

export function isTiff(head: Uint8Array): boolean {
  const mark = head[0] === 0x49 && head[1] === 0x49 ? 'II' : head[0] === 0x4d && head[1] === 0x4d ? 'MM' : '';
  return (
    (mark === 'II' && (head[2] === 42 || head[2] === 43) && head[3] === 0) ||
    (mark === 'MM' && head[2] === 0 && (head[3] === 42 || head[3] === 43))
  );
}

type Tags = ReadonlyMap<number, readonly number[]>;

/** All full-size pages. Throws: FormatError: loops, cut strips, packings that are not read, more pixels than the bytes justify. */
export async function decodeTiff(
  bytes: Uint8Array,
  { file, maxBytes = Infinity }: { readonly file?: string | undefined; readonly maxBytes?: number | undefined } = {},
): Promise<readonly TiffPage[]> {
  const fail = (field: string, byteOffset: number, message: string): never => {
    throw new FormatError(`${file ?? 'tiff'}: ${message}`, {
      ...(file === undefined ? {} : { file }),
      field,
      byteOffset,
    });
  };
  if (bytes.length < 8 || !isTiff(bytes)) return fail('magic', 0, 'does not begin as a TIFF.');
  const littleEndian = bytes[0] === 0x49;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const big = view.getUint16(2, littleEndian) === 43;
  const within = (at: number, length: number, field: string): number =>
    at >= 0 && at + length <= bytes.length
      ? at
      : fail(
          field,
          Math.min(at, bytes.length),
          `${field} lies at bytes ${at} to ${at + length}, the file ends at ${bytes.length}.`,
        );
  const wide = (at: number, field: string): number =>
    big
      ? Number(view.getBigUint64(within(at, 8, field), littleEndian))
      : view.getUint32(within(at, 4, field), littleEndian);
  const pages: TiffPage[] = [];
  const visited = new Set<number>();
  let total = 0;
  let packedTotal = 0;
  for (let at = big ? wide(8, 'first page') : wide(4, 'first page'); at !== 0;) {
    if (visited.has(at) || visited.size >= MOST_PAGES)
      return fail('pages', at, 'the chain of pages runs in a circle or has no end.');
    visited.add(at);
    const { tags, next } = directory(at);
    const reduced = ((tags.get(TAG.subfile)?.[0] ?? 0) & 1) === 1;
    if (!reduced) pages.push(await page(tags, at));
    at = next;
  }
  return pages.length > 0 ? pages : fail('pages', 4, 'has no page.');

  function directory(at: number): { readonly tags: Tags; readonly next: number } {
    const count = big
      ? Number(view.getBigUint64(within(at, 8, 'page'), littleEndian))
      : view.getUint16(within(at, 2, 'page'), littleEndian);
    const [start, size] = big ? [at + 8, 20] : [at + 2, 12];
    within(start, count * size + (big ? 8 : 4), 'page');
    const tags = new Map<number, readonly number[]>();
    for (let i = 0; i < count; i++) {
      const entry = start + i * size;
      const tag = view.getUint16(entry, littleEndian);
      if (!Object.values<number>(TAG).includes(tag)) continue;
      tags.set(tag, values(entry, tag));
    }
    return { tags, next: wide(start + count * size, 'next page') };
  }

  function values(entry: number, tag: number): readonly number[] {
    const type = view.getUint16(entry + 2, littleEndian);
    const unit = VALUE_BYTES[type];
    if (!unit) return fail(`tag ${tag}`, entry, `tag ${tag} has the unknown type ${type}.`);
    const count = wide(entry + 4, `tag ${tag}`);
    const inline = big ? 8 : 4;
    const at =
      count * unit <= inline
        ? entry + (big ? 12 : 8)
        : within(wide(entry + (big ? 12 : 8), `tag ${tag}`), count * unit, `tag ${tag}`);
    return Array.from({ length: count }, (_, i) => {
      const p = at + i * unit;
      if (unit === 1) return bytes[p]!;
      if (unit === 2) return view.getUint16(p, littleEndian);
      return unit === 4 ? view.getUint32(p, littleEndian) : Number(view.getBigUint64(p, littleEndian));
    });
  }

  async function page(tags: Tags, at: number): Promise<TiffPage> {
    const one = (tag: number, otherwise?: number): number =>
      tags.get(tag)?.[0] ?? otherwise ?? fail(`tag ${tag}`, at, `a page lacks the tag ${tag}.`);
    const [width, height, samples] = [one(TAG.width), one(TAG.height), one(TAG.samples, 1)];
    const bits = tags.get(TAG.bits) ?? [1];
    const type = storedType(bits, one(TAG.sampleFormat, 1), at);
    const compression = one(TAG.compression, 1);
    const ratio = TIFF_RATIO[compression];
    if (ratio === undefined)
      return fail(
        'compression',
        at,
        `compression ${compression} is not read; save the image uncompressed, with LZW or deflate.`,
      );
    const planar = one(TAG.planar, 1) === 2 && samples > 1;
    const size = STORED_BYTES[type];
    const tiled = tags.has(TAG.tileWidth);
    const [w, h] = tiled
      ? [one(TAG.tileWidth), one(TAG.tileHeight)]
      : [width, Math.min(one(TAG.rowsPerStrip, height), height)];
    if (![width, height, samples, w, h].every((n) => n >= 1))
      return fail('size', at, `a page is ${width} x ${height} pixels of ${samples} samples in pieces of ${w} x ${h}.`);
    const offsets = tags.get(tiled ? TAG.tileOffsets : TAG.stripOffsets) ?? fail('strips', at, 'a page has no pixels.');
    const lengths =
      tags.get(tiled ? TAG.tileBytes : TAG.stripBytes) ??
      (offsets.length === 1
        ? [bytes.length - offsets[0]!]
        : fail('strips', at, 'a page does not say how long its strips are.'));
    const small = bits[0]! < 8 ? bits[0]! : undefined;
    const storedBytes = (columns: number, rows: number, perPixel: number): number =>
      rows * (small === undefined ? columns * perPixel * size : Math.ceil((columns * perPixel * small) / 8));
    const needed = width * height * samples * size;
    const packed = lengths.reduce((sum, n) => sum + n, 0);
    packedTotal += packed;
    total += needed;
    // strips that overlap would let a small file claim any amount of memory
    if (packedTotal > bytes.length)
      return fail('strips', at, `the strips take ${packedTotal} bytes together, the file has ${bytes.length}.`);
    if (storedBytes(width, height, samples) > packed * ratio + 1024)
      return fail('size', at, `${width} x ${height} pixels of ${samples} x ${type} do not fit into ${packed} bytes.`);
    if (total > maxBytes) return fail('size', at, `takes more than the limit of ${maxBytes} bytes.`);
    const out = new Uint8Array(needed);
    const across = Math.ceil(width / w);
    const down = Math.ceil(height / h);
    const planes = planar ? samples : 1;
    const perPixel = planar ? 1 : samples;
    if (offsets.length < across * down * planes || lengths.length < offsets.length)
      return fail(
        'strips',
        at,
        `${across * down * planes} strips or tiles were expected, ${offsets.length} are listed.`,
      );
    for (let piece = 0; piece < across * down * planes; piece++) {
      const [plane, inPlane] = [Math.floor(piece / (across * down)), piece % (across * down)];
      const [row, column] = [Math.floor(inPlane / across) * h, (inPlane % across) * w];
      const rows = tiled ? h : Math.min(h, height - row);
      const expected = storedBytes(w, rows, perPixel);
      if (expected > lengths[piece]! * ratio + 1024)
        return fail(
          'strips',
          offsets[piece]!,
          `a piece of ${w} x ${rows} pixels does not fit into ${lengths[piece]} bytes.`,
        );
      const start = within(offsets[piece]!, lengths[piece]!, 'strip');
      const found = await unpackStrip(bytes.subarray(start, start + lengths[piece]!), compression, expected, file);
      if (found.length < expected)
        return fail('strip', start, `a strip unpacks to ${found.length} bytes, ${expected} were expected.`);
      const raw =
        small === undefined
          ? new Uint8Array(found.subarray(0, expected))
          : smallSamples(found, { bits: small, perRow: w * perPixel, rows });
      undoPredictor(raw, {
        predictor: one(TAG.predictor, 1),
        width: w,
        samples: perPixel,
        bytesPerSample: size,
        littleEndian,
      });
      const columns = Math.min(w, width - column);
      for (let y = 0; y < rows && row + y < height; y++)
        for (let x = 0; x < columns; x++) {
          const from = (y * w + x) * perPixel * size;
          const to = (((row + y) * width + column + x) * samples + plane) * size;
          for (let b = 0; b < perPixel * size; b++) out[to + b] = raw[from + b]!;
        }
    }
    if (littleEndian !== HOST_IS_LITTLE_ENDIAN) swapBytes(out, size);
    return { width, height, samples, type, bytes: out };
  }

  function storedType(bits: readonly number[], format: number, at: number): StoredType {
    if (bits.some((b) => b !== bits[0]))
      return fail('bits', at, `the samples have ${bits.join(', ')} bits; they must be alike.`);
    const names: Readonly<Record<number, readonly StoredType[]>> = {
      1: ['uint8', 'uint16', 'uint32'],
      2: ['int8', 'int16', 'int32'],
      3: ['float16', 'float32', 'float64'],
    };
    if (format === 1 && [1, 2, 4].includes(bits[0]!)) return 'uint8';
    const index = format === 3 ? [16, 32, 64].indexOf(bits[0]!) : [8, 16, 32].indexOf(bits[0]!);
    return (
      names[format]?.[index] ??
      fail(
        'bits',
        at,
        `${bits[0]} bits of sample format ${format} are not read; 1, 2, 4, 8, 16 and 32 bits and floats are.`,
      )
    );
  }
}

/** Samples of 1, 2 or 4 bits, the first in the highest bits, rows beginning at whole bytes: one byte each. */
function smallSamples(
  packed: Uint8Array,
  { bits, perRow, rows }: { readonly bits: number; readonly perRow: number; readonly rows: number },
): Uint8Array {
  const out = new Uint8Array(perRow * rows);
  const rowBytes = Math.ceil((perRow * bits) / 8);
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < perRow; x++) {
      const bit = x * bits;
      out[y * perRow + x] = (packed[y * rowBytes + (bit >> 3)]! >> (8 - bits - (bit & 7))) & ((1 << bits) - 1);
    }
  return out;
}
