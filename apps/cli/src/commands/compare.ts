/** `compare`: is one model better than another, or is the difference noise? `stability`: does the score depend on who drew the reference? */
import { Philox } from '@voxelwise/compute';
import { compareSummaries, readSummary, stability } from '@voxelwise/metrics';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { stat } from 'node:fs/promises';
import type { Context } from '../context.ts';
import { CommandUsageError, InputError } from '../exit.ts';
import { exists } from '../files.ts';
import type { CommandDefinition } from '../command-definition.ts';
import { readLabels } from '../stages/label-files.ts';
import { finite } from '../stages/scoring.ts';
import { formatTable } from '../terminal/output.ts';
import { parseLabels, parseWhole } from '../values.ts';

/** Scores of which less is better. */
const DISTANCES = new Set(['HD', 'HD95', 'ASSD', 'VolumeErrorMm3', 'RelativeVolumeError', 'FP', 'FN']);
/** Names as the other commands write them. */
const SCORES: Readonly<Record<string, string>> = {
  dice: 'Dice',
  iou: 'IoU',
  hd: 'HD',
  hd95: 'HD95',
  assd: 'ASSD',
  nsd: 'SurfaceDice',
};

export const compareCommand: CommandDefinition = {
  name: 'compare',
  define: (command, withContext) =>
    command
      .description('compare two models on the same cases: paired bootstrap, and whether the difference is noise')
      .argument('<a>', 'summary.json of model A, or the folder that holds it')
      .argument('<b>', 'summary.json of model B')
      .option('--score <name>', 'dice, iou, hd95, assd, nsd', 'dice')
      .option('--label <key>', 'one class or region, as summary.json names it (default: mean of all)')
      .option('--draws <n>', 'resampled sets of cases', '1000')
      .addHelpText(
        'after',
        '\nExamples:\n  $ voxelwise compare model-a/summary.json model-b/summary.json\n  $ voxelwise compare a b --score hd95 --label 1 --json',
      )
      .action(
        withContext(
          async (context: Context, a: string, b: string, flags: { score: string; label?: string; draws: string }) => {
            const [left, right] = await Promise.all([a, b].map(openSummary));
            const score = SCORES[flags.score.toLowerCase()] ?? flags.score;
            const draws = parseWhole(flags.draws, '--draws');
            if (draws < 1) throw new CommandUsageError(`--draws is at least 1, came ${draws}`);
            const found = compareSummaries(left!, right!, {
              random: new Philox(context.seed),
              score,
              draws,
              greaterIsBetter: !DISTANCES.has(score),
              ...(flags.label === undefined ? {} : { key: flags.label }),
            });
            const text = (value: number): string => value.toFixed(4);
            context.output.print(
              `A ${text(found.meanA)}, B ${text(found.meanB)}, difference ${text(found.difference)} (95 %: ${found.interval.map(text).join(' … ')}) over ${found.cases} cases`,
            );
            if (found.bounded > 0)
              context.output.warn(
                `${found.bounded} infinite score(s), of structures missing on one side, count as the largest finite one`,
              );
            context.output.print(
              found.verdict === 'noise' ? 'the difference may be noise: the interval holds 0' : found.verdict,
            );
            context.output.document({ score, ...found });
          },
        ),
      ),
};

async function openSummary(path: string): Promise<ReturnType<typeof readSummary>> {
  const file = exists(path) && (await stat(path)).isDirectory() ? join(path, 'summary.json') : path;
  if (!exists(file))
    throw new InputError('missing-summary', `${file}: there is no such file; write one with voxelwise evaluate.`, file);
  return readSummary(await readFile(file, 'utf8'), file);
}

export const stabilityCommand: CommandDefinition = {
  name: 'stability',
  define: (command, withContext) =>
    command
      .description('score one segmentation against several annotations of the same case')
      .requiredOption('--prediction <file>', 'the segmentation')
      .requiredOption('--annotations <files...>', 'two or more annotations')
      .requiredOption('--labels <list>', 'labels 1,2 or regions 1+2,2')
      .option('--ignore-label <n>', 'voxels whose annotation has this value do not count')
      .option('--largest-range <dice>', 'range of Dice up to which a score counts as stable', '0.05')
      .addHelpText(
        'after',
        '\nExamples:\n  $ voxelwise stability --prediction p.nii.gz --annotations rater1.nii.gz rater2.nii.gz rater3.nii.gz --labels 1,2\n  $ voxelwise stability --prediction p.nii.gz --annotations r1.nii.gz r2.nii.gz --labels 1+2,2 --json',
      )
      .action(withContext(stabilityOf)),
};

interface StabilityFlags {
  readonly prediction: string;
  readonly annotations: readonly string[];
  readonly labels: string;
  readonly ignoreLabel?: string;
  readonly largestRange: string;
}

async function stabilityOf({ output }: Context, flags: StabilityFlags): Promise<void> {
  const largestRange = Number(flags.largestRange);
  if (!(largestRange >= 0))
    throw new CommandUsageError(`--largest-range is a Dice difference from 0 up, came '${flags.largestRange}'`);
  if (flags.annotations.length < 2)
    throw new CommandUsageError(`--annotations takes two or more files, came ${flags.annotations.length}`);
  const prediction = (await readLabels(flags.prediction)).map;
  const annotations = await Promise.all(flags.annotations.map(async (path) => (await readLabels(path)).map));
  annotations.forEach(({ shape }, i) => {
    if (shape.join() !== prediction.shape.join())
      throw new InputError(
        'shape-mismatch',
        `${flags.annotations[i]!}: has [${shape.join(', ')}] voxels, the prediction [${prediction.shape.join(', ')}].`,
        flags.annotations[i]!,
      );
  });
  const ignore =
    flags.ignoreLabel === undefined ? {} : { ignoreLabel: parseWhole(flags.ignoreLabel, '--ignore-label') };
  const found = stability(
    prediction.voxels,
    annotations.map((one) => one.voxels),
    { labels: parseLabels(flags.labels), largestRange, ...ignore },
  );
  const text = (value: number): string => (Number.isNaN(value) ? '–' : value.toFixed(4));
  output.print(
    formatTable(
      [
        'label',
        ...flags.annotations.map((path) => basename(path)),
        'mean',
        'deviation',
        'between annotators',
        'verdict',
      ],
      Object.entries(found).map(([key, one]) => [
        key,
        ...one.dice.map(text),
        text(one.spread.mean),
        text(one.spread.standardDeviation),
        text(one.betweenRaters.mean),
        one.verdict,
      ]),
    ),
  );
  const spread = (one: {
    mean: number;
    standardDeviation: number;
    min: number;
    max: number;
  }): Record<string, number | null> =>
    Object.fromEntries(Object.entries(one).map(([key, value]) => [key, finite(value)]));
  output.document({
    perClass: Object.fromEntries(
      Object.entries(found).map(([key, one]) => [
        key,
        {
          dice: one.dice.map(finite),
          spread: spread(one.spread),
          betweenRaters: spread(one.betweenRaters),
          verdict: one.verdict,
        },
      ]),
    ),
  });
}
