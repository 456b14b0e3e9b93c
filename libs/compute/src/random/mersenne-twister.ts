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
    let y = this.#words[this.#next++]!;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  #refill(): void {
    const words = this.#words;
    for (let i = 0; i < SIZE; i++) {
      const next = i + 1 < SIZE ? i + 1 : 0;
      const partner = i + SHIFT < SIZE ? i + SHIFT : i + SHIFT - SIZE;
      const y = (words[i]! & 0x80000000) | (words[next]! & 0x7fffffff);
      words[i] = words[partner]! ^ (y >>> 1) ^ (y & 1 ? TWIST : 0);
    }
    this.#next = 0;
  }
}
