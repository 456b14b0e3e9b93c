import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../errors.ts';
import { NumpyRandomState } from './numpy-random-state.ts';

interface Draws {
  readonly seed: number;
  readonly n: number;
  readonly first24: readonly number[];
}
const golden = JSON.parse(
  readFileSync(new URL('../../fixtures/random/numpy_legacy_rng.json', import.meta.url), 'utf8'),
) as {
  random_state_uint32_first10: Record<string, readonly number[]>;
  random_sample: Record<string, readonly number[]>;
  choice_with_replacement: readonly Draws[];
  choice_without_replacement: readonly Draws[];
  shuffle_arange: readonly { seed: number; n: number; out: readonly number[] }[];
};

describe('NumpyRandomState', () => {
  it('gives the words and doubles of NumPy', () => {
    for (const [seed, words] of Object.entries(golden.random_state_uint32_first10)) {
      const state = new NumpyRandomState(Number(seed));
      expect(words.map(() => state.word())).toEqual(words);
    }
    for (const [seed, samples] of Object.entries(golden.random_sample)) {
      const state = new NumpyRandomState(Number(seed));
      expect(samples.map(() => state.randomSample())).toEqual(samples);
    }
  });

  it.each(golden.choice_with_replacement)('chooses with replacement, seed $seed of $n', ({ seed, n, first24 }) => {
    expect([...new NumpyRandomState(seed).choiceWithReplacement(n, first24.length)]).toEqual(first24);
    const counts = new Uint32Array(n);
    new NumpyRandomState(seed).countChoices(first24.length, counts);
    const expected = new Uint32Array(n);
    for (const index of first24) expected[index]!++;
    expect(counts).toEqual(expected);
    // Counting leaves the generator where drawing one by one would.
    const [counted, drawn] = [new NumpyRandomState(seed), new NumpyRandomState(seed)];
    counted.countChoices(5000, counts);
    drawn.choiceWithReplacement(n, 5000);
    expect(counted.word()).toBe(drawn.word());
  });

  it.each(golden.choice_without_replacement)(
    'chooses without replacement, seed $seed of $n',
    ({ seed, n, first24 }) => {
      expect([...new NumpyRandomState(seed).choiceWithoutReplacement(n, first24.length)]).toEqual(first24);
    },
  );

  it.each(golden.shuffle_arange)('shuffles, seed $seed of $n', ({ seed, n, out }) => {
    const items = Array.from({ length: n }, (_, i) => i);
    new NumpyRandomState(seed).shuffle(items);
    expect(items).toEqual(out);
  });

  it('draws the normal numbers of NumPy', () => {
    // numpy.random.RandomState(1234).normal(size=4), NumPy 1.24
    const state = new NumpyRandomState(1234);
    const drawn = [1, 2, 3, 4].map(() => state.normal());
    [0.47143516373249306, -1.1909756947064645, 1.4327069684260973, -0.3126518960917129].forEach((x, i) =>
      expect(drawn[i]).toBeCloseTo(x, 14),
    );
  });

  it('refuses what cannot be drawn', () => {
    expect(() => new NumpyRandomState(-1)).toThrow(UsageError);
    expect(() => new NumpyRandomState(0).randint(3, 3)).toThrow(/low < high/);
    expect(() => new NumpyRandomState(0).choiceWithReplacement(0, 1)).toThrow(UsageError);
    expect(() => new NumpyRandomState(0).choiceWithoutReplacement(2, 3)).toThrow(/3 different items of 2/);
  });
});
