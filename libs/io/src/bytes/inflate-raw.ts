/**
 * Raw deflate (RFC 1951) in plain code: for callers in a browser that cannot wait for its streams. Node's zlib is faster, and so are
 * those streams.
 */

/** Why bytes are no deflate stream, in the words of an error's cause. */
class DamagedStream extends Error {}
/** The stream goes on beyond the bytes that were allowed. */
export class LongerThanAllowed extends Error {}

/** Codes of up to `bits` bits, as they come from the stream: symbol × 16 + length of its code; 0 where no code begins so. */
interface Codes {
  readonly bits: number;
  readonly table: Uint16Array;
}

const MOST_BITS = 15;
const END_OF_BLOCK = 256;
/** The order in which the lengths of the codes for lengths come. */
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

function codesOf(lengths: Uint8Array): Codes {
  const counts = new Uint16Array(MOST_BITS + 1);
  for (const length of lengths) counts[length]!++;
  counts[0] = 0;
  let bits = MOST_BITS;
  while (bits > 1 && counts[bits] === 0) bits--;
  const next = new Uint16Array(MOST_BITS + 2);
  for (let length = 1; length <= MOST_BITS; length++) {
    next[length + 1] = (next[length]! + counts[length]!) << 1;
    if (next[length]! + counts[length]! > 1 << length) throw new DamagedStream('more codes than their lengths allow');
  }
  const table = new Uint16Array(1 << bits);
  for (const [symbol, length] of lengths.entries()) {
    if (length === 0) continue;
    let reversed = 0;
    for (let bit = 0, code = next[length]!++; bit < length; bit++, code >>= 1) reversed = (reversed << 1) | (code & 1);
    for (let at = reversed; at < table.length; at += 1 << length) table[at] = symbol * 16 + length;
  }
  return { bits, table };
}

/** First length or distance of each symbol, and how many bits are added to it. */
function steps(count: number, perStep: number, first: number): readonly (readonly [number, number])[] {
  const list: [number, number][] = [];
  for (let symbol = 0, base = first; symbol < count; symbol++) {
    const extra = Math.max(0, Math.floor(symbol / perStep) - 1);
    list.push([base, extra]);
    base += 1 << extra;
  }
  return list;
}

interface Tables {
  readonly lengths: readonly (readonly [number, number])[];
  readonly distances: readonly (readonly [number, number])[];
  readonly literals: Codes;
  readonly places: Codes;
}

let made: Tables | undefined;

/** What every stream is read with, made when there is one. */
function tables(): Tables {
  if (made !== undefined) return made;
  const fixed = new Uint8Array(288).fill(8);
  fixed.fill(9, 144, 256).fill(7, 256, 280);
  // The last length has a symbol of its own, without bits to add.
  const lengths = [...steps(28, 4, 3), [258, 0] as const];
  return (made = {
    lengths,
    distances: steps(30, 2, 1),
    literals: codesOf(fixed),
    places: codesOf(new Uint8Array(30).fill(5)),
  });
}

class Inflater {
  private at = 0;
  private hold = 0;
  private held = 0;
  private out: Uint8Array;
  private done = 0;
  private readonly packed: Uint8Array;
  private readonly most: number;
  constructor(packed: Uint8Array, most: number) {
    this.packed = packed;
    this.most = most;
    this.out = new Uint8Array(Math.min(most, packed.length * 4 + 1024));
  }

  run(): Uint8Array {
    for (let isLast = 0; isLast === 0;) {
      isLast = this.take(1);
      const kind = this.take(2);
      if (kind === 0) this.stored();
      else if (kind === 1) this.block(tables().literals, tables().places);
      else if (kind === 2) this.dynamic();
      else throw new DamagedStream('a block of no known kind');
    }
    return this.done === this.out.length ? this.out : this.out.slice(0, this.done);
  }

