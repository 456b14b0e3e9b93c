/** Scores of a set of cases: the file `summary.json`, key for key as nnU-Net v2 writes it. */
import { parsePythonJson, writePythonJson } from '@voxelwise/volume';
import { type LabelOrRegion, LabelPairs } from '../overlap/confusion.ts';
import { dice, intersectionOverUnion } from '../overlap/overlap.ts';
import { SummaryError } from '../errors.ts';
import { meanOfNumbers, pairwiseMean } from './pairwise-mean.ts';

/** Scores of one class or region by name. Counts are voxels. */
export interface ReferenceScores {
  readonly Dice: number;
  readonly IoU: number;
  readonly TP: number;
  readonly FP: number;
  readonly FN: number;
  readonly TN: number;
  readonly n_pred: number;
  readonly n_ref: number;
  /** Whatever is scored beyond the reference. */
  readonly [more: string]: number;
}

export interface CaseScores {
  /** By class ("1") or region ("(1, 2)"). */
  readonly metrics: Readonly<Record<string, ReferenceScores>>;
  readonly prediction_file: string;
  readonly reference_file: string;
}

export interface Summary {
  /** Mean of `mean` over all classes but the background; NaN if a class is absent everywhere. */
  readonly foreground_mean: ReferenceScores;
  /** Mean over the cases in which the score is a number. */
  readonly mean: Readonly<Record<string, ReferenceScores>>;
  readonly metric_per_case: readonly CaseScores[];
}

/** The key of a class or region in a summary, its Python form: "1", "(1, 2)", "(2,)". */
export function scoreKey(label: LabelOrRegion): string {
  if (typeof label === 'number') return String(label);
  return label.length === 1 ? `(${label[0]},)` : `(${label.join(', ')})`;
}

/**
 * The reference's scores of one case. Voxels whose reference is `ignoreLabel` do not count; Dice and IoU of a class in
 * neither map are NaN. Throws: ScoreError.
 */
export function scoreLabels(
  prediction: ArrayLike<number>,
  reference: ArrayLike<number>,
  labels: readonly LabelOrRegion[],
  ignoreLabel?: number,
): Record<string, ReferenceScores> {
  return scorePairs(new LabelPairs(prediction, reference, ignoreLabel), labels);
}

/** The reference's scores of one case whose voxels were counted before. */
export function scorePairs(pairs: LabelPairs, labels: readonly LabelOrRegion[]): Record<string, ReferenceScores> {
  return Object.fromEntries(labels.map((label) => [scoreKey(label), referenceScores(pairs, label)]));
}

function referenceScores(pairs: LabelPairs, label: LabelOrRegion): ReferenceScores {
  const counts = pairs.confusion(label);
  const { truePositives: TP, falsePositives: FP, falseNegatives: FN, trueNegatives: TN } = counts;
  return { Dice: dice(counts), IoU: intersectionOverUnion(counts), TP, FP, FN, TN, n_pred: TP + FP, n_ref: TP + FN };
}

/**
 * Means over cases and classes. `labels`: the classes and regions in the order in which the mean over them adds, which
 * decides its last bit; by default that of the first case's object, whose whole numbers JavaScript puts first.
 * Throws: SummaryError if there are no cases, or they were scored for different classes.
 */
export function summarize(cases: readonly CaseScores[], labels?: readonly LabelOrRegion[]): Summary {
  const keys = [...new Set(labels?.map(scoreKey) ?? Object.keys(cases[0]?.metrics ?? {}))];
  if (keys.length === 0 || cases.length === 0)
    throw new SummaryError('summary: there is no case with a scored class to summarize.', { cases: cases.length });
  const odd = cases.find(({ metrics }) => keys.some((key) => metrics[key] === undefined));
  if (odd !== undefined)
    throw new SummaryError(
      `summary: ${odd.prediction_file} was not scored for the same classes as the first case (${keys.join(', ')}).`,
      {
        prediction_file: odd.prediction_file,
        keys,
      },
    );
  const names = Object.keys(cases[0]!.metrics[keys[0]!]!);
  const meansOf = (rows: readonly ReferenceScores[], mean: (values: number[]) => number): ReferenceScores =>
    Object.fromEntries(names.map((name) => [name, mean(rows.map((row) => row[name]!))])) as unknown as ReferenceScores;
  const mean = Object.fromEntries(
    keys.map((key) => [
      key,
      meansOf(
        cases.map(({ metrics }) => metrics[key]!),
        meanOfNumbers,
      ),
    ]),
  );
  const foreground = keys.filter((key) => key !== '0').map((key) => mean[key]!);
  return { foreground_mean: meansOf(foreground, pairwiseMean), mean, metric_per_case: cases };
}

/** The summary with only what the reference scores, for tools that expect its file. */
export function referenceSummary(summary: Summary): Summary {
  const names = ['Dice', 'FN', 'FP', 'IoU', 'TN', 'TP', 'n_pred', 'n_ref'];
  const only = (scores: ReferenceScores): ReferenceScores =>
    Object.fromEntries(names.map((name) => [name, scores[name]!])) as unknown as ReferenceScores;
  const each = (metrics: CaseScores['metrics']): CaseScores['metrics'] =>
    Object.fromEntries(Object.entries(metrics).map(([key, scores]) => [key, only(scores)]));
  return {
    foreground_mean: only(summary.foreground_mean),
    mean: each(summary.mean),
    metric_per_case: summary.metric_per_case.map((scored) => ({ ...scored, metrics: each(scored.metrics) })),
  };
}

const COUNTS = new Set(['TP', 'FP', 'FN', 'TN', 'n_pred', 'n_ref']);

/** The text of the file: keys sorted, indent 4, bare NaN, floats as Python writes them. */
export function writeSummary(summary: Summary): string {
  return writePythonJson(summary, {
    sortKeys: true,
    isFloat: (path) => path[0] !== 'metric_per_case' || !COUNTS.has(String(path.at(-1))),
  });
}

/** Reads the text of a summary. Throws: JsonError; SummaryError naming what is missing. */
export function readSummary(text: string, from = 'summary.json'): Summary {
  const value = parsePythonJson(text, from) as unknown as Partial<Summary> | null;
  for (const field of ['foreground_mean', 'mean', 'metric_per_case'] as const)
    if (typeof value?.[field] !== 'object' || value[field] === null)
      throw new SummaryError(`${from}: "${field}" is missing; this is not a summary of scores.`, { field, file: from });
  const cases = value!.metric_per_case;
  if (!Array.isArray(cases) || !cases.every((scored) => typeof (scored as CaseScores | null)?.metrics === 'object'))
    throw new SummaryError(`${from}: "metric_per_case" must be a list of objects with "metrics".`, {
      field: 'metric_per_case',
      file: from,
    });
  return value as Summary;
}
