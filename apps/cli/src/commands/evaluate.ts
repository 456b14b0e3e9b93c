/** `evaluate`: segmentations against references; nnU-Net's summary.json, and distances in millimetres beyond it. */
import { labelScheme, type LabelOrRegion } from '@voxelwise/planner';
import { join } from 'node:path';
import type { Context } from '../context.ts';
import { CommandUsageError } from '../exit.ts';
import { peakMemoryBytes } from '../machine.ts';
import type { CommandDefinition } from '../command-definition.ts';
import { readDatasetJson } from '../stages/known-dataset.ts';
import { classNames, endingIn, finite, pairFolders, perClass, saveSummary, scorePairs } from '../stages/scoring.ts';
import { formatTable } from '../terminal/output.ts';
import { parseLabels, parseWhole } from '../values.ts';

interface EvaluateFlags {
  readonly prediction: string;
  readonly reference: string;
  readonly datasetJson?: string;
  readonly labels?: string;
  readonly ignoreLabel?: string;
  readonly metrics: string;
  readonly toleranceMm: string;
  readonly out?: string;
  readonly chill?: boolean;
}

const METRICS = ['dice', 'iou', 'hd95', 'assd', 'nsd', 'volume'];

export const evaluateCommand: CommandDefinition = {
  name: 'evaluate',
  define: (command, withContext) =>
    command
      .description('score segmentations against references')
      .requiredOption('--prediction <dir>', 'folder of segmentations')
      .requiredOption('--reference <dir>', 'folder of references, same file names')
      .option('--dataset-json <file>', 'the labels and regions to score')
      .option('--labels <list>', 'labels 1,2 or regions 1+2,2')
      .option('--ignore-label <n>', 'voxels whose reference has this value do not count')
      .option('--metrics <list>', `of ${METRICS.join(',')}`, METRICS.join(','))
      .option('--tolerance-mm <mm>', 'tolerance of the surface Dice', '1')
      .option('--out <file>', 'where to write summary.json (default: in the prediction folder)')
      .option('--chill', 'score what is there even if predictions are missing')
      .addHelpText(
        'after',
        '\nExamples:\n  $ voxelwise evaluate --prediction segmentations --reference labelsTs --dataset-json dataset.json\n  $ voxelwise evaluate --prediction segmentations --reference labelsTs --labels 1,2 --metrics dice,hd95 --json',
      )
      .action(withContext(evaluate)),
};

async function evaluate(context: Context, flags: EvaluateFlags): Promise<void> {
  const begun = performance.now();
  const { output } = context;
  const metrics = flags.metrics.split(',');
  const unknown = metrics.find((name) => !METRICS.includes(name));
  if (unknown !== undefined) throw new CommandUsageError(`--metrics takes ${METRICS.join(', ')}; came '${unknown}'`);
  const toleranceMm = Number(flags.toleranceMm);
  if (flags.toleranceMm.trim() === '' || !(toleranceMm >= 0))
    throw new CommandUsageError(`--tolerance-mm takes millimetres from 0 up, came '${flags.toleranceMm}'`);
  const { labels, ignoreLabel, names, fileEnding } = await whatToScore(flags);
  const ending = fileEnding ?? (await endingIn(flags.prediction));
  const pairs = await pairFolders(flags.prediction, flags.reference, ending, flags.chill);
  const surfaces = metrics.some((name) => !['dice', 'iou'].includes(name));
  const summary = await scorePairs(context, pairs, {
    labels,
    ignoreLabel,
    toleranceMm,
    surfaces,
  });
  const path = flags.out ?? join(flags.prediction, 'summary.json');
  await saveSummary(path, summary);
  const classes = perClass(summary.mean, names);
  const columns = Object.keys(Object.values(classes)[0] ?? {});
  output.print(
    formatTable(
      ['class', ...columns],
      Object.entries(classes).map(([name, scores]) => [
        name,
        ...columns.map((column) => scores[column]?.toFixed(4) ?? '–'),
      ]),
    ),
  );
  output.print(`mean Dice ${summary.foreground_mean.Dice.toFixed(4)} over ${pairs.length} cases · wrote ${path}`);
  output.document({
    meanDice: finite(summary.foreground_mean.Dice),
    perClass: perClass(summary.mean, new Map()),
    classNames: Object.fromEntries(names),
    cases: pairs.length,
    seconds: (performance.now() - begun) / 1000,
    device: 'host',
    peakMemoryBytes: peakMemoryBytes(),
    outputs: { summary: path },
  });
}

interface WhatToScore {
  readonly labels: readonly LabelOrRegion[];
  readonly ignoreLabel: number | undefined;
  /** Summary key → declared name. */
  readonly names: Map<string, string>;
  /** As dataset.json declares it. */
  readonly fileEnding?: string;
}

async function whatToScore({ labels, ignoreLabel, datasetJson }: EvaluateFlags): Promise<WhatToScore> {
  const ignore = ignoreLabel === undefined ? undefined : parseWhole(ignoreLabel, '--ignore-label');
  if (labels !== undefined && datasetJson !== undefined)
    throw new CommandUsageError('evaluate takes --dataset-json or --labels, not both: each says what to score');
  if (labels !== undefined) return { labels: parseLabels(labels), ignoreLabel: ignore, names: new Map() };
  if (datasetJson === undefined)
    throw new CommandUsageError('evaluate needs --dataset-json or --labels to know what to score');
  const dataset = await readDatasetJson(datasetJson);
  const scheme = labelScheme(dataset.labels, dataset.regions_class_order);
  return {
    labels: scheme.foreground,
    ignoreLabel: ignore ?? scheme.ignoreLabel,
    names: classNames(dataset.labels),
    fileEnding: dataset.file_ending,
  };
}