  private take(bits: number): number {
    while (this.held < bits) {
      if (this.at >= this.packed.length) throw new DamagedStream('ends within a block');
      this.hold |= this.packed[this.at++]! << this.held;
      this.held += 8;
    }
    const value = this.hold & ((1 << bits) - 1);
    this.hold >>>= bits;
    this.held -= bits;
    return value;
  }

  private symbol({ bits, table }: Codes): number {
    while (this.held < bits && this.at < this.packed.length) {
      this.hold |= this.packed[this.at++]! << this.held;
      this.held += 8;
    }
    const entry = table[this.hold & ((1 << bits) - 1)]!;
    const length = entry & 15;
    if (length === 0 || length > this.held) throw new DamagedStream('no code begins with these bits');
    this.hold >>>= length;
    this.held -= length;
    return entry >> 4;
  }

  /** Makes room for `more` bytes. */
  private grow(more: number): void {
    if (this.done + more > this.most) throw new LongerThanAllowed();
    if (this.done + more <= this.out.length) return;
    const larger = new Uint8Array(Math.min(this.most, Math.max(this.out.length * 2, this.done + more)));
    larger.set(this.out.subarray(0, this.done));
    this.out = larger;
  }

  private stored(): void {
    // Whole bytes that were looked at ahead go back.
    this.at -= this.held >> 3;
    this.hold = this.held = 0;
    const length = this.take(16);
    if ((this.take(16) ^ length) !== 0xffff) throw new DamagedStream('the length of a stored block is damaged');
    if (this.at + length > this.packed.length) throw new DamagedStream('ends within a stored block');
    this.grow(length);
    this.out.set(this.packed.subarray(this.at, this.at + length), this.done);
    this.at += length;
    this.done += length;
  }

  private dynamic(): void {
    const literals = this.take(5) + 257;
    const places = this.take(5) + 1;
    const count = this.take(4) + 4;
    const of = new Uint8Array(19);
    for (let i = 0; i < count; i++) of[ORDER[i]!] = this.take(3);
    const codes = codesOf(of);
    const lengths = new Uint8Array(literals + places);
    for (let i = 0; i < lengths.length;) {
      const symbol = this.symbol(codes);
      if (symbol < 16) {
        lengths[i++] = symbol;
        continue;
      }
      if (symbol === 16 && i === 0) throw new DamagedStream('repeats a length before the first');
      const times = symbol === 16 ? this.take(2) + 3 : symbol === 17 ? this.take(3) + 3 : this.take(7) + 11;
      if (i + times > lengths.length) throw new DamagedStream('more lengths of codes than were announced');
      lengths.fill(symbol === 16 ? lengths[i - 1]! : 0, i, i + times);
      i += times;
    }
    this.block(codesOf(lengths.subarray(0, literals)), codesOf(lengths.subarray(literals)));
  }

  private block(literals: Codes, places: Codes): void {
    const { lengths, distances } = tables();
    for (;;) {
      const symbol = this.symbol(literals);
      if (symbol < END_OF_BLOCK) {
        if (this.done === this.out.length) this.grow(1);
        this.out[this.done++] = symbol;
        continue;
      }
      if (symbol === END_OF_BLOCK) return;
      const step = lengths[symbol - END_OF_BLOCK - 1];
      if (step === undefined) throw new DamagedStream('a length of no known code');
      const length = step[0] + this.take(step[1]);
      const place = distances[this.symbol(places)];
      if (place === undefined) throw new DamagedStream('a distance of no known code');
      const distance = place[0] + this.take(place[1]);
      if (distance > this.done) throw new DamagedStream('repeats what is before the beginning');
      this.grow(length);
      const { out } = this;
      for (let to = this.done, end = to + length; to < end; to++) out[to] = out[to - distance]!;
      this.done += length;
    }
  }
}

/**
 * Unpacks a raw deflate stream; what follows it is left alone. Throws: LongerThanAllowed beyond `most` bytes, Error where it is damaged or
 * ends early.
 */
export function inflateRawBytes(packed: Uint8Array, most: number): Uint8Array {
  return new Inflater(packed, most).run();
}
