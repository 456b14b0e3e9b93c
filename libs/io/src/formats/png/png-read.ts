/** Reading PNG: every color type and depth, palettes, interlacing. Source: W3C, Portable Network Graphics, third edition. */
import { crc32 } from '../../bytes/crc32.ts';
import { collect, concatenate, inSteps } from '../../bytes/collect.ts';
import { LARGEST_DEFLATE_RATIO, inflate, inflateSmall } from '../../bytes/deflate.ts';
import { FormatError } from '../../errors.ts';

export interface PngImage {
  readonly width: number;
  readonly height: number;
  /** 1 gray, 2 gray and alpha, 3 RGB, 4 RGBA; palettes are resolved to 3 or 4, or left as indices. */
  readonly channels: number;
  /** [y, x, C]: 8 bits, or 16. Depths below 8 keep their stored values. */
  readonly pixels: Uint8Array | Uint16Array;
}

interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly color: number;
  readonly interlaced: boolean;
}

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const SAMPLES: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const DEPTHS: Readonly<Record<number, readonly number[]>> = {
  0: [1, 2, 4, 8, 16],
  2: [8, 16],
  3: [1, 2, 4, 8],
  4: [8, 16],
  6: [8, 16],
};
/** Adam7: [x start, y start, x step, y step] of each pass. */
const PASSES = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

export function isPng(head: Uint8Array): boolean {
  return SIGNATURE.every((b, i) => head[i] === b);
}

