/** The directories of a TIFF or BigTIFF: one set of tags per page. Source: Adobe, TIFF 6.0 (1992); BigTIFF by AWare Systems. */
import { FormatError } from '../../errors.ts';

export const TAG = {
  subfile: 254,
  width: 256,
  height: 257,
  bits: 258,
  compression: 259,
  photometric: 262,
  fillOrder: 266,
  description: 270,
  stripOffsets: 273,
  samples: 277,
  rowsPerStrip: 278,
  stripBytes: 279,
  xResolution: 282,
  yResolution: 283,
  planar: 284,
  faxOptions: 292,
  predictor: 317,
  colorMap: 320,
  tileWidth: 322,
  tileHeight: 323,
  tileOffsets: 324,
  tileBytes: 325,
  sampleFormat: 339,
  jpegTables: 347,
  subsampling: 530,
} as const;

const WANTED: ReadonlySet<number> = new Set(Object.values<number>(TAG));
const ASCII = 2;
const RATIONALS = [5, 10];
/** Bytes of a value, by the tag's type. */
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

/** Tags of one page: numbers, fractions as quotients, texts as one string. */
export interface Directory {
  readonly numbers: ReadonlyMap<number, readonly number[]>;
  readonly description: string;
  /** Where it stands in the file. */
  readonly at: number;
}

export interface TiffFile {
  readonly littleEndian: boolean;
  readonly directories: readonly Directory[];
  fail(field: string, byteOffset: number, message: string): never;
  /** `at`, once the `length` bytes from there on are known to be in the file. */
  within(at: number, length: number, field: string): number;
}

export function isTiff(head: Uint8Array): boolean {
  const mark = head[0] === 0x49 && head[1] === 0x49 ? 'II' : head[0] === 0x4d && head[1] === 0x4d ? 'MM' : '';
  return (
    (mark === 'II' && (head[2] === 42 || head[2] === 43) && head[3] === 0) ||
    (mark === 'MM' && head[2] === 0 && (head[3] === 42 || head[3] === 43))
  );
}

/** Throws: FormatError: not a TIFF, tags outside the file, a chain of pages without an end. */
export function readDirectories(bytes: Uint8Array, file: string | undefined): TiffFile {
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
  const directories: Directory[] = [];
  const visited = new Set<number>();
  for (let at = big ? wide(8, 'first page') : wide(4, 'first page'); at !== 0;) {
    if (visited.has(at) || visited.size >= MOST_PAGES)
      return fail('pages', at, 'the chain of pages runs in a circle or has no end.');
    visited.add(at);
    at = directory(at);
  }
  return { littleEndian, directories, fail, within };

  /** Reads one directory; returns the place of the next, 0 behind the last. */
  function directory(at: number): number {
    const count = big
      ? Number(view.getBigUint64(within(at, 8, 'page'), littleEndian))
      : view.getUint16(within(at, 2, 'page'), littleEndian);
    const [start, size] = big ? [at + 8, 20] : [at + 2, 12];
    within(start, count * size + (big ? 8 : 4), 'page');
    const numbers = new Map<number, readonly number[]>();
    let description = '';
    for (let i = 0; i < count; i++) {
      const entry = start + i * size;
      const tag = view.getUint16(entry, littleEndian);
      if (!WANTED.has(tag)) continue;
      if (tag === TAG.description) description ||= text(entry, tag);
      else numbers.set(tag, values(entry, tag));
    }
    directories.push({ numbers, description, at });
    return wide(start + count * size, 'next page');
  }

  function place(entry: number, tag: number): { type: number; unit: number; count: number; at: number } {
    const type = view.getUint16(entry + 2, littleEndian);
    const unit = VALUE_BYTES[type];
    if (!unit) return fail(`tag ${tag}`, entry, `tag ${tag} has the unknown type ${type}.`);
    const count = wide(entry + 4, `tag ${tag}`);
    const inline = big ? 8 : 4;
    const valueAt = entry + (big ? 12 : 8);
    const at = count * unit <= inline ? valueAt : within(wide(valueAt, `tag ${tag}`), count * unit, `tag ${tag}`);
    return { type, unit, count, at };
  }

  function text(entry: number, tag: number): string {
    const { type, count, at } = place(entry, tag);
    return type === ASCII ? new TextDecoder().decode(bytes.subarray(at, at + count)).replace(/\0[^]*$/, '') : '';
  }

  function values(entry: number, tag: number): readonly number[] {
    const { type, unit, count, at } = place(entry, tag);
    return Array.from({ length: count }, (_, i) => {
      const p = at + i * unit;
      if (RATIONALS.includes(type)) return view.getUint32(p, littleEndian) / view.getUint32(p + 4, littleEndian);
      if (unit === 1) return bytes[p]!;
      if (unit === 2) return view.getUint16(p, littleEndian);
      return unit === 4 ? view.getUint32(p, littleEndian) : Number(view.getBigUint64(p, littleEndian));
    });
  }
}
