import { Philox } from '@voxelwise/compute';
import { describe, expect, it } from 'vitest';
import { ScoreError } from '../errors.ts';
import { scoreLabels, type Summary, summarize } from '../summary/summary.ts';
import { casesWhere } from './cases-where.ts';
import { comparePaired, compareSummaries } from './compare-models.ts';
import { stability } from './stability.ts';

const rng = new Philox(1);
const noise = (spread: number): number[] => Array.from({ length: 40 }, () => 0.8 + rng.normal(0, spread));

describe('comparePaired', () => {
  it('tells a small but steady difference from noise', () => {
    const a = noise(0.1);
    const better = a.map((score) => score + 0.01 + rng.normal(0, 0.005));
    const found = comparePaired(better, a, { random: new Philox(7) });
    expect(found.verdict).toBe('A is better');
    expect(found.shareABetter).toBeGreaterThan(0.99);
    expect(comparePaired(a, better, { random: new Philox(7) }).verdict).toBe('B is better');
    expect(comparePaired(better, a, { random: new Philox(7), greaterIsBetter: false }).verdict).toBe('B is better');
    expect(
      comparePaired(
        a,
        a.map((score) => score + rng.normal(0, 0.05)),
        { random: new Philox(7) },
      ).verdict,
    ).toBe('noise');
  });

  it('has an interval about as wide as theory says, and is the same for the same seed', () => {
    const a = noise(0.1);
    const b = noise(0.1);
    const found = comparePaired(a, b, { random: new Philox(7) });
    const differences = a.map((score, i) => score - b[i]!);
    const deviation = Math.sqrt(differences.reduce((sum, d) => sum + (d - found.difference) ** 2, 0) / 40);
    const expected = (2 * 1.96 * deviation) / Math.sqrt(40);
    expect((found.interval[1] - found.interval[0]) / expected).toBeGreaterThan(0.85);
    expect((found.interval[1] - found.interval[0]) / expected).toBeLessThan(1.15);
    expect(comparePaired(a, b, { random: new Philox(7) })).toEqual(found);
  });

  it('calls a difference between equals noise about as often as it promises', () => {
    let wrong = 0;
    for (let k = 0; k < 200; k++)
      wrong += Number(comparePaired(noise(0.1), noise(0.1), { random: new Philox(k), draws: 200 }).verdict !== 'noise');
    expect(wrong).toBeLessThan(24);
  });

  it('leaves NaN pairs out and copes with infinite distances', () => {
    const found = comparePaired([1, Number.NaN, 3, Infinity], [1, 2, 4, 2], {
      random: new Philox(1),
      greaterIsBetter: false,
    });
    expect(found.cases).toBe(3);
    expect(found.meanA).toBeCloseTo((1 + 3 + 4) / 3, 12);
  });

  it('refuses lists of different cases', () => {
    expect(() => comparePaired([1], [1, 2], { random: rng })).toThrow(ScoreError);
    expect(() => comparePaired([1, Number.NaN], [1, 2], { random: rng })).toThrow(
      /1 case\(s\) have a score on both sides/,
    );
  });
});

function summaryOf(predictions: readonly (readonly number[])[], reference: readonly number[]): Summary {
  return summarize(
    predictions.map((prediction, i) => ({
      metrics: scoreLabels(prediction, reference, [1, 2]),
      prediction_file: `pred/case_${i}.nii.gz`,
      reference_file: `gt/case_${i}.nii.gz`,
    })),
  );
}
const reference = [1, 1, 2, 2, 0, 0];
const summary = summaryOf(
  [
    [1, 1, 2, 2, 0, 0],
    [1, 0, 2, 2, 0, 0],
    [0, 0, 0, 2, 1, 0],
  ],
  reference,
);

describe('compareSummaries', () => {
  it('matches cases by name and scores by class', () => {
    const other = summaryOf(
      [
        [1, 1, 0, 0, 0, 0],
        [1, 1, 2, 0, 0, 0],
        [0, 1, 0, 0, 0, 0],
      ],
      reference,
    );
    const found = compareSummaries(summary, other, { random: new Philox(3), key: '2' });
    expect(found.meanA).toBeCloseTo((1 + 1 + 2 / 3) / 3, 12);
    expect(found.verdict).toBe('A is better');
    expect(() => compareSummaries(summary, other, { random: rng, key: '9' })).toThrow(/has no "Dice" for 9/);
    expect(() => compareSummaries(summary, summaryOf([reference], reference), { random: rng })).toThrow(
      /2 case\(s\) are scored on one side only/,
    );
  });

  it('refuses cases that names do not tell apart', () => {
    const twice = {
      ...summary,
      metric_per_case: summary.metric_per_case.map((one) => ({ ...one, reference_file: 'a/x.nii.gz' })),
    };
    expect(() => compareSummaries(twice, twice, { random: rng })).toThrow(/3 cases under 1 names/);
  });
});

describe('casesWhere', () => {
  it.each([
    ['dice<0.7', ['case_2']],
    ['Dice[1] <= 0', ['case_2']],
    ['dice[1]<0.9', ['case_1', 'case_2']],
    ['fp>0.1', ['case_2']],
    ['iou >= 1', ['case_0']],
  ])('%s', (condition, names) => expect(casesWhere(summary, condition, '.nii.gz')).toEqual(names));

  it.each([
    ['dice', /expected a condition such as dice<0\.1/],
    ['dise<1', /has no score "dise"/],
    ['dice[7]<1', /of class 7\. Scores: .*; classes: 1, 2/],
  ])('refuses %s', (condition, message) => expect(() => casesWhere(summary, condition, '.nii.gz')).toThrow(message));
});

describe('stability', () => {
  const raters = [
    [1, 1, 1, 1, 0, 0],
    [1, 1, 1, 0, 0, 0],
    [0, 1, 1, 1, 1, 0],
  ];
  it('gives the spread over annotations, between them, and a verdict', () => {
    const { '1': found } = stability([1, 1, 1, 1, 0, 0], raters, { labels: [1] });
    expect(found!.dice).toEqual([1, 6 / 7, 6 / 8]);
    expect(found!.spread.mean).toBeCloseTo((1 + 6 / 7 + 3 / 4) / 3, 12);
    expect(found!.betweenRaters).toMatchObject({ min: 4 / 7, max: 6 / 7 });
    expect(found!.verdict).toBe('as raters differ');
    expect(stability([1, 1, 1, 1, 0, 0], raters, { labels: [1], largestRange: 0.3 })['1']!.verdict).toBe('stable');
    expect(stability([0, 0, 0, 1, 1, 1], raters, { labels: [1] })['1']!.verdict).toBe('unstable');
  });
  it('says so when nobody has the class', () =>
    expect(stability([0], [[0], [0]], { labels: [1] })['1']!.verdict).toBe('absent'));
  it('needs two annotations', () => expect(() => stability([1], [[1]], { labels: [1] })).toThrow(ScoreError));
});
