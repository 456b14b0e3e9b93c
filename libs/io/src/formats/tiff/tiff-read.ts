/** Reading the pages of a TIFF or BigTIFF: strips or tiles, packed or not. Source: Adobe, TIFF 6.0 (1992). */
import { FormatError } from '../../errors.ts';
import { HOST_IS_LITTLE_ENDIAN, STORED_BYTES, swapBytes } from '../../voxels/stored-type.ts';
import type { StoredType } from '../../voxels/stored-type.ts';
import { TAG, readDirectories } from './tiff-directory.ts';
import type { Directory, TiffFile } from './tiff-directory.ts';
import { rgbOfYbr, unpackJpeg } from './tiff-jpeg.ts';
import { bitsReversed, isFax, mostUnpacked, notRead, undoPredictor, unpackStrip } from './tiff-strips.ts';

export interface TiffPage {
  readonly width: number;
  readonly height: number;
  readonly samples: number;
  readonly type: StoredType;
  /** What the samples mean: 0 gray with white as 0, 3 indices into `colorMap`. */
  readonly photometric: number;
  /** [y, x, samples], host byte order. */
  readonly bytes: Uint8Array;
}

export interface TiffImage {
  readonly pages: readonly TiffPage[];
  /** The text that the first page carries: ImageJ's and OME's descriptions of the axes stand there. */
  readonly description: string;
  /** Pixels per unit along x and y, of the first page. */
  readonly resolution: readonly [number | undefined, number | undefined];
  /** All reds, all greens, all blues, in 16 bits, of the first page. */
  readonly colorMap: readonly number[];
}

interface ReadOptions {
  readonly file?: string | undefined;
  readonly maxBytes?: number | undefined;
}

const JPEG = 7;
const YBR = 6;

/** All full-size pages. Throws: FormatError: loops, cut strips, packings that are not read, more pixels than the bytes justify. */
export async function decodeTiff(bytes: Uint8Array, options: ReadOptions = {}): Promise<TiffImage> {
  const tiff = readDirectories(bytes, options.file);
  const full = tiff.directories.filter(({ numbers }) => ((numbers.get(TAG.subfile)?.[0] ?? 0) & 1) === 0);
  const [first] = full;
  if (first === undefined) return tiff.fail('pages', 4, 'has no page.');
  const reader = new PageReader(bytes, tiff, options);
  const pages: TiffPage[] = [];
  for (const directory of full.length === 1 ? contiguous(first) : full) pages.push(await reader.read(directory));
  return {
    pages,
    description: first.description,
    colorMap: first.numbers.get(TAG.colorMap) ?? [],
    resolution: [first.numbers.get(TAG.xResolution)?.[0], first.numbers.get(TAG.yResolution)?.[0]],
  };
}

/** ImageJ writes large stacks with one directory: the other pages follow the first without any. */
function contiguous(first: Directory): readonly Directory[] {
  const count = Number(/^ImageJ=[^]*^images=(\d+)\s*$/m.exec(first.description)?.[1] ?? 1);
  const offset = first.numbers.get(TAG.stripOffsets);
  const plain = (first.numbers.get(TAG.compression)?.[0] ?? 1) === 1;
  if (!(count > 1 && count <= 65536 && plain && offset?.length === 1)) return [first];
  const length = first.numbers.get(TAG.stripBytes)?.[0] ?? 0;
  return Array.from({ length: count }, (_, i) => ({
    ...first,
    numbers: new Map(first.numbers).set(TAG.stripOffsets, [offset[0]! + i * length]),
  }));
}

/** What the pieces of a page, strips or tiles, have in common. */
interface Pieces {
  readonly width: number;
  readonly rows: number;
  readonly perPixel: number;
  /** Bits of a sample where they are no whole bytes. */
  readonly small: number | undefined;
  readonly size: number;
  readonly compression: number;
  readonly ybr: boolean;
}

class PageReader {
  readonly #bytes: Uint8Array;
  readonly #tiff: TiffFile;
  readonly #file: string | undefined;
  readonly #maxBytes: number;
  #total = 0;
  #packedTotal = 0;

  constructor(bytes: Uint8Array, tiff: TiffFile, { file, maxBytes = Infinity }: ReadOptions) {
    this.#bytes = bytes;
    this.#tiff = tiff;
    this.#file = file;
    this.#maxBytes = maxBytes;
  }

