/** bzip2, unpacking only: blocks of Huffman codes, move to front, inverse Burrows-Wheeler, run lengths. Source: bzip2 1.0.8 (Seward). */
import { FormatError } from '../errors.ts';

/** What one block can stand for, of however few bytes: 900 000 symbols, each fifth a run of up to 255 more. */
const LARGEST_BLOCK = 900_000 * 52;
/** Bytes that a byte of an ordinary image may unpack to. Only pictures of one value, larger than a block, pass it. */
const LARGEST_RATIO = 1032;
const BLOCK = 0x314159265359;
const END = 0x177245385090;
const MOST_CODE_BITS = 20;
/** Symbols coded with one table before the next is chosen. */
const GROUP = 50;

/** The most that `packed` bytes of bzip2 are taken to unpack to. */
export function bzip2Capacity(packed: number): number {
  return packed * LARGEST_RATIO + LARGEST_BLOCK;
}

class Bits {
  private readonly chunks: AsyncIterator<Uint8Array>;
  private readonly name: string | undefined;
  private chunk: Uint8Array = new Uint8Array(0);
  private at = 0;
  private held = 0;
  private count = 0;
  /** Packed bytes taken so far. */
  position = 0;
  constructor(packed: AsyncIterable<Uint8Array>, name: string | undefined) {
    this.chunks = packed[Symbol.asyncIterator]();
    this.name = name;
  }

  fault(message: string): FormatError {
    return new FormatError(
      `${this.name ?? 'bytes'}: the bzip2 stream is damaged near byte ${this.position}: ${message}.`,
      {
        ...(this.name === undefined ? {} : { file: this.name }),
        field: 'bzip2 stream',
        byteOffset: this.position,
      },
    );
  }

  /** Makes sure that `needed` bytes, or all that are left, can be taken without waiting. */
  async reach(needed: number): Promise<void> {
    while (this.chunk.length - this.at < needed) {
      const { value, done } = await this.chunks.next();
      if (done) return;
      const joined = new Uint8Array(this.chunk.length - this.at + value.length);
      joined.set(this.chunk.subarray(this.at));
      joined.set(value, this.chunk.length - this.at);
      this.chunk = joined;
      this.at = 0;
    }
  }

  get ended(): boolean {
    return this.at === this.chunk.length;
  }

  /** Up to 24 bits, the first the highest. */
  take(bits: number): number {
    while (this.count < bits) {
      if (this.at === this.chunk.length) throw this.fault('it ends too early');
      this.held = (this.held << 8) | this.chunk[this.at++]!;
      this.position++;
      this.count += 8;
    }
    this.count -= bits;
    return (this.held >>> this.count) & ((1 << bits) - 1);
  }

  /** Drops the rest of the byte. */
  align(): void {
    this.count = 0;
  }

  async close(): Promise<void> {
    await this.chunks.return?.();
  }
}

/** A Huffman table: codes of each length, smallest first (canonical). */
interface Table {
  readonly limits: Int32Array;
  readonly bases: Int32Array;
  readonly symbols: Uint16Array;
}

function tableOf(lengths: Uint8Array): Table {
  const counts = new Int32Array(MOST_CODE_BITS + 2);
  for (const length of lengths) counts[length]!++;
  const limits = new Int32Array(MOST_CODE_BITS + 2).fill(-1);
  const bases = new Int32Array(MOST_CODE_BITS + 2);
  const symbols = new Uint16Array(lengths.length);
  let [code, placed] = [0, 0];
  for (let bits = 1; bits <= MOST_CODE_BITS; bits++) {
    bases[bits] = placed - code;
    for (const [symbol, length] of lengths.entries()) if (length === bits) symbols[placed++] = symbol;
    code += counts[bits]!;
    if (counts[bits]! > 0) limits[bits] = code - 1;
    code *= 2;
  }
  return { limits, bases, symbols };
}

function symbolOf(bits: Bits, { limits, bases, symbols }: Table): number {
  let code = 0;
  for (let length = 1; length <= MOST_CODE_BITS; length++) {
    code = (code << 1) | bits.take(1);
    if (code <= limits[length]!) {
      const symbol = symbols[bases[length]! + code];
      if (symbol !== undefined) return symbol;
    }
  }
  throw bits.fault('a code means nothing');
}

/** The bytes that a block uses, ascending. */
function alphabetOf(bits: Bits): number[] {
  const groups = bits.take(16);
  const used: number[] = [];
  for (let g = 0; g < 16; g++) {
    if (((groups >> (15 - g)) & 1) === 0) continue;
    const members = bits.take(16);
    for (let i = 0; i < 16; i++) if ((members >> (15 - i)) & 1) used.push(g * 16 + i);
  }
  if (used.length === 0) throw bits.fault('a block without bytes');
  return used;
}

function selectorsOf(bits: Bits, tables: number): Uint8Array {
  const selectors = new Uint8Array(bits.take(15));
  const order = Array.from({ length: tables }, (_, i) => i);
  for (let i = 0; i < selectors.length; i++) {
    let place = 0;
    while (bits.take(1) === 1) if (++place >= tables) throw bits.fault('a table that does not exist');
    const [chosen] = order.splice(place, 1);
    order.unshift(chosen!);
    selectors[i] = chosen!;
  }
  return selectors;
}

