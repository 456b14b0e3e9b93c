/** The marker segments of a JPEG stream (ITU-T T.81 annex B): frame, tables, scans. */
import { huffmanTable, jpegFault } from './bits.ts';
import type { HuffmanTable } from './bits.ts';

export interface JpegComponent {
  readonly id: number;
  readonly h: number;
  readonly v: number;
  readonly quantization: number;
}

export interface JpegFrame {
  /** 0 baseline, 1 extended, 2 progressive, 3 lossless. */
  readonly process: 0 | 1 | 2 | 3;
  readonly precision: number;
  readonly rows: number;
  readonly columns: number;
  readonly components: readonly JpegComponent[];
}

export interface JpegScan {
  readonly components: readonly { readonly index: number; readonly dc: number; readonly ac: number }[];
  /** Spectral selection; in a lossless scan `from` is the predictor. */
  readonly from: number;
  readonly to: number;
  readonly high: number;
  readonly low: number;
  /** First byte of coded data. */
  readonly start: number;
}

/** Tables as they stand when a scan begins; replaced as the stream defines new ones. */
export interface JpegTables {
  readonly quantization: (Uint16Array | undefined)[];
  readonly dc: (HuffmanTable | undefined)[];
  readonly ac: (HuffmanTable | undefined)[];
  restartInterval: number;
  /** Of an Adobe APP14 segment: 0 no color transform, 1 YCbCr; undefined when there is none. */
  adobeTransform: number | undefined;
}

type Handler = (scan: JpegScan, frame: JpegFrame, tables: JpegTables) => number;

function frameOf(process: JpegFrame['process'], b: Uint8Array, at: number): JpegFrame {
  const count = b[5] ?? 0;
  if (b.length < 6 + count * 3 || count < 1 || count > 4) throw jpegFault('the frame header is damaged.', at);
  const components = Array.from({ length: count }, (_, i) => ({
    id: b[6 + i * 3]!,
    h: b[7 + i * 3]! >> 4,
    v: b[7 + i * 3]! & 15,
    quantization: b[8 + i * 3]! & 3,
  }));
  if (components.some((c) => c.h < 1 || c.h > 4 || c.v < 1 || c.v > 4))
    throw jpegFault('a sampling factor is not from 1 to 4.', at);
  return { process, precision: b[0]!, rows: b[1]! * 256 + b[2]!, columns: b[3]! * 256 + b[4]!, components };
}

function quantization(b: Uint8Array, tables: JpegTables, at: number): void {
  for (let i = 0; i < b.length;) {
    const wide = b[i]! >> 4 === 1;
    const id = b[i]! & 3;
    i++;
    if (i + (wide ? 128 : 64) > b.length) throw jpegFault('a quantization table is cut off.', at);
    const table = new Uint16Array(64);
    for (let k = 0; k < 64; k++) table[k] = wide ? b[i + 2 * k]! * 256 + b[i + 2 * k + 1]! : b[i + k]!;
    tables.quantization[id] = table;
    i += wide ? 128 : 64;
  }
}

function huffman(b: Uint8Array, tables: JpegTables, at: number): void {
  for (let i = 0; i < b.length;) {
    const kind = b[i]! >> 4 === 0 ? tables.dc : tables.ac;
    const id = b[i]! & 3;
    const counts = b.subarray(i + 1, i + 17);
    const total = counts.reduce((sum, c) => sum + c, 0);
    if (counts.length < 16 || i + 17 + total > b.length || total > 256)
      throw jpegFault('a Huffman table is cut off.', at);
    kind[id] = huffmanTable(counts, b.subarray(i + 17, i + 17 + total), at);
    i += 17 + total;
  }
}

function scanOf(b: Uint8Array, frame: JpegFrame, at: number): Omit<JpegScan, 'start'> {
  const count = b[0] ?? 0;
  if (count < 1 || count > 4 || b.length < 4 + count * 2) throw jpegFault('the scan header is damaged.', at);
  const components = Array.from({ length: count }, (_, i) => {
    const index = frame.components.findIndex((c) => c.id === b[1 + i * 2]);
    if (index < 0) throw jpegFault(`the scan names component ${b[1 + i * 2]}, the frame has none of that name.`, at);
    return { index, dc: (b[2 + i * 2]! >> 4) & 3, ac: b[2 + i * 2]! & 3 };
  });
  if (new Set(components.map((c) => c.index)).size !== count) throw jpegFault('the scan names a component twice.', at);
  const tail = 1 + count * 2;
  return { components, from: b[tail]!, to: b[tail + 1]!, high: b[tail + 2]! >> 4, low: b[tail + 2]! & 15 };
}

/**
 * Walks the stream; `onFrame` sees the frame header before anything is allocated, `onScan` decodes a scan and returns the byte after it.
 * Throws: FormatError on arithmetic coding, hierarchical frames and damaged segments.
 */
export function walkSegments(
  bytes: Uint8Array,
  onFrame: (frame: JpegFrame, tables: JpegTables) => void,
  onScan: Handler,
): void {
  const tables: JpegTables = { quantization: [], dc: [], ac: [], restartInterval: 0, adobeTransform: undefined };
  let frame: JpegFrame | undefined;
  let at = 2;
  let scans = 0;
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) throw jpegFault('the stream does not begin with ffd8.', 0);
  while (at + 3 < bytes.length) {
    if (bytes[at] !== 0xff) {
      at++;
      continue;
    }
    const marker = bytes[at + 1]!;
    if (marker === 0xd9) return;
    if (marker === 0xff || marker === 0 || (marker >= 0xd0 && marker <= 0xd8)) {
      at += marker === 0xff ? 1 : 2;
      continue;
    }
    const length = bytes[at + 2]! * 256 + bytes[at + 3]!;
    if (length < 2 || at + 2 + length > bytes.length) throw jpegFault('a segment is cut off.', at);
    const body = bytes.subarray(at + 4, at + 2 + length);
    if (marker >= 0xc0 && marker <= 0xc3) {
      if (frame !== undefined) throw jpegFault('a second frame header.', at);
      onFrame((frame = frameOf((marker - 0xc0) as JpegFrame['process'], body, at)), tables);
    } else if (marker === 0xc4) huffman(body, tables, at);
    else if (marker === 0xdb) quantization(body, tables, at);
    else if (marker === 0xdd) tables.restartInterval = (body[0] ?? 0) * 256 + (body[1] ?? 0);
    else if (marker === 0xee && body.length >= 12 && String.fromCharCode(...body.subarray(0, 5)) === 'Adobe')
      tables.adobeTransform = body[11];
    else if (marker > 0xc4 && marker <= 0xcf && marker !== 0xcc)
      throw jpegFault(`coding process ff${marker.toString(16)} (arithmetic or hierarchical) is not read.`, at);
    else if (marker === 0xda) {
      if (frame === undefined) throw jpegFault('a scan before the frame header.', at);
      // A real progressive stream has a few scans per component; thousands only slow the reader down.
      if (++scans > 256) throw jpegFault('more than 256 scans.', at);
      at = onScan({ ...scanOf(body, frame, at), start: at + 2 + length }, frame, tables);
      continue;
    }
    at += 2 + length;
  }
}