  async read(directory: Directory): Promise<TiffPage> {
    const { at, numbers } = directory;
    const { fail } = this.#tiff;
    const one = (tag: number, otherwise?: number): number =>
      numbers.get(tag)?.[0] ?? otherwise ?? fail(`tag ${tag}`, at, `a page lacks the tag ${tag}.`);
    const [width, height, samples] = [one(TAG.width), one(TAG.height), one(TAG.samples, 1)];
    const bits = numbers.get(TAG.bits) ?? [1];
    const type = this.#storedType(bits, one(TAG.sampleFormat, 1), at);
    const compression = one(TAG.compression, 1);
    const unread = notRead(compression);
    if (unread !== undefined) return fail('compression', at, unread);
    if (isFax(compression) && (bits[0] !== 1 || samples !== 1))
      return fail(
        'compression',
        at,
        `compression ${compression} packs single bits, not ${samples} samples of ${bits[0]}.`,
      );
    const photometric = one(TAG.photometric, 1);
    const ybr = photometric === YBR && samples === 3;
    if (
      ybr &&
      compression !== JPEG &&
      (type !== 'uint8' || (numbers.get(TAG.subsampling) ?? [2, 2]).some((n) => n !== 1))
    )
      return fail('subsampling', at, 'chromas of half the size are read in JPEG only; save the image as RGB.');
    const planes = one(TAG.planar, 1) === 2 && samples > 1 ? samples : 1;
    const tiled = numbers.has(TAG.tileWidth);
    const [w, h] = tiled
      ? [one(TAG.tileWidth), one(TAG.tileHeight)]
      : [width, Math.min(one(TAG.rowsPerStrip, height), height)];
    if (![width, height, samples, w, h].every((n) => n >= 1))
      return fail('size', at, `a page is ${width} x ${height} pixels of ${samples} samples in pieces of ${w} x ${h}.`);
    const size = STORED_BYTES[type];
    const pieces: Pieces = {
      width: w,
      rows: h,
      perPixel: samples / planes,
      small: bits[0]! % 8 === 0 ? undefined : bits[0]!,
      size,
      compression,
      ybr,
    };
    const { offsets, lengths } = this.#places(directory, tiled);
    const needed = width * height * samples * size;
    const packed = lengths.reduce((sum, n) => sum + n, 0);
    this.#packedTotal += packed;
    this.#total += needed;
    // strips that overlap would let a small file claim any amount of memory
    if (this.#packedTotal > this.#bytes.length)
      return fail(
        'strips',
        at,
        `the strips take ${this.#packedTotal} bytes together, the file has ${this.#bytes.length}.`,
      );
    if (storedBytes(pieces, width, height) * planes > mostUnpacked(compression, packed))
      return fail('size', at, `${width} x ${height} pixels of ${samples} x ${type} do not fit into ${packed} bytes.`);
    if (this.#total > this.#maxBytes) return fail('size', at, `takes more than the limit of ${this.#maxBytes} bytes.`);
    const out = new Uint8Array(needed);
    const [across, down] = [Math.ceil(width / w), Math.ceil(height / h)];
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
      const raw = await this.#unpacked(directory, { ...pieces, rows, mostRows: h }, [offsets[piece]!, lengths[piece]!]);
      const run = Math.min(w, width - column) * pieces.perPixel * size;
      for (let y = 0; y < rows && row + y < height; y++) {
        const from = y * w * pieces.perPixel * size;
        const to = (((row + y) * width + column) * samples + plane) * size;
        if (planes === 1) out.set(raw.subarray(from, from + run), to);
        else
          for (let x = 0; x < run; x += size)
            for (let b = 0; b < size; b++) out[to + x * samples + b] = raw[from + x + b]!;
      }
    }
    return {
      width,
      height,
      samples,
      type,
      photometric,
      bytes: ybr && compression !== JPEG ? await rgbOfYbr(out) : out,
    };
  }

  #places({ numbers, at }: Directory, tiled: boolean): { offsets: readonly number[]; lengths: readonly number[] } {
    const { fail } = this.#tiff;
    const offsets =
      numbers.get(tiled ? TAG.tileOffsets : TAG.stripOffsets) ?? fail('strips', at, 'a page has no pixels.');
    const lengths =
      numbers.get(tiled ? TAG.tileBytes : TAG.stripBytes) ??
      (offsets.length === 1
        ? [this.#bytes.length - offsets[0]!]
        : fail('strips', at, 'a page does not say how long its strips are.'));
    return { offsets, lengths };
  }

  /** One strip or tile as whole samples in host byte order. */
  async #unpacked(
    { numbers }: Directory,
    pieces: Pieces & { readonly mostRows: number },
    [offset, length]: readonly [number, number],
  ): Promise<Uint8Array> {
    const { width, rows, mostRows, perPixel, small, size, compression, ybr } = pieces;
    const { fail, within, littleEndian } = this.#tiff;
    const expected = storedBytes(pieces, width, rows);
    if (expected > mostUnpacked(compression, length))
      return fail('strips', offset, `a piece of ${width} x ${rows} pixels does not fit into ${length} bytes.`);
    const start = within(offset, length, 'strip');
    const packed = this.#bytes.subarray(start, start + length);
    if (compression === JPEG) {
      const tables = numbers.get(TAG.jpegTables);
      const piece = {
        stream: packed,
        tables: tables && Uint8Array.from(tables),
        width,
        rows,
        mostRows,
        samples: perPixel,
        ybr,
      };
      return unpackJpeg(piece).catch((error: unknown) => {
        if (!(error instanceof FormatError)) throw error;
        return fail('strip', start + (error.byteOffset ?? 0), error.message);
      });
    }
    const ordered = numbers.get(TAG.fillOrder)?.[0] === 2 ? bitsReversed(packed) : packed;
    const found = await unpackStrip(ordered, {
      compression,
      expected,
      width,
      rows,
      faxOptions: numbers.get(TAG.faxOptions)?.[0] ?? 0,
      file: this.#file,
    });
    if (found.length < expected)
      return fail('strip', start, `a strip unpacks to ${found.length} bytes, ${expected} were expected.`);
    if (small !== undefined) return smallSamples(found, { bits: small, perRow: width * perPixel, rows });
    const raw = new Uint8Array(found.subarray(0, expected));
    undoPredictor(raw, {
      compression,
      predictor: numbers.get(TAG.predictor)?.[0] ?? 1,
      width,
      samples: perPixel,
      bytesPerSample: size,
      littleEndian,
    });
    if (littleEndian !== HOST_IS_LITTLE_ENDIAN) swapBytes(raw, size);
    return raw;
  }

