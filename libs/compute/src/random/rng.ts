/** The noun every random decision is made through: a seeded source of numbers that can be split by name. */

/**
 * A seeded source of random numbers. Two sources made from the same seed give the same numbers on every machine.
 *
 * `split` makes an independent source for a named purpose without advancing this one, so that adding a draw in one
 * place never changes the draws of another.
 */
export interface Rng {
  /** A number in [low, high), 53 random bits. */
  uniform(low?: number, high?: number): number;
  /** A normally distributed number. */
  normal(mean?: number, standardDeviation?: number): number;
  /** A whole number in [low, high). */
  integer(low: number, high: number): number;
  /** An independent source, the same for the same key. */
  split(key: number | string): Rng;
}
