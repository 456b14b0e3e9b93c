/** Scores a folder of segmentations against references: summary.json, and the short form that commands print. */
import { readVolume } from '@voxelwise/io/node';
import {
  scoreCase,
  scoreKey,
  scoreLabels,
  summarize,
  writeSummary,
  type CaseScores,
  type LabelOrRegion,
  type ReferenceScores,
  type Summary,
} from '@voxelwise/metrics';
import { compareGrids, spacing } from '@voxelwise/volume';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../exit.ts';
import { exists, writeWhole } from '../files.ts';
import { stopIfInterrupted, type Context } from '../context.ts';
import { collectGarbage } from '../memory.ts';
import { checkLabels } from './label-files.ts';
import { requireScoresFit } from './scoring-memory.ts';

export interface ScoringOptions {
  readonly labels: readonly LabelOrRegion[];
  readonly ignoreLabel?: number | undefined;
  readonly toleranceMm?: number;
  /** Also distances and volumes. */
  readonly surfaces?: boolean;
  /** Score what is there even if some references have no prediction. */
  readonly allowMissing?: boolean;
}

export interface ScoredPair {
  readonly id: string;
  readonly prediction: string;
  readonly reference: string;
}

/** From so far apart on, in voxels, prediction and reference are said to lie in different places. */
const MOVED_VOXELS = 0.1;

/** Names of the scores in JSON output, by their names in summary.json. */
const SHORT: Readonly<Record<string, string>> = {
  Dice: 'dice',
  IoU: 'iou',
  HD95: 'hd95',
  HD: 'hd',
  ASSD: 'assd',
  SurfaceDice: 'nsd',
  VolumeErrorMm3: 'volumeErrorMm3',
  RelativeVolumeError: 'relativeVolumeError',
};

/** Pairs predictions with references of the same file name. Throws: InputError if one side misses a file. */
export async function pairFolders(
  predictions: string,
  references: string,
  ending: string,
  allowMissing = false,
): Promise<ScoredPair[]> {
  const list = async (folder: string): Promise<string[]> =>
    (await filesIn(folder)).filter((name) => name.endsWith(ending)).sort();
  const [predicted, known] = await Promise.all([list(predictions), list(references)]);
  if (predicted.length === 0)
    throw new InputError('no-predictions', `${predictions}: holds no ${ending} files to score.`, predictions);
  const missing = known.filter((name) => !predicted.includes(name));
  if (missing.length > 0 && !allowMissing)
    throw new InputError(
      'missing-predictions',
      `${predictions}: ${missing.length} of ${known.length} references have no prediction (first: ${missing[0]!}). Predict them, or score what is there with --chill.`,
      join(predictions, missing[0]!),
      { missing },
    );
  const unknown = predicted.filter((name) => !known.includes(name));
  if (unknown.length > 0)
    throw new InputError(
      'missing-references',
      `${references}: there is no ${unknown[0]!} to score the prediction of that name against.`,
      join(references, unknown[0]!),
      { unknown },
    );
  return predicted.map((name) => ({
    id: name.slice(0, -ending.length),
    prediction: join(predictions, name),
    reference: join(references, name),
  }));
}

/** Throws: ResourceError, before anything is scored, where --max-memory does not hold a case; InputError for maps that cannot be scored. */
export async function scorePairs(
  context: Context,
  pairs: readonly ScoredPair[],
  options: ScoringOptions,
): Promise<Summary> {
  await requireScoresFit(context, pairs, options);
  const progress = context.output.progress('evaluate', pairs.length, 'case');
  const cases: CaseScores[] = [];
  for (const { id, prediction, reference } of pairs) {
    stopIfInterrupted(context);
    if (context.maxMemory !== undefined) collectGarbage();
    cases.push({
      metrics: await scorePair(context, { id, prediction, reference }, options),
      prediction_file: prediction,
      reference_file: reference,
    });
    progress.update(cases.length, id);
  }
  progress.end();
  return summarize(cases, options.labels);
}

