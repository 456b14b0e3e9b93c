import { expect, it } from 'vitest';
import { foldSeconds, reserve } from './shares.ts';

const budget = 3600;
const rest = { budget, predictionSeconds: 100 };

it('gives every fold of every configuration the same time, and ends inside the budget', () => {
  let spent = 60;
  const given: number[] = [];
  for (let configurations = 2; configurations > 0; configurations--)
    for (let foldsLeft = 5; foldsLeft > 0; foldsLeft--) {
      const seconds = foldSeconds({ ...rest, spent, configurations, folds: 5, foldsLeft });
      given.push(seconds);
      // Predictions take as long as they may.
      spent += seconds + (1.5 * rest.predictionSeconds) / 5;
    }
  for (const seconds of given) expect(seconds).toBeCloseTo(given[0]!, 6);
  expect(spent).toBeCloseTo(budget - reserve(budget), 6);
});

it('hands what a fold left over to those after it', () => {
  const early = foldSeconds({ ...rest, spent: 600, configurations: 1, folds: 5, foldsLeft: 4 });
  const late = foldSeconds({ ...rest, spent: 900, configurations: 1, folds: 5, foldsLeft: 4 });
  expect(early - late).toBeCloseTo(75, 6);
});
