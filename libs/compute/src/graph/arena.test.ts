import { expect, it } from 'vitest';
import { Philox } from '../random/philox.ts';
import { planArena, type Lifetime } from './arena.ts';

it('never lets two live buffers overlap, and reuses memory', () => {
  const rng = new Philox(5);
  for (let round = 0; round < 50; round++) {
    const lifetimes: Lifetime[] = Array.from({ length: 40 }, () => {
      const first = rng.integer(0, 30);
      return { bytes: rng.integer(1, 1000), first, last: first + rng.integer(0, 6) };
    });
    const { offsets, bytes } = planArena(lifetimes, 64);
    let most = 0;
    for (let step = 0; step < 40; step++) {
      const alive = lifetimes
        .map((life, k) => ({ ...life, from: offsets[k] }))
        .filter(({ first, last }) => first <= step && step <= last);
      alive.sort((a, b) => a.from - b.from);
      alive.forEach((life, k) => {
        expect(life.from % 64).toBe(0);
        if (k > 0) expect(life.from).toBeGreaterThanOrEqual(alive[k - 1].from + alive[k - 1].bytes);
        expect(life.from + life.bytes).toBeLessThanOrEqual(bytes);
      });
      most = Math.max(
        most,
        alive.reduce((sum, life) => sum + Math.ceil(life.bytes / 64) * 64, 0),
      );
    }
    // Never less than what is alive at once; the greedy plan stays near it.
    expect(bytes).toBeGreaterThanOrEqual(most);
    expect(bytes).toBeLessThan(2 * most);
  }
});
