/** Overlap scores from voxel counts. Nothing in either mask: NaN, unless said otherwise. */
import type { Confusion } from './confusion.ts';

/** 2 |P ∩ G| / (|P| + |G|). */
export function dice({ truePositives, falsePositives, falseNegatives }: Confusion): number {
  return (2 * truePositives) / (2 * truePositives + falsePositives + falseNegatives);
}

/** |P ∩ G| / |P ∪ G|. */
export function intersectionOverUnion({ truePositives, falsePositives, falseNegatives }: Confusion): number {
  return truePositives / (truePositives + falsePositives + falseNegatives);
}

/** What becomes of a class the reference does not have: `nan` as MONAI's default, `score` 1 if nothing is predicted, else 0. */
export type EmptyReference = 'nan' | 'score';

/** Dice as MONAI computes it: an empty reference is NaN whatever is predicted, or scored. */
export function diceOrEmpty(confusion: Confusion, empty: EmptyReference): number {
  return emptyReference(confusion, empty) ?? dice(confusion);
}

/** Intersection over union with MONAI's rule for an empty reference. */
export function iouOrEmpty(confusion: Confusion, empty: EmptyReference): number {
  return emptyReference(confusion, empty) ?? intersectionOverUnion(confusion);
}

function emptyReference(confusion: Confusion, empty: EmptyReference): number | undefined {
  if (confusion.truePositives + confusion.falseNegatives > 0) return undefined;
  if (empty === 'nan') return Number.NaN;
  return confusion.falsePositives === 0 ? 1 : 0;
}

/** Ratios of the four counts; 0 / 0 is NaN. */
export const confusionRates = {
  sensitivity: (c: Confusion) => c.truePositives / (c.truePositives + c.falseNegatives),
  specificity: (c: Confusion) => c.trueNegatives / (c.trueNegatives + c.falsePositives),
  precision: (c: Confusion) => c.truePositives / (c.truePositives + c.falsePositives),
  negativePredictiveValue: (c: Confusion) => c.trueNegatives / (c.trueNegatives + c.falseNegatives),
  accuracy: (c: Confusion) =>
    (c.truePositives + c.trueNegatives) / (c.truePositives + c.falsePositives + c.falseNegatives + c.trueNegatives),
  f1: dice,
} as const satisfies Record<string, (confusion: Confusion) => number>;

/**
 * Generalized Dice over several classes, each weighted by 1 / |G|² (the largest weight where G is empty).
 *
 * Source: Sudre 2017, with MONAI's handling of empty classes. Both sides empty: 1.
 */
export function generalizedDice(classes: readonly Confusion[]): number {
  const weights = classes.map((c) => 1 / (c.truePositives + c.falseNegatives) ** 2);
  const largest = Math.max(0, ...weights.filter(Number.isFinite));
  let [shared, all] = [0, 0];
  classes.forEach((c, i) => {
    const weight = Number.isFinite(weights[i]) ? weights[i]! : largest;
    shared += weight * 2 * c.truePositives;
    all += weight * (2 * c.truePositives + c.falsePositives + c.falseNegatives);
  });
  if (all > 0) return shared / all;
  return classes.every((c) => c.falsePositives + c.truePositives === 0) ? 1 : 0;
}

export type Reduction = 'mean' | 'sum' | 'meanPerClass' | 'sumPerClass' | 'meanPerCase' | 'sumPerCase';

/** Reduced scores and how many of those that went in were numbers. */
export interface Reduced {
  readonly scores: readonly number[];
  readonly counts: readonly number[];
}

/**
 * Reduces scores [case][class], leaving NaN out, as MONAI's metrics do: `mean` first over the classes of a case, then
 * over the cases that have any. Where everything is NaN the result is 0 with a count of 0.
 */
export function reduceScores(scores: readonly (readonly number[])[], reduction: Reduction): Reduced {
  const columns = (scores[0] ?? []).map((_, k) => scores.map((row) => row[k]!));
  const lines = reduction.endsWith('PerClass') ? columns : scores;
  const perLine = lines.map((line) => {
    const numbers = line.filter((score) => !Number.isNaN(score));
    const sum = numbers.reduce((a, b) => a + b, 0);
    const mean = reduction.startsWith('mean') && numbers.length > 0;
    return { score: mean ? sum / numbers.length : sum, count: numbers.length };
  });
  if (reduction.includes('Per')) return { scores: perLine.map((l) => l.score), counts: perLine.map((l) => l.count) };
  if (reduction === 'sum')
    return { scores: [total(perLine.map((l) => l.score))], counts: [total(perLine.map((l) => l.count))] };
  const valid = perLine.filter((l) => l.count > 0);
  return { scores: [valid.length > 0 ? total(valid.map((l) => l.score)) / valid.length : 0], counts: [valid.length] };
}

function total(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}