async function scorePair(
  { output }: Context,
  { id, prediction, reference }: ScoredPair,
  { labels, ignoreLabel, toleranceMm = 1, surfaces = false }: ScoringOptions,
): Promise<Record<string, ReferenceScores>> {
  const [predicted, truth] = await Promise.all([
    readVolume(prediction, { kind: 'labels' }),
    readVolume(reference, { kind: 'labels' }),
  ]);
  const difference = compareGrids(predicted.grid, truth.grid);
  if (!difference.sameShape)
    throw new InputError(
      'shape-mismatch',
      `${prediction}: is [${predicted.grid.shape.join(', ')}] voxels, its reference ${reference} [${truth.grid.shape.join(', ')}]; both must have one shape.`,
      prediction,
    );
  if (difference.cornerVoxels > MOVED_VOXELS)
    output.warn(
      `${id}: prediction and reference lie up to ${difference.cornerMm.toFixed(2)} mm apart, spacings [${difference.spacingMm.map((mm) => mm.map((n) => +n.toFixed(4)).join(', ')).join('] and [')}] mm; they are scored voxel by voxel, in the reference's spacing`,
    );
  checkLabels(predicted.voxels, prediction);
  checkLabels(truth.voxels, reference);
  const ignore = ignoreLabel === undefined ? {} : { ignoreLabel };
  if (!surfaces) return scoreLabels(predicted.voxels, truth.voxels, labels, ignoreLabel);
  return scoreCase(predicted.voxels, truth.voxels, {
    labels,
    ...ignore,
    shape: truth.grid.shape,
    spacingMm: spacing(truth.grid),
    toleranceMm,
  });
}

export async function saveSummary(path: string, summary: Summary): Promise<void> {
  await writeWhole(path, writeSummary(summary));
}

/** Numbers that JSON can hold. */
export function finite(value: number | undefined): number | null {
  return value === undefined || !Number.isFinite(value) ? null : value;
}

/** Short names and null where there is no number: what `--json` and the report show. */
export function shortScores(scores: ReferenceScores): Record<string, number | null> {
  return Object.fromEntries(
    Object.entries(SHORT).flatMap(([long, short]) => (long in scores ? [[short, finite(scores[long])]] : [])),
  );
}

/** `{ "1": {dice, …} }`, keyed by the names given, or by the summary's own keys. */
export function perClass(
  metrics: Readonly<Record<string, ReferenceScores>>,
  names: ReadonlyMap<string, string>,
): Record<string, Record<string, number | null>> {
  return Object.fromEntries(
    Object.entries(metrics).map(([key, scores]) => [names.get(key) ?? key, shortScores(scores)]),
  );
}

/** Summary key → declared name. */
export function classNames(declared: Readonly<Record<string, LabelOrRegion>>): Map<string, string> {
  return new Map(Object.entries(declared).map(([name, value]) => [scoreKey(value), name]));
}

/** Mean Dice of a case over the classes that have one. */
export function meanDiceOf(metrics: Readonly<Record<string, ReferenceScores>>): number | null {
  const values = Object.values(metrics)
    .map((scores) => scores.Dice)
    .filter((value) => !Number.isNaN(value));
  return values.length === 0 ? null : values.reduce((a, b) => a + b, 0) / values.length;
}

/** The ending that the segmentations in a folder share: an image format's, other files and folders are passed over. Throws: InputError. */
export async function endingIn(folder: string): Promise<string> {
  if (!exists(folder)) throw new InputError('missing-folder', `${folder}: there is no such folder.`, folder);
  const { FORMATS } = await import('@voxelwise/io');
  // Probabilities may lie beside the segmentations. Longer endings first: .nii.gz before .gz, .seg.nrrd before .nrrd.
  const known = FORMATS.flatMap(({ endings }) => endings)
    .filter((one) => one !== '.npz' && one !== '.npy')
    .sort((a, b) => b.length - a.length);
  const ending = (await filesIn(folder))
    .map((name) => known.find((one) => name.toLowerCase().endsWith(one)))
    .find((one) => one !== undefined);
  if (ending === undefined) throw new InputError('no-images', `${folder}: holds no images.`, folder);
  return ending;
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries.filter((entry) => !entry.isDirectory() && !entry.name.startsWith('.')).map(({ name }) => name);
}
