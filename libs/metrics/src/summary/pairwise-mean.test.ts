import { describe, expect, it } from 'vitest';
import { meanOfNumbers, pairwiseMean } from './pairwise-mean.ts';

/** NumPy 1.24: n, mean, nanmean with every fourth value from the first not a number. */
const NUMPY: readonly (readonly [number, number, number])[] = [
  [1, 0.031093279839518557, Number.NaN],
  [5, 0.5947843530591774, 0.6616516215312603],
  [8, 0.4658976930792377, 0.4252758274824473],
  [11, 0.4829032552202061, 0.5322216649949849],
  [17, 0.4686412177709599, 0.46372450685389505],
  [130, 0.5070210631895687, 0.5045755824173552],
  [300, 0.4986626546305583, 0.4981611501170177],
];

describe('means as NumPy has them', () => {
  it.each(NUMPY)('%i values, to the last bit', (n, mean, meanOfRest) => {
    const values = Array.from({ length: n }, (_, i) => ((i * 7919 + n * 31) % 1000) / 997);
    expect(pairwiseMean(values)).toBe(mean);
    expect(meanOfNumbers(values.map((value, i) => (i % 4 === 0 ? Number.NaN : value)))).toBe(meanOfRest);
  });

  it('are no numbers without values, or with one that is none', () => {
    expect(pairwiseMean([])).toBeNaN();
    expect(pairwiseMean([1, Number.NaN])).toBeNaN();
    expect(meanOfNumbers([])).toBeNaN();
  });
});
