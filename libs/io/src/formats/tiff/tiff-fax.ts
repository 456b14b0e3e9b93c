/**
 * Bilevel strips packed as faxes are: runs of one row (TIFF's 2, Group 3), or differences to the row above (Group 3 in two
 * dimensions, Group 4). Source: ITU-T T.4 and T.6; Adobe, TIFF 6.0, sections 10 and 11.
 */

/** Code words of the runs 0 to 63, then 64, 128, ... 1728, by color. */
const WHITE =
  '00110101 000111 0111 1000 1011 1100 1110 1111 10011 10100 00111 01000 001000 000011 110100 110101 101010 101011 0100111 0001100 0001000 0010111 0000011 0000100 0101000 0101011 0010011 0100100 0011000 00000010 00000011 00011010 00011011 00010010 00010011 00010100 00010101 00010110 00010111 00101000 00101001 00101010 00101011 00101100 00101101 00000100 00000101 00001010 00001011 01010010 01010011 01010100 01010101 00100100 00100101 01011000 01011001 01011010 01011011 01001010 01001011 00110010 00110011 00110100 11011 10010 010111 0110111 00110110 00110111 01100100 01100101 01101000 01100111 011001100 011001101 011010010 011010011 011010100 011010101 011010110 011010111 011011000 011011001 011011010 011011011 010011000 010011001 010011010 011000 010011011';
const BLACK =
  '0000110111 010 11 10 011 0011 0010 00011 000101 000100 0000100 0000101 0000111 00000100 00000111 000011000 0000010111 0000011000 0000001000 00001100111 00001101000 00001101100 00000110111 00000101000 00000010111 00000011000 000011001010 000011001011 000011001100 000011001101 000001101000 000001101001 000001101010 000001101011 000011010010 000011010011 000011010100 000011010101 000011010110 000011010111 000001101100 000001101101 000011011010 000011011011 000001010100 000001010101 000001010110 000001010111 000001100100 000001100101 000001010010 000001010011 000000100100 000000110111 000000111000 000000100111 000000101000 000001011000 000001011001 000000101011 000000101100 000001011010 000001100110 000001100111 0000001111 000011001000 000011001001 000001011011 000000110011 000000110100 000000110101 0000001101100 0000001101101 0000001001010 0000001001011 0000001001100 0000001001101 0000001110010 0000001110011 0000001110100 0000001110101 0000001110110 0000001110111 0000001010010 0000001010011 0000001010100 0000001010101 0000001011010 0000001011011 0000001100100 0000001100101';
/** Longer runs of either color: 1792, 1856, ... 2560. */
const LONG =
  '00000001000 00000001100 00000001101 000000010010 000000010011 000000010100 000000010101 000000010110 000000010111 000000011100 000000011101 000000011110 000000011111';
/** How the next change of color follows from the row above; numbers: so far to the right of the change there. */
const MODES = {
  '0001': 'pass',
  '001': 'runs',
  '1': 0,
  '011': 1,
  '000011': 2,
  '0000011': 3,
  '010': -1,
  '000010': -2,
  '0000010': -3,
} as const;
const LONGEST_WORD = 13;

type Mode = (typeof MODES)[keyof typeof MODES];

/** Values by code word; a one before the word's bits keeps its leading zeros. */
type Code<T> = ReadonlyMap<number, T>;
const keyOf = (word: string): number => parseInt(`1${word}`, 2);
const runs = (words: string): Code<number> =>
  new Map(`${words} ${LONG}`.split(' ').map((word, i) => [keyOf(word), i < 64 ? i : (i - 63) * 64]));

const RUNS: readonly [Code<number>, Code<number>] = [runs(WHITE), runs(BLACK)];
const MODE: Code<Mode> = new Map(Object.entries(MODES).map(([word, mode]) => [keyOf(word), mode]));

export interface FaxStrip {
  /** TIFF's code: 2, 3 or 4. */
  readonly compression: number;
  readonly width: number;
  readonly rows: number;
  /** The tag T4Options: bit 0 says that rows may refer to the row above. */
  readonly options: number;
}

