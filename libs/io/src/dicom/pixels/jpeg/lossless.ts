/** JPEG lossless, processes 14 (ITU-T T.81 annex H): each sample predicted from its neighbors, the difference Huffman-coded. */
import { BitReader, jpegFault } from './bits.ts';
import type { HuffmanTable } from './bits.ts';
import type { JpegFrame, JpegScan, JpegTables } from './segments.ts';

function predict(selector: number, a: number, b: number, c: number): number {
  switch (selector) {
    case 1:
      return a;
    case 2:
      return b;
    case 3:
      return c;
    case 4:
      return a + b - c;
    case 5:
      return a + ((b - c) >> 1);
    case 6:
      return b + ((a - c) >> 1);
    default:
      return (a + b) >> 1;
  }
}

/** Decodes one scan into interleaved samples of `out`; returns the byte after it. */
export function decodeLosslessScan(
  bytes: Uint8Array,
  { scan, frame, tables }: { scan: JpegScan; frame: JpegFrame; tables: JpegTables },
  out: Uint16Array,
): number {
  const { rows, columns, components, precision } = frame;
  const samples = components.length;
  const selector = scan.from;
  if (selector < 1 || selector > 7) throw jpegFault(`predictor ${selector} is not one of 1 to 7.`, scan.start);
  if (components.some((c) => c.h !== components[0]!.h || c.v !== components[0]!.v))
    throw jpegFault('lossless with subsampled components is not read.', scan.start);
  if (precision - scan.low < 1) throw jpegFault('the point transform leaves no bits.', scan.start);
  const reader = new BitReader(bytes, scan.start);
  const coders = scan.components.map(({ index, dc }) => {
    const table: HuffmanTable | undefined = tables.dc[dc];
    if (table === undefined) throw jpegFault(`Huffman table ${dc} is not defined.`, scan.start);
    return { index, table };
  });
  const initial = 1 << (precision - scan.low - 1);
  const stride = columns * samples;
  let left = tables.restartInterval;
  let freshLine = true;
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      let restarted = false;
      if (tables.restartInterval > 0 && left-- === 0) {
        reader.restart();
        left = tables.restartInterval - 1;
        restarted = true;
        freshLine = true;
      }
      for (const { index, table } of coders) {
        const i = y * stride + x * samples + index;
        let guess: number;
        if (restarted || (y === 0 && x === 0)) guess = initial;
        else if (freshLine) guess = x === 0 ? out[i - stride]! : out[i - samples]!;
        else if (x === 0) guess = out[i - stride]!;
        else guess = predict(selector, out[i - samples]!, out[i - stride]!, out[i - stride - samples]!);
        const category = reader.symbol(table);
        if (category > 16) throw jpegFault(`a difference of ${category} bits.`, reader.at);
        out[i] = guess + (category === 16 ? 32768 : reader.signed(category));
      }
    }
    freshLine = false;
  }
  return reader.at;
}
