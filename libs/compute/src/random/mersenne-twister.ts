/**
 * MT19937, the Mersenne Twister: 32-bit words with period 2^19937 - 1.
 *
 * Source: Matsumoto & Nishimura, ACM TOMACS 8(1), 1998 (with the 2002 initialization).
 */

const SIZE = 624;
const SHIFT = 397;
const TWIST = 0x9908b0df;

/** A stream of 32-bit words from one 32-bit seed. */
export class MersenneTwister {
  readonly #words = new Uint32Array(SIZE);
  readonly #output = new Uint32Array(SIZE);
  #next = SIZE;

  constructor(seed: number) {
    const words = this.#words;
    words[0] = seed;
    for (let i = 1; i < SIZE; i++) {
      const previous = words[i - 1]! ^ (words[i - 1]! >>> 30);
      words[i] = Math.imul(1812433253, previous) + i;
    }
  }

  /** The next word, 0 … 2^32 - 1. */
  word(): number {
    if (this.#next === SIZE) this.#refill();
    return this.#output[this.#next++]!;
  }

  /** The words up to the next refill, at least one: for loops that draw many. All of them count as drawn. */
  words(): Uint32Array {
    if (this.#next === SIZE) this.#refill();
    const words = this.#output.subarray(this.#next);
    this.#next = SIZE;
    return words;
  }

  /** Takes back the last `count` words that `words` handed out. */
  giveBack(count: number): void {
    this.#next -= count;
  }

  #refill(): void {
    const words = this.#words;
    for (let i = 0; i < SIZE - SHIFT; i++) words[i] = words[i + SHIFT]! ^ twist(words[i]!, words[i + 1]!);
    for (let i = SIZE - SHIFT; i < SIZE - 1; i++) words[i] = words[i + SHIFT - SIZE]! ^ twist(words[i]!, words[i + 1]!);
    words[SIZE - 1] = words[SHIFT - 1]! ^ twist(words[SIZE - 1]!, words[0]!);
    for (let i = 0; i < SIZE; i++) this.#output[i] = temper(words[i]!);
    this.#next = 0;
  }
}

function twist(upper: number, lower: number): number {
  const y = (upper & 0x80000000) | (lower & 0x7fffffff);
  return (y >>> 1) ^ (-(y & 1) & TWIST);
}

function temper(word: number): number {
  let y = word ^ (word >>> 11);
  y ^= (y << 7) & 0x9d2c5680;
  y ^= (y << 15) & 0xefc60000;
  return y ^ (y >>> 18);
}
