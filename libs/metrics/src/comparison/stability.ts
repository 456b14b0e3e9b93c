/** One prediction against several people's annotations of the same case: how much the score depends on whom one asks. */
import { ScoreError } from '../errors.ts';
import { type LabelOrRegion, LabelPairs } from '../overlap/confusion.ts';
import { dice } from '../overlap/overlap.ts';
import { scoreKey } from '../summary/summary.ts';

export interface StabilityOptions {
  readonly labels: readonly LabelOrRegion[];
  readonly ignoreLabel?: number;
  /** Range of Dice over annotations up to which a score counts as stable. Default 0.05. */
  readonly largestRange?: number;
}

/** Mean, population standard deviation and extremes. */
export interface Spread {
  readonly mean: number;
  readonly standardDeviation: number;
  readonly min: number;
  readonly max: number;
}

export interface Stability {
  /** Dice against each annotation, in their order; NaN where neither has the class. */
  readonly dice: readonly number[];
  readonly spread: Spread;
  /** Dice between every two annotations. */
  readonly betweenRaters: Spread;
  /**
   * `stable`: the range over annotations is within the limit. `as raters differ`: wider, but the prediction agrees with
   * the annotations no worse than the annotator who agrees least with the others. `unstable`: neither. `absent`: nobody has the class.
   */
  readonly verdict: 'stable' | 'as raters differ' | 'unstable' | 'absent';
}

/** By class or region. Throws: ScoreError if there are fewer than two annotations, or they are not on the prediction's grid. */
export function stability(
  prediction: ArrayLike<number>,
  annotations: readonly ArrayLike<number>[],
  options: StabilityOptions,
): Record<string, Stability> {
  const { labels, ignoreLabel, largestRange = 0.05 } = options;
  if (annotations.length < 2)
    throw new ScoreError(`stability: needs two or more annotations, came ${annotations.length}.`, {
      annotations: annotations.length,
    });
  const against = annotations.map((annotation) => new LabelPairs(prediction, annotation, ignoreLabel));
  const between = annotations.map((a, i) =>
    annotations.map((b, j) => (i < j ? new LabelPairs(a, b, ignoreLabel) : undefined)),
  );
  const scored = labels.map((label): [string, Stability] => {
    const own = against.map((pairs) => dice(pairs.confusion(label)));
    const raters = between.map((row) =>
      row.map((pairs) => (pairs === undefined ? Number.NaN : dice(pairs.confusion(label)))),
    );
    const spread = spreadOf(own);
    const worstRater = Math.min(
      ...raters.map((_, i) => spreadOf(raters.flatMap((row, j) => row.filter((__, k) => j === i || k === i))).mean),
    );
    const verdict = verdictOf(spread, worstRater, largestRange);
    return [scoreKey(label), { dice: own, spread, betweenRaters: spreadOf(raters.flat()), verdict }];
  });
  return Object.fromEntries(scored);
}

function verdictOf({ mean, min, max }: Spread, worstRater: number, largestRange: number): Stability['verdict'] {
  if (Number.isNaN(mean)) return 'absent';
  if (max - min <= largestRange) return 'stable';
  return mean >= worstRater ? 'as raters differ' : 'unstable';
}

function spreadOf(values: readonly number[]): Spread {
  const numbers = values.filter((value) => !Number.isNaN(value));
  if (numbers.length === 0)
    return { mean: Number.NaN, standardDeviation: Number.NaN, min: Number.NaN, max: Number.NaN };
  const mean = numbers.reduce((a, b) => a + b, 0) / numbers.length;
  const variance = numbers.reduce((sum, value) => sum + (value - mean) ** 2, 0) / numbers.length;
  return { mean, standardDeviation: Math.sqrt(variance), min: Math.min(...numbers), max: Math.max(...numbers) };
}
