/** Huffman-coded DCT coefficients (ITU-T T.81 annexes F and G): baseline, extended and progressive scans. */
import { BitReader, jpegFault } from './bits.ts';
import type { HuffmanTable } from './bits.ts';
import type { JpegFrame, JpegScan, JpegTables } from './segments.ts';
import type { CoefficientPlane } from './transform.ts';

/** Natural position of the k-th coefficient in zigzag order. */
export const ZIGZAG = Uint8Array.from([
  0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
  35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47,
  55, 62, 63,
]);

interface Coder {
  readonly plane: CoefficientPlane;
  readonly h: number;
  readonly v: number;
  readonly dc: HuffmanTable | undefined;
  readonly ac: HuffmanTable | undefined;
  previous: number;
}

type BlockDecoder = (coder: Coder, at: number) => void;

class ScanState {
  endOfBand = 0;
  readonly reader: BitReader;
  readonly scan: JpegScan;
  constructor(reader: BitReader, scan: JpegScan) {
    this.reader = reader;
    this.scan = scan;
  }

  private table(table: HuffmanTable | undefined): HuffmanTable {
    if (table === undefined) throw jpegFault('a scan uses a Huffman table that is not defined.', this.scan.start);
    return table;
  }

  private dcDifference(coder: Coder): number {
    const category = this.reader.symbol(this.table(coder.dc));
    if (category > 16) throw jpegFault(`a DC difference of ${category} bits.`, this.reader.at);
    return (coder.previous += this.reader.signed(category));
  }

  readonly sequential: BlockDecoder = (coder, at) => {
    const { coefficients } = coder.plane;
    coefficients[at] = this.dcDifference(coder);
    const ac = this.table(coder.ac);
    for (let k = 1; k < 64; k++) {
      const rs = this.reader.symbol(ac);
      const size = rs & 15;
      if (size === 0) {
        if (rs !== 0xf0) return;
        k += 15;
        continue;
      }
      k += rs >> 4;
      if (k > 63) throw jpegFault('a run of zeros leaves its block.', this.reader.at);
      coefficients[at + ZIGZAG[k]!] = this.reader.signed(size);
    }
  };

  readonly dcFirst: BlockDecoder = (coder, at) => {
    coder.plane.coefficients[at] = this.dcDifference(coder) << this.scan.low;
  };

  readonly dcRefine: BlockDecoder = (coder, at) => {
    coder.plane.coefficients[at]! |= this.reader.bits(1) << this.scan.low;
  };

  readonly acFirst: BlockDecoder = (coder, at) => {
    if (this.endOfBand > 0) {
      this.endOfBand--;
      return;
    }
    const ac = this.table(coder.ac);
    for (let k = this.scan.from; k <= this.scan.to; k++) {
      const rs = this.reader.symbol(ac);
      const run = rs >> 4;
      const size = rs & 15;
      if (size === 0) {
        if (run < 15) {
          this.endOfBand = (1 << run) + this.reader.bits(run) - 1;
          return;
        }
        k += 15;
        continue;
      }
      k += run;
      if (k > 63) throw jpegFault('a run of zeros leaves its block.', this.reader.at);
      coder.plane.coefficients[at + ZIGZAG[k]!] = this.reader.signed(size) * (1 << this.scan.low);
    }
  };

  readonly acRefine: BlockDecoder = (coder, at) => {
    const { coefficients } = coder.plane;
    const bit = 1 << this.scan.low;
    const correct = (i: number): void => {
      if (this.reader.bits(1) === 1 && (coefficients[i]! & bit) === 0)
        coefficients[i]! += coefficients[i]! > 0 ? bit : -bit;
    };
    let k = this.scan.from;
    if (this.endOfBand === 0) {
      const ac = this.table(coder.ac);
      for (; k <= this.scan.to; k++) {
        const rs = this.reader.symbol(ac);
        let run = rs >> 4;
        let value = 0;
        if ((rs & 15) === 0) {
          if (run < 15) {
            this.endOfBand = (1 << run) + this.reader.bits(run);
            break;
          }
        } else value = this.reader.bits(1) === 1 ? bit : -bit;
        for (; k <= this.scan.to; k++) {
          const i = at + ZIGZAG[k]!;
          if (coefficients[i] !== 0) correct(i);
          else if (run-- === 0) {
            if (value !== 0) coefficients[i] = value;
            break;
          }
        }
      }
    }
    if (this.endOfBand > 0) {
      for (; k <= this.scan.to; k++) {
        const i = at + ZIGZAG[k]!;
        if (coefficients[i] !== 0) correct(i);
      }
      this.endOfBand--;
    }
  };

  /** Which of the five decoders this scan needs. */
  decoder(progressive: boolean): BlockDecoder {
    if (!progressive) return this.sequential;
    if (this.scan.from === 0) return this.scan.high === 0 ? this.dcFirst : this.dcRefine;
    return this.scan.high === 0 ? this.acFirst : this.acRefine;
  }
}

/** Decodes one scan into its components' coefficients; returns the byte after it. */
export function decodeScan(
  bytes: Uint8Array,
  { scan, frame, tables }: { scan: JpegScan; frame: JpegFrame; tables: JpegTables },
  planes: readonly CoefficientPlane[],
): number {
  if (
    frame.process === 2 &&
    (scan.to > 63 || scan.from > scan.to || scan.low > 13 || (scan.from > 0 && scan.components.length > 1))
  )
    throw jpegFault('a progressive scan with an impossible band.', scan.start);
  const state = new ScanState(new BitReader(bytes, scan.start), scan);
  const decode = state.decoder(frame.process === 2);
  const coders: Coder[] = scan.components.map(({ index, dc, ac }) => {
    const { h, v } = frame.components[index]!;
    return { plane: planes[index]!, h, v, dc: tables.dc[dc], ac: tables.ac[ac], previous: 0 };
  });
  const alone = coders.length === 1;
  const first = coders[0]!;
  const hMax = Math.max(...frame.components.map((c) => c.h));
  const vMax = Math.max(...frame.components.map((c) => c.v));
  const across = alone ? Math.ceil(first.plane.width / 8) : Math.ceil(frame.columns / (8 * hMax));
  const down = alone ? Math.ceil(first.plane.height / 8) : Math.ceil(frame.rows / (8 * vMax));
  let left = tables.restartInterval;
  for (let my = 0; my < down; my++) {
    for (let mx = 0; mx < across; mx++) {
      if (tables.restartInterval > 0 && left-- === 0) {
        state.reader.restart();
        state.endOfBand = 0;
        for (const coder of coders) coder.previous = 0;
        left = tables.restartInterval - 1;
      }
      for (const coder of coders) {
        const h = alone ? 1 : coder.h;
        const v = alone ? 1 : coder.v;
        for (let y = 0; y < v; y++)
          for (let x = 0; x < h; x++) decode(coder, ((my * v + y) * coder.plane.blocksX + mx * h + x) * 64);
      }
    }
  }
  return state.reader.at;
}