/** Rows of bits, each row in whole bytes, black as 1; fewer rows where the strip is damaged or ends early. */
export function unpackFax(packed: Uint8Array, { compression, width, rows, options }: FaxStrip): Uint8Array {
  const bits = new Bits(packed);
  const rowBytes = Math.ceil(width / 8);
  const out = new Uint8Array(rows * rowBytes);
  let above: readonly number[] = [];
  for (let y = 0; y < rows; y++) {
    if (compression === 2) bits.align();
    if (compression === 3) bits.passRowEnd();
    const alone = compression === 2 || (compression === 3 && ((options & 1) === 0 || bits.next() === 1));
    const changes = alone ? rowOfRuns(bits, width) : rowBelow(bits, width, above);
    if (changes === undefined) return out.subarray(0, y * rowBytes);
    blacken(out.subarray(y * rowBytes, (y + 1) * rowBytes), changes, width);
    above = changes;
  }
  return out;
}

class Bits {
  readonly #bytes: Uint8Array;
  #at = 0;
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The next bit; -1 behind the end. */
  next(): number {
    const byte = this.#bytes[this.#at >> 3];
    return byte === undefined ? -1 : (byte >> (7 - (this.#at++ & 7))) & 1;
  }

  align(): void {
    this.#at = (this.#at + 7) & ~7;
  }

  /** Passes over the mark between rows, eleven zeros or more and a one, if it stands here. */
  passRowEnd(): void {
    const start = this.#at;
    let bit = this.next();
    while (bit === 0) bit = this.next();
    if (this.#at - start < 12) this.#at = start;
  }

  /** The value of the next code word; undefined where there is none. */
  word<T>(code: Code<T>): T | undefined {
    for (let key = 1, length = 1; length <= LONGEST_WORD; length++) {
      const bit = this.next();
      if (bit < 0) return undefined;
      key = (key << 1) | bit;
      const found = code.get(key);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** A run of a color: words of 64 and more, then one of less. */
  run(color: 0 | 1): number | undefined {
    for (let total = 0; ;) {
      const part = this.word(RUNS[color]);
      if (part === undefined) return undefined;
      total += part;
      if (part < 64) return total;
    }
  }
}

/** Places where the color changes, the first to black. Undefined: no such row. */
function rowOfRuns(bits: Bits, width: number): number[] | undefined {
  const changes: number[] = [];
  for (let at = 0; at < width;) {
    const run = bits.run((changes.length & 1) as 0 | 1);
    if (run === undefined || at + run > width) return undefined;
    changes.push((at += run));
  }
  return changes;
}

function rowBelow(bits: Bits, width: number, above: readonly number[]): number[] | undefined {
  const changes: number[] = [];
  let at = -1;
  while (at < width) {
    const color = (changes.length & 1) as 0 | 1;
    // the next change above that leads away from this color
    let i = color;
    while (i < above.length && above[i]! <= at) i += 2;
    const [first, second] = [above[i] ?? width, above[i + 1] ?? width];
    const mode = bits.word(MODE);
    if (mode === undefined) return undefined;
    if (mode === 'pass') {
      at = second;
      continue;
    }
    const from = Math.max(at, 0);
    if (mode === 'runs') {
      const run = bits.run(color);
      const other = bits.run(color === 0 ? 1 : 0);
      if (run === undefined || other === undefined) return undefined;
      changes.push(from + run, from + run + other);
      at = from + run + other;
    } else {
      at = first + mode;
      if (at < from) return undefined;
      changes.push(at);
    }
    if (at > width) return undefined;
  }
  return changes;
}

function blacken(row: Uint8Array, changes: readonly number[], width: number): void {
  for (let i = 0; i < changes.length; i += 2)
    for (let x = changes[i]!; x < (changes[i + 1] ?? width); x++) row[x >> 3]! |= 0x80 >> (x & 7);
}
