import { describe, expect, it } from 'vitest';
import { UsageError } from '../errors.ts';
import { inverseNormal } from './inverse-normal.ts';
import { Philox, philox } from './philox.ts';

describe('Philox', () => {
  it.each([
    // Known answers distributed with Random123 (Salmon et al. 2011).
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ])('gives the published answer for %j', (counter, key, answer) => {
    const block = new Uint32Array(counter);
    philox(block, key as [number, number]);
    expect([...block]).toEqual(answer);
  });

  it('reaches any position at once, and resumes from its state', () => {
    const rng = new Philox(7);
    const words = Array.from({ length: 11 }, () => rng.word());
    expect(new Philox(7).at(9).word()).toBe(words[9]);
    const resumed = new Philox(JSON.parse(JSON.stringify(rng.state)) as Philox['state']);
    expect(resumed.normal()).toBe(rng.normal());
  });

  it('splits into streams that depend on the key, not on what was drawn', () => {
    const rng = new Philox(7);
    const before = rng.split('noise').word();
    rng.uniform();
    expect(rng.split('noise').word()).toBe(before);
    const first = ['noise', 'blur', 0, 1, '0', 'noisf'].map((key) => rng.split(key).word());
    expect(new Set(first).size).toBe(first.length);
  });

  it('is uniform: chi-square of 64 bins over 64,000 numbers stays below the 99.9 % point', () => {
    const bins = new Float64Array(64);
    const rng = new Philox(2024);
    for (let i = 0; i < 64_000; i++) bins[Math.floor(rng.uniform() * 64)]!++;
    const chiSquare = bins.reduce((sum, n) => sum + (n - 1000) ** 2 / 1000, 0);
    expect(chiSquare).toBeLessThan(103.4);
  });

  it('is normal: moments of 100,000 numbers within four standard errors', () => {
    const rng = new Philox(5);
    const n = 100_000;
    let sum = 0;
    let squares = 0;
    let fourth = 0;
    for (let i = 0; i < n; i++) {
      const x = rng.normal();
      sum += x;
      squares += x * x;
      fourth += x ** 4;
    }
    expect(Math.abs(sum / n)).toBeLessThan(4 / Math.sqrt(n));
    expect(Math.abs(squares / n - 1)).toBeLessThan(4 * Math.sqrt(2 / n));
    expect(Math.abs(fourth / n - 3)).toBeLessThan(4 * Math.sqrt(96 / n));
  });

  it('draws whole numbers without bias, and permutations of everything', () => {
    const rng = new Philox(3);
    const counts = [0, 0, 0, 0, 0];
    for (let i = 0; i < 50_000; i++) counts[rng.integer(-2, 3) + 2]!++;
    for (const n of counts) expect(Math.abs(n - 10_000)).toBeLessThan(400);
    expect([...rng.permutation(50)].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i));
  });

  it('refuses what cannot be drawn', () => {
    expect(() => new Philox(1.5)).toThrow(UsageError);
    expect(() => new Philox(1).integer(2, 2)).toThrow(/low < high/);
    expect(() => new Philox(1).at(-1)).toThrow(/position/);
  });
});

describe('inverseNormal', () => {
  it.each([
    // scipy.special.ndtri, SciPy 1.10
    [0.5, 0],
    [0.975, 1.959963984540054],
    [0.1, -1.2815515655446004],
    [1e-5, -4.264890793922825],
    [1e-12, -7.034483825301131],
    [1 - 2 ** -53, 8.209536151601387],
  ])('of %d', (p, x) => expect(inverseNormal(p)).toBeCloseTo(x, 12));
});