/** Throws: FormatError with the byte offset of the chunk at fault. */
export async function decodePng(
  bytes: Uint8Array,
  {
    file,
    maxBytes = Infinity,
    palette: wanted = 'colors',
  }: {
    readonly file?: string | undefined;
    readonly maxBytes?: number | undefined;
    readonly palette?: 'colors' | 'indices';
  } = {},
): Promise<PngImage> {
  const fail = (field: string, byteOffset: number, message: string): never => {
    throw new FormatError(`${file ?? 'png'}: ${message}`, {
      ...(file === undefined ? {} : { file }),
      field,
      byteOffset,
    });
  };
  if (!isPng(bytes)) return fail('signature', 0, 'does not begin with the PNG signature.');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let header: Header | undefined;
  let palette: Uint8Array | undefined;
  let transparency: Uint8Array | undefined;
  const data: Uint8Array[] = [];
  let ended = false;
  for (let at = 8; !ended;) {
    if (at + 12 > bytes.length)
      return fail('chunk', at, `ends at byte ${bytes.length} without an end chunk; it is incomplete.`);
    const length = view.getUint32(at);
    if (at + 12 + length > bytes.length)
      return fail(
        'chunk',
        at,
        `a chunk claims ${length} bytes, ${bytes.length - at - 12} are left; the file is incomplete.`,
      );
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (view.getUint32(at + 8 + length) !== crc32(bytes.subarray(at + 4, at + 8 + length)))
      return fail(type, at, `the chunk ${JSON.stringify(type)} does not match its checksum; the file is damaged.`);
    const content = bytes.subarray(at + 8, at + 8 + length);
    if (type === 'IHDR') header = parseHeader(content, at);
    else if (!header) return fail(type, at, 'the first chunk is not IHDR.');
    else if (type === 'PLTE') palette = content;
    else if (type === 'tRNS') transparency = content;
    else if (type === 'IDAT') data.push(content);
    else if (type === 'IEND') ended = true;
    at += 12 + length;
  }
  const { width, height, depth, color } = header!;
  const samples = SAMPLES[color]!;
  const passes = passesOf(header!).filter(({ w, h }) => w > 0 && h > 0);
  const rowBytes = (w: number): number => Math.ceil((w * samples * depth) / 8);
  const needed = passes.reduce((sum, { w, h }) => sum + h * (1 + rowBytes(w)), 0);
  const packed = concatenate(data);
  if (needed > packed.length * LARGEST_DEFLATE_RATIO + 1024)
    return fail('IHDR', 8, `declares ${width} x ${height} pixels, which ${packed.length} packed bytes cannot hold.`);
  if (width * height * samples * (depth > 8 ? 2 : 1) > maxBytes)
    return fail('IHDR', 8, `${width} x ${height} pixels take more than the limit of ${maxBytes} bytes.`);
  const raw =
    inflateSmall(packed, 'zlib', file) ?? (await collect(inflate(inSteps(packed), 'zlib', file), needed + 65536, file));
  if (raw.length < needed)
    return fail('IDAT', bytes.length, `the pixels unpack to ${raw.length} bytes, ${needed} were expected.`);
  const pixels = depth === 16 ? new Uint16Array(width * height * samples) : new Uint8Array(width * height * samples);
  let from = 0;
  for (const pass of passes) {
    unfilter(raw, from, pass.h, rowBytes(pass.w), Math.max(1, (samples * depth) >> 3));
    spread(pass, from);
    from += pass.h * (1 + rowBytes(pass.w));
  }
  return color === 3 && wanted === 'colors' ? throughPalette() : { width, height, channels: samples, pixels };

  function parseHeader(content: Uint8Array, at: number): Header {
    if (content.length !== 13) fail('IHDR', at, `IHDR has ${content.length} bytes, 13 were expected.`);
    const [w, h] = [view.getUint32(at + 8), view.getUint32(at + 12)];
    const [bits, kind, compression, filter, interlace] = content.subarray(8) as unknown as [
      number,
      number,
      number,
      number,
      number,
    ];
    if (w < 1 || h < 1) fail('IHDR', at, `is ${w} x ${h} pixels.`);
    if (!DEPTHS[kind]?.includes(bits)) fail('IHDR', at, `color type ${kind} with ${bits} bits does not exist.`);
    if (compression !== 0 || filter !== 0 || interlace > 1)
      fail('IHDR', at, 'uses an unknown compression, filter or interlace method.');
    return { width: w, height: h, depth: bits, color: kind, interlaced: interlace === 1 };
  }

  function unfilter(rows: Uint8Array, start: number, count: number, stride: number, step: number): void {
    for (let y = 0, at = start; y < count; y++, at += stride + 1) {
      const filter = rows[at]!;
      if (filter > 4) fail('IDAT', 0, `row ${y} has filter ${filter}; 0 to 4 exist.`);
      if (filter === 0) continue;
      const row = at + 1;
      const up = row - stride - 1;
      for (let i = 0; i < stride; i++) {
        const a = i >= step ? rows[row + i - step]! : 0;
        const b = y > 0 ? rows[up + i]! : 0;
        const c = y > 0 && i >= step ? rows[up + i - step]! : 0;
        rows[row + i] =
          rows[row + i]! + (filter === 1 ? a : filter === 2 ? b : filter === 3 ? (a + b) >> 1 : paeth(a, b, c));
      }
    }
  }

  function spread({ x0, y0, dx, dy, w, h }: Pass, start: number): void {
    const stride = rowBytes(w) + 1;
    for (let y = 0; y < h; y++)
      for (let x = 0; x < w; x++)
        for (let s = 0; s < samples; s++) {
          const n = x * samples + s;
          const row = start + y * stride + 1;
          const value =
            depth === 16
              ? (raw[row + 2 * n]! << 8) | raw[row + 2 * n + 1]!
              : depth === 8
                ? raw[row + n]!
                : (raw[row + ((n * depth) >> 3)]! >> (8 - depth - ((n * depth) & 7))) & ((1 << depth) - 1);
          pixels[((y0 + y * dy) * width + x0 + x * dx) * samples + s] = value;
        }
  }

  function throughPalette(): PngImage {
    if (!palette || palette.length % 3 !== 0) return fail('PLTE', 8, 'the palette is missing or cut off.');
    const channels = transparency ? 4 : 3;
    const out = new Uint8Array(width * height * channels);
    for (let i = 0; i < width * height; i++) {
      const index = pixels[i]!;
      if (3 * index + 2 >= palette.length)
        return fail('PLTE', 8, `pixel ${i} has color ${index}, the palette has ${palette.length / 3}.`);
      for (let c = 0; c < 3; c++) out[i * channels + c] = palette[3 * index + c]!;
      if (channels === 4) out[i * 4 + 3] = transparency![index] ?? 255;
    }
    return { width, height, channels, pixels: out };
  }
}

interface Pass {
  readonly x0: number;
  readonly y0: number;
  readonly dx: number;
  readonly dy: number;
  readonly w: number;
  readonly h: number;
}

function passesOf({ width, height, interlaced }: Header): readonly Pass[] {
  if (!interlaced) return [{ x0: 0, y0: 0, dx: 1, dy: 1, w: width, h: height }];
  return PASSES.map(([x0, y0, dx, dy]) => ({
    x0,
    y0,
    dx,
    dy,
    w: Math.max(0, Math.ceil((width - x0) / dx)),
    h: Math.max(0, Math.ceil((height - y0) / dy)),
  }));
}

function paeth(a: number, b: number, c: number): number {
  const p = a + b - c;
  const [pa, pb, pc] = [Math.abs(p - a), Math.abs(p - b), Math.abs(p - c)];
  return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}
