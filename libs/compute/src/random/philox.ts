/**
 * Philox 4x32-10: random numbers as a pure function of (key, counter). Any position can be reached at once, and any
 * number of independent streams made by name, which is what parallel and resumable work needs.
 *
 * Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
 */
import { UsageError } from '../errors.ts';
import { inverseNormal } from './inverse-normal.ts';
import type { Rng } from './rng.ts';

const ROUNDS = 10;
const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;
/** Third counter word of the blocks that make keys, so that they never meet the blocks that make numbers. */
const SPLIT_BY = { number: 1, string: 2 } as const;
const TWO_32 = 2 ** 32;

/** Where a generator stands. Plain JSON; `position` counts 32-bit words from the start of the stream. */
export interface PhiloxState {
  readonly key: readonly [number, number];
  readonly position: number;
}

export class Philox implements Rng {
  readonly #key: readonly [number, number];
  readonly #block = new Uint32Array(4);
  #blockIndex = -1;
  #position: number;

  /** `seed`: a whole number, 0 … 2^53 - 1, or a state that `state` gave. Throws: UsageError. */
  constructor(seed: number | PhiloxState) {
    const state = typeof seed === 'number' ? { key: halves(seed, 'seed'), position: 0 } : seed;
    this.#key = [state.key[0] >>> 0, state.key[1] >>> 0];
    this.#position = requireWhole(state.position, 'position');
  }

  /** Where this generator stands; `new Philox(state)` goes on from there. */
  get state(): PhiloxState {
    return { key: this.#key, position: this.#position };
  }

  /** The same stream, at word `counter` (a uniform or normal number takes two words). This one does not move. */
  at(counter: number): Philox {
    return new Philox({ key: this.#key, position: counter });
  }

  /** An independent stream, a function of this stream's key and `key` alone: it does not depend on what was drawn. */
  split(key: number | string): Philox {
    const [low, high] = typeof key === 'number' ? halves(key, 'split key') : hash(key);
    const block = new Uint32Array([low, high, SPLIT_BY[typeof key as 'number' | 'string'], 0]);
    philox(block, this.#key);
    return new Philox({ key: [block[0]!, block[1]!], position: 0 });
  }

  /** The next 32-bit word. */
  word(): number {
    const index = Math.floor(this.#position / 4);
    if (index !== this.#blockIndex) this.#load(index);
    return this.#block[this.#position++ - 4 * index]!;
  }

  /** A number in [low, high), 53 random bits. */
  uniform(low = 0, high = 1): number {
    const unit = ((this.word() >>> 5) * 67108864 + (this.word() >>> 6)) / 9007199254740992;
    return low + (high - low) * unit;
  }

  /** A normally distributed number; the same bits in every engine. */
  normal(mean = 0, standardDeviation = 1): number {
    // The half step keeps the probability strictly inside (0, 1).
    const p = ((this.word() >>> 5) * 67108864 + (this.word() >>> 6) + 0.5) / 9007199254740992;
    return mean + standardDeviation * inverseNormal(Math.min(p, 1 - 2 ** -53));
  }

  /** A whole number in [low, high), without bias. Throws: UsageError if the interval is empty or wider than 2^32. */
  integer(low: number, high: number): number {
    const count = high - low;
    if (!Number.isInteger(low) || !Number.isInteger(count) || count < 1 || count > TWO_32)
      throw new UsageError(
        `Philox.integer: expects whole numbers low < high at most 2^32 apart, came [${low}, ${high}).`,
        { low, high },
      );
    const limit = TWO_32 - (TWO_32 % count);
    for (;;) {
      const word = this.word();
      if (word < limit) return low + (word % count);
    }
  }

  /** 0 … n - 1 in random order. */
  permutation(n: number): Uint32Array {
    const order = Uint32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.integer(0, i + 1);
      const held = order[i]!;
      order[i] = order[j]!;
      order[j] = held;
    }
    return order;
  }

  #load(index: number): void {
    const block = this.#block;
    block[0] = index;
    block[1] = index < TWO_32 ? 0 : Math.floor(index / TWO_32);
    block[2] = 0;
    block[3] = 0;
    philox(block, this.#key);
    this.#blockIndex = index;
  }
}

/** Ten rounds over a block of four words, in place. */
export function philox(block: Uint32Array, key: readonly [number, number]): void {
  let k0 = key[0];
  let k1 = key[1];
  let c0 = block[0]!;
  let c1 = block[1]!;
  let c2 = block[2]!;
  let c3 = block[3]!;
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(M0, c0);
    const high1 = multiplyHigh(M1, c2);
    const low0 = Math.imul(M0, c0);
    c0 = high1 ^ c1 ^ k0;
    c1 = Math.imul(M1, c2);
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + W0) | 0;
    k1 = (k1 + W1) | 0;
  }
  block[0] = c0;
  block[1] = c1;
  block[2] = c2;
  block[3] = c3;
}

/** The upper 32 bits of the 64-bit product of two unsigned words. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = (Math.imul(aHigh, bLow) >>> 0) + (Math.imul(aLow, bLow) >>> 16);
  // Both sums stay below 2^32: (2^16 - 1)^2 + 2^16 - 1.
  const carry = (Math.imul(aLow, bHigh) >>> 0) + (middle & 0xffff);
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + (carry >>> 16)) | 0;
}

function halves(value: number, what: string): readonly [number, number] {
  requireWhole(value, what);
  return [value >>> 0, Math.floor(value / TWO_32)];
}

function requireWhole(value: number, what: string): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new UsageError(`Philox: ${what} must be a whole number from 0 to 2^53 - 1, came ${value}.`, { [what]: value });
}

/** Two FNV-1a hashes of the UTF-16 units with different bases. */
function hash(text: string): readonly [number, number] {
  let a = 0x811c9dc5;
  let b = 0x9e3779b9;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    a = Math.imul(a ^ unit, 0x01000193);
    b = Math.imul(b ^ unit ^ (i << 16), 0x01000193);
  }
  return [a >>> 0, b >>> 0];
}