function tablesOf(bits: Bits, tables: number, symbols: number): Table[] {
  return Array.from({ length: tables }, () => {
    const lengths = new Uint8Array(symbols);
    let length = bits.take(5);
    for (let s = 0; s < symbols; s++) {
      while (bits.take(1) === 1) length += bits.take(1) === 1 ? -1 : 1;
      if (length < 1 || length > MOST_CODE_BITS) throw bits.fault(`a code of ${length} bits`);
      lengths[s] = length;
    }
    return tableOf(lengths);
  });
}

/** One block's bytes after the Burrows-Wheeler transform, before its run lengths: [symbols, where the text starts]. */
function readSymbols(bits: Bits, most: number): { last: Uint8Array; start: number } {
  if (bits.take(1) === 1) throw bits.fault('a randomized block, which bzip2 has not written since 1997');
  const start = bits.take(24);
  const front = alphabetOf(bits);
  const end = front.length + 1;
  const tables = bits.take(3);
  if (tables < 2 || tables > 6) throw bits.fault(`${tables} tables`);
  const selectors = selectorsOf(bits, tables);
  const codes = tablesOf(bits, tables, front.length + 2);
  const last = new Uint8Array(most);
  let [filled, run, weight] = [0, 0, 1];
  for (let n = 0; ; n++) {
    const selector = selectors[Math.floor(n / GROUP)];
    if (selector === undefined) throw bits.fault('a block without end');
    const symbol = symbolOf(bits, codes[selector]!);
    if (symbol < 2) {
      // Runs of the front byte, in binary with the digits 1 and 2.
      run += weight << symbol;
      weight *= 2;
      if (run > most) throw bits.fault('a run longer than its block');
      continue;
    }
    if (run > 0) {
      if (filled + run > most) throw bits.fault('a block larger than declared');
      last.fill(front[0]!, filled, filled + run);
      filled += run;
      [run, weight] = [0, 1];
    }
    if (symbol === end) break;
    if (filled >= most) throw bits.fault('a block larger than declared');
    const [byte] = front.splice(symbol - 1, 1);
    front.unshift(byte!);
    last[filled++] = byte!;
  }
  if (start >= filled) throw bits.fault('a block that starts outside itself');
  return { last: last.subarray(0, filled), start };
}

const crcTable = Uint32Array.from({ length: 256 }, (_, i) => {
  let c = i << 24;
  for (let k = 0; k < 8; k++) c = c & 0x80000000 ? (c << 1) ^ 0x04c11db7 : c << 1;
  return c;
});

/** The text of a block, in pieces; its checksum is compared at the end. */
function* textOf(bits: Bits, most: number, checksum: number): Generator<Uint8Array> {
  const { last, start } = readSymbols(bits, most);
  const before = new Uint32Array(257);
  for (const byte of last) before[byte + 1]!++;
  for (let i = 0; i < 256; i++) before[i + 1]! += before[i]!;
  const next = new Uint32Array(last.length);
  for (let i = 0; i < last.length; i++) next[before[last[i]!]!++] = i;
  let crc = -1;
  let piece = new Uint8Array(1 << 16);
  let filled = 0;
  let [at, same, previous] = [next[start]!, 0, -1];
  for (let i = 0; i < last.length; i++) {
    const byte = last[at]!;
    at = next[at]!;
    // After four equal bytes the next one counts how many more there are.
    const repeats = same === 4 ? byte : 1;
    const value = same === 4 ? previous : byte;
    if (filled + repeats > piece.length) {
      yield piece.subarray(0, filled);
      piece = new Uint8Array(1 << 16);
      filled = 0;
    }
    for (let r = 0; r < repeats; r++) {
      piece[filled++] = value;
      crc = (crc << 8) ^ crcTable[((crc >>> 24) ^ value) & 255]!;
    }
    same = same === 4 ? 0 : byte === previous ? same + 1 : 1;
    previous = same === 0 ? -1 : byte;
  }
  yield piece.subarray(0, filled);
  if (~crc >>> 0 !== checksum >>> 0) throw bits.fault('a checksum does not match');
}

/** Unpacks bzip2, several streams one after the other included. Throws: FormatError where it is damaged or cut off. */
export async function* bunzip2(packed: AsyncIterable<Uint8Array>, name?: string): AsyncGenerator<Uint8Array> {
  const bits = new Bits(packed, name);
  try {
    for (let streams = 0; ; streams++) {
      await bits.reach(4);
      if (streams > 0 && bits.ended) return;
      const [b, z, h, level] = [8, 8, 8, 8].map((n) => bits.take(n)) as [number, number, number, number];
      if (b !== 0x42 || z !== 0x5a || h !== 0x68 || level < 0x31 || level > 0x39)
        throw bits.fault('it does not begin with BZh1 to BZh9');
      const most = (level - 0x30) * 100_000;
      for (;;) {
        // A block's codes have at most 20 bits for each of its symbols.
        await bits.reach(Math.ceil((most * MOST_CODE_BITS) / 8) + 65536);
        const mark = bits.take(24) * 2 ** 24 + bits.take(24);
        const checksum = bits.take(16) * 65536 + bits.take(16);
        if (mark === END) break;
        if (mark !== BLOCK) throw bits.fault('neither a block nor the end');
        yield* textOf(bits, most, checksum);
      }
      bits.align();
    }
  } finally {
    await bits.close();
  }
}