  #storedType(bits: readonly number[], format: number, at: number): StoredType {
    const { fail } = this.#tiff;
    if (bits.some((b) => b !== bits[0]))
      return fail('bits', at, `the samples have ${bits.join(', ')} bits; they must be alike.`);
    const names: Readonly<Record<number, readonly StoredType[]>> = {
      1: ['uint8', 'uint16', 'uint32', 'uint64'],
      2: ['int8', 'int16', 'int32', 'int64'],
      3: ['float16', 'float32', 'float64'],
    };
    if (format === 1 && bits[0]! >= 1 && bits[0]! < 16 && bits[0] !== 8) return bits[0]! < 8 ? 'uint8' : 'uint16';
    const index = (format === 3 ? [16, 32, 64] : [8, 16, 32, 64]).indexOf(bits[0]!);
    return (
      names[format]?.[index] ??
      fail(
        'bits',
        at,
        `${bits[0]} bits of sample format ${format} are not read; 1 to 16, 32 and 64 bits and floats are.`,
      )
    );
  }
}

/** Bytes that a piece of this size takes once unpacked. */
function storedBytes({ perPixel, small, size }: Pieces, columns: number, rows: number): number {
  return rows * (small === undefined ? columns * perPixel * size : Math.ceil((columns * perPixel * small) / 8));
}

/** Samples of fewer than 16 bits, the first in the highest bits, rows beginning at whole bytes: one or two bytes each. */
function smallSamples(
  packed: Uint8Array,
  { bits, perRow, rows }: { readonly bits: number; readonly perRow: number; readonly rows: number },
): Uint8Array {
  const out = bits < 8 ? new Uint8Array(perRow * rows) : new Uint16Array(perRow * rows);
  const rowBytes = Math.ceil((perRow * bits) / 8);
  const mask = (1 << bits) - 1;
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < perRow; x++) {
      const at = y * rowBytes + ((x * bits) >> 3);
      const three = (packed[at]! << 16) | ((packed[at + 1] ?? 0) << 8) | (packed[at + 2] ?? 0);
      out[y * perRow + x] = (three >> (24 - bits - ((x * bits) & 7))) & mask;
    }
  return new Uint8Array(out.buffer);
}
