/**
 * NumPy's legacy `RandomState`, draw for draw: what nnU-Net's splits, intensity samples and class locations come from.
 *
 * Source: NumPy's documented legacy generator (MT19937; masked rejection for bounded integers, Fisher-Yates from the
 * end for shuffles, two words per double). Only what the references draw is here.
 */
import { UsageError } from '../errors.ts';
import { MersenneTwister } from './mersenne-twister.ts';

const TWO_32 = 2 ** 32;

export class NumpyRandomState {
  readonly #twister: MersenneTwister;
  /** The legacy normal generator makes two numbers at a time; the second waits here. */
  #waitingNormal: number | undefined;

  /** `seed`: a whole number, 0 … 2^32 - 1. Throws: UsageError. */
  constructor(seed: number) {
    if (!Number.isInteger(seed) || seed < 0 || seed >= TWO_32)
      throw new UsageError(`NumpyRandomState: seed must be a whole number from 0 to 2^32 - 1, came ${seed}.`, { seed });
    this.#twister = new MersenneTwister(seed);
  }

  /** The next raw 32-bit word. */
  word(): number {
    return this.#twister.word();
  }

  /** A whole number in [0, max], by masked rejection. `max` = 0 draws nothing. */
  bounded(max: number): number {
    if (max === 0) return 0;
    const mask = maskOver(max);
    for (;;) {
      const value = (this.#twister.word() & mask) >>> 0;
      if (value <= max) return value;
    }
  }

  /** A whole number in [low, high). Throws: UsageError if the interval is empty or spans more than 2^32 numbers. */
  randint(low: number, high: number): number {
    const span = high - low - 1;
    if (!Number.isInteger(low) || !Number.isInteger(span) || span < 0 || span >= TWO_32)
      throw new UsageError(`NumpyRandomState.randint: expects whole numbers low < high, came [${low}, ${high}).`, {
        low,
        high,
      });
    return low + this.bounded(span);
  }

  /** `count` indices in [0, n), with replacement. Throws: UsageError if n is 0 and something is to be drawn. */
  choiceWithReplacement(n: number, count: number): Uint32Array {
    const drawn = new Uint32Array(count);
    if (count > 0) this.visitChoices(n, count, (index, i) => (drawn[i] = index));
    return drawn;
  }

  /** The same draws as `choiceWithReplacement`, handed over one by one instead of stored. */
  visitChoices(n: number, count: number, visit: (index: number, draw: number) => void): void {
    requireItems(n, 'choiceWithReplacement');
    for (let i = 0; i < count; i++) visit(this.bounded(n - 1), i);
  }

  /** Adds one to `counts[index]` for each of `draws` choices with replacement among `counts.length` indices. */
  countChoices(draws: number, counts: Uint32Array): void {
    requireItems(counts.length, 'countChoices');
    const max = counts.length - 1;
    if (max === 0) counts[0]! += draws;
    if (max === 0) return;
    const mask = maskOver(max);
    for (let left = draws; left > 0;) {
      const words = this.#twister.words();
      let used = 0;
      while (used < words.length && left > 0) {
        const value = (words[used++]! & mask) >>> 0;
        if (value > max) continue;
        counts[value]!++;
        left--;
      }
      this.#twister.giveBack(words.length - used);
    }
  }

  /** `count` different indices in [0, n): the head of a permutation. Throws: UsageError if there are fewer than `count`. */
  choiceWithoutReplacement(n: number, count: number): Uint32Array {
    if (count > n)
      throw new UsageError(`NumpyRandomState.choiceWithoutReplacement: cannot take ${count} different items of ${n}.`, {
        n,
        count,
      });
    return this.permutation(n).slice(0, count);
  }

  /** 0 … n - 1 in random order. */
  permutation(n: number): Uint32Array {
    const order = Uint32Array.from({ length: n }, (_, i) => i);
    this.shuffle(order);
    return order;
  }

  /** Shuffles in place. */
  shuffle(items: { length: number; [index: number]: unknown }): void {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.bounded(i);
      const held = items[i];
      items[i] = items[j];
      items[j] = held;
    }
  }

  /** A number in [0, 1), 53 random bits from two words. */
  randomSample(): number {
    const high = this.#twister.word() >>> 5;
    const low = this.#twister.word() >>> 6;
    return (high * 67108864 + low) / 9007199254740992;
  }

  /** A number in [low, high). */
  uniform(low = 0, high = 1): number {
    return low + (high - low) * this.randomSample();
  }

  /** A normally distributed number, by Marsaglia's polar method as the legacy generator does it. */
  normal(mean = 0, standardDeviation = 1): number {
    return mean + standardDeviation * this.#standardNormal();
  }

  #standardNormal(): number {
    if (this.#waitingNormal !== undefined) {
      const waiting = this.#waitingNormal;
      this.#waitingNormal = undefined;
      return waiting;
    }
    for (;;) {
      const x = 2 * this.randomSample() - 1;
      const y = 2 * this.randomSample() - 1;
      const square = x * x + y * y;
      if (square >= 1 || square === 0) continue;
      const factor = Math.sqrt((-2 * Math.log(square)) / square);
      this.#waitingNormal = factor * x;
      return factor * y;
    }
  }
}

/** The smallest 2^k - 1 that is not below `max`. */
function maskOver(max: number): number {
  return 0xffffffff >>> Math.clz32(max);
}

function requireItems(n: number, from: string): void {
  if (!Number.isInteger(n) || n < 1 || n > TWO_32)
    throw new UsageError(`NumpyRandomState.${from}: expects 1 to 2^32 items to draw from, came ${n}.`, { n });
}
