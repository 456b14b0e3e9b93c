/**
 * Whether one model is better than another on the same cases, or the difference is noise: a paired bootstrap.
 *
 * Source: Efron & Tibshirani, An Introduction to the Bootstrap, 1993 (percentile interval).
 */
import { ScoreError } from '../errors.ts';
import type { Summary } from '../summary/summary.ts';

/** A seeded source of whole numbers in [low, high), such as compute's `Philox`. */
export interface IntegerSource {
  integer(low: number, high: number): number;
}

export interface CompareOptions {
  readonly random: IntegerSource;
  /** Resampled sets of cases. Default 1,000. */
  readonly draws?: number;
  /** Default 0.95. */
  readonly confidence?: number;
  /** Greater scores are better (Dice), or smaller (distances). Default true. */
  readonly greaterIsBetter?: boolean;
}

export interface Comparison {
  /** Cases with a score on both sides. */
  readonly cases: number;
  /** Infinite scores that were compared as the largest finite one. */
  readonly bounded: number;
  readonly meanA: number;
  readonly meanB: number;
  /** Mean of A - B over cases. */
  readonly difference: number;
  /** Confidence interval of the difference. */
  readonly interval: readonly [number, number];
  /** Share of the draws in which A's mean is the better one; ties count half. */
  readonly shareABetter: number;
  /** `noise`: the interval holds 0. */
  readonly verdict: 'A is better' | 'B is better' | 'noise';
}

/**
 * Compares paired scores, one per case; pairs with a NaN on either side are left out, and infinite distances compare
 * as the largest finite score on either side. Throws: ScoreError if the lists differ in length or fewer than two pairs remain.
 */
export function comparePaired(a: readonly number[], b: readonly number[], options: CompareOptions): Comparison {
  const { random, draws = 1000, confidence = 0.95, greaterIsBetter = true } = options;
  if (a.length !== b.length)
    throw new ScoreError(`compare: ${a.length} scores of A and ${b.length} of B; both must be for the same cases.`, {
      a: a.length,
      b: b.length,
    });
  const finite = [...a, ...b].filter(Number.isFinite);
  const cap = Math.max(...finite.map(Math.abs), 0);
  const bounded = (x: number): number => Math.min(Math.max(x, -cap), cap);
  const pairs = a
    .map((x, i) => [bounded(x), bounded(b[i]!)] as const)
    .filter(([x, y]) => !Number.isNaN(x) && !Number.isNaN(y));
  if (pairs.length < 2)
    throw new ScoreError(
      `compare: ${pairs.length} case(s) have a score on both sides; a comparison needs two or more.`,
      { pairs: pairs.length },
    );

  const differences = pairs.map(([x, y]) => x - y);
  const means = Float64Array.from({ length: draws }, () => {
    let sum = 0;
    for (let i = 0; i < differences.length; i++) sum += differences[random.integer(0, differences.length)]!;
    return sum / differences.length;
  }).sort();
  const tail = (1 - confidence) / 2;
  const interval = [quantile(means, tail), quantile(means, 1 - tail)] as const;
  const sign = greaterIsBetter ? 1 : -1;
  const [low, high] = sign === 1 ? interval : [-interval[1], -interval[0]];
  return {
    cases: pairs.length,
    bounded: [...a, ...b].filter((x) => Math.abs(x) === Infinity).length,
    meanA: mean(pairs.map(([x]) => x)),
    meanB: mean(pairs.map(([, y]) => y)),
    difference: mean(differences),
    interval,
    shareABetter: means.reduce((n, m) => n + (m === 0 ? 0.5 : Number(sign * m > 0)), 0) / draws,
    verdict: low > 0 ? 'A is better' : high < 0 ? 'B is better' : 'noise',
  };
}

/**
 * Compares two summaries of the same cases by one score of one class, or its mean over all classes of a case.
 * Cases are matched by the reference file's name. Throws: ScoreError if they score different cases, two of one name,
 * or lack the score.
 */
export function compareSummaries(
  a: Summary,
  b: Summary,
  options: CompareOptions & { readonly score?: string; readonly key?: string },
): Comparison {
  const { score = 'Dice', key } = options;
  const [left, right] = [byCase(a, score, key), byCase(b, score, key)];
  const only = [...left.keys()]
    .filter((name) => !right.has(name))
    .concat([...right.keys()].filter((name) => !left.has(name)));
  if (only.length > 0)
    throw new ScoreError(
      `compare: ${only.length} case(s) are scored on one side only, such as ${only.slice(0, 3).join(', ')}.`,
      { only },
    );
  const names = [...left.keys()];
  return comparePaired(
    names.map((name) => left.get(name)!),
    names.map((name) => right.get(name)!),
    options,
  );
}

function byCase(summary: Summary, score: string, key: string | undefined): Map<string, number> {
  const found = new Map(
    summary.metric_per_case.map(({ metrics, reference_file }) => {
      const rows = key === undefined ? Object.values(metrics) : [metrics[key]];
      const scores = rows.map((row) => row?.[score]);
      if (scores.some((value) => value === undefined))
        throw new ScoreError(
          `compare: ${reference_file} has no "${score}" for ${key ?? 'every class'}. It has classes ${Object.keys(metrics).join(', ')}.`,
          { score, key },
        );
      const numbers = (scores as number[]).filter((value) => !Number.isNaN(value));
      return [reference_file.split(/[\\/]/).at(-1)!, numbers.length === 0 ? Number.NaN : mean(numbers)];
    }),
  );
  if (found.size < summary.metric_per_case.length)
    throw new ScoreError(
      `compare: a summary scores ${summary.metric_per_case.length} cases under ${found.size} names of reference files; cases are matched by name, so each needs its own.`,
      { cases: summary.metric_per_case.length, names: found.size },
    );
  return found;
}

function quantile(sorted: Float64Array, q: number): number {
  const at = q * (sorted.length - 1);
  const below = sorted[Math.floor(at)]!;
  return below + (sorted[Math.ceil(at)]! - below) * (at - Math.floor(at));
}

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}
