/** Huffman-coded bits of a JPEG scan (ITU-T T.81 annexes C and F): tables as one lookup, bytes with their stuffing removed. */
import { FormatError } from '../../../errors.ts';

/** Looks 16 bits up: `symbol << 5 | length`; 0 where no code begins so. */
export type HuffmanTable = Uint16Array;

export const jpegFault = (message: string, byteOffset: number): FormatError =>
  new FormatError(`JPEG: ${message}`, { field: '(7fe0,0010) PixelData', byteOffset });

/** Tables of the frames just decoded: a series repeats one or two, and each takes 128 KiB. */
const recent = new Map<string, HuffmanTable>();
const KEPT = 8;

/** A lookup from the sixteen code counts and the symbols in code order. */
export function huffmanTable(counts: Uint8Array, symbols: Uint8Array, at: number): HuffmanTable {
  const key = `${counts.join()};${symbols.join()}`;
  const known = recent.get(key);
  if (known !== undefined) return known;
  const table = buildTable(counts, symbols, at);
  if (recent.size >= KEPT) recent.delete(recent.keys().next().value!);
  recent.set(key, table);
  return table;
}

function buildTable(counts: Uint8Array, symbols: Uint8Array, at: number): HuffmanTable {
  const table = new Uint16Array(65536);
  let code = 0;
  let k = 0;
  for (let length = 1; length <= 16; length++) {
    for (let i = 0; i < counts[length - 1]!; i++) {
      const from = code << (16 - length);
      const to = from + (1 << (16 - length));
      if (to > 65536) throw jpegFault('a Huffman table has more codes than fit.', at);
      table.fill((symbols[k++]! << 5) | length, from, to);
      code++;
    }
    code <<= 1;
  }
  return table;
}

/** Reads bits of one scan. At a marker or the end it feeds zeros, and refuses once more are asked for than a decoder may look ahead. */
export class BitReader {
  at: number;
  private readonly bytes: Uint8Array;
  private buffer = 0;
  private held = 0;
  private starved = 0;
  constructor(bytes: Uint8Array, at: number) {
    this.bytes = bytes;
    this.at = at;
  }

  private fill(): void {
    while (this.held <= 16) {
      let byte = 0;
      if (this.at < this.bytes.length) {
        byte = this.bytes[this.at]!;
        if (byte === 0xff) {
          const next = this.bytes[this.at + 1];
          if (next === 0) this.at += 2;
          else {
            byte = 0;
            this.starve();
          }
        } else this.at++;
      } else this.starve();
      this.buffer = ((this.buffer << 8) | byte) & 0xffffff;
      this.held += 8;
    }
  }

  private starve(): void {
    if (++this.starved > 64) throw jpegFault('the scan ends before the image is complete.', this.at);
  }

  /** The next symbol of a table. */
  symbol(table: HuffmanTable): number {
    if (this.held < 16) this.fill();
    const entry = table[(this.buffer >>> (this.held - 16)) & 0xffff]!;
    if (entry === 0) throw jpegFault('a code is in no Huffman table.', this.at);
    this.held -= entry & 31;
    return entry >>> 5;
  }

  /** `count` bits (0 to 16) as an unsigned number. */
  bits(count: number): number {
    if (count === 0) return 0;
    if (this.held < count) this.fill();
    this.held -= count;
    return (this.buffer >>> this.held) & ((1 << count) - 1);
  }

  /** `count` bits as JPEG spells differences: a leading zero means negative. */
  signed(count: number): number {
    if (count === 0) return 0;
    const value = this.bits(count);
    return value < 1 << (count - 1) ? value - (1 << count) + 1 : value;
  }

  /** Drops the rest of the byte and steps over a restart marker, where one stands. */
  restart(): void {
    this.held = 0;
    this.buffer = 0;
    this.starved = 0;
    while (this.at + 1 < this.bytes.length) {
      if (this.bytes[this.at] === 0xff) {
        const marker = this.bytes[this.at + 1]!;
        if (marker >= 0xd0 && marker <= 0xd7) {
          this.at += 2;
          return;
        }
        if (marker !== 0 && marker !== 0xff)
          throw jpegFault(`expected a restart marker, came ff${marker.toString(16)}.`, this.at);
      }
      this.at++;
    }
    throw jpegFault('a restart marker is missing.', this.at);
  }
}
