/** `postprocess determine | apply`: keep the largest component of classes or regions where that raised the validation Dice. */
import {
  applyPostprocessing,
  determinePostprocessing,
  readPostprocessing,
  writePostprocessing,
  type KeepLargest,
} from '@voxelwise/ensemble';
import { decodePickle, Tuple } from '@voxelwise/io';
import { labelScheme, type LabelOrRegion } from '@voxelwise/planner';
import { writeSummary } from '@voxelwise/metrics';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stopIfInterrupted, type Context } from '../context.ts';
import { CommandUsageError, InputError } from '../exit.ts';
import { exists, writeWhole } from '../files.ts';
import type { CommandDefinition } from '../command-definition.ts';
import { readDatasetJson } from '../stages/known-dataset.ts';
import { caseNames, readLabels, writeLabels } from '../stages/label-files.ts';
import { endingIn, finite } from '../stages/scoring.ts';
import { describePostprocessing } from '../stages/selection.ts';

/** A step names fewer labels and regions than this. */
const MOST_LABELS = 4096;

interface PostprocessFlags {
  readonly input: string;
  readonly reference?: string;
  readonly output?: string;
  readonly postprocessing?: string;
  readonly datasetJson?: string;
  readonly out?: string;
  readonly keepPostprocessed: boolean;
}

export const postprocessCommand: CommandDefinition = {
  name: 'postprocess',
  define: (command, withContext) =>
    command
      .description('determine, or apply, the post-processing: largest components only, where that helps')
      .argument('<determine or apply>', 'what to do')
      .requiredOption('--input <dir>', 'folder of segmentations')
      .option('--reference <dir>', 'determine: folder of references')
      .option('--dataset-json <file>', 'determine: default, the one in the input folder')
      .option('--out <file>', 'determine: default, postprocessing.json in the input folder')
      .option('--no-keep-postprocessed', 'determine: do not write the folder postprocessed')
      .option('--output <dir>', 'apply: where the segmentations go')
      .option('--postprocessing <file>', "apply: a postprocessing.json, or nnU-Net's .pkl")
      .addHelpText(
        'after',
        '\nExamples:\n  $ voxelwise postprocess determine --input crossval_results_folds_0_1_2_3_4 --reference gt_segmentations\n  $ voxelwise postprocess apply --input segmentations --output final --postprocessing postprocessing.json --json',
      )
      .action(
        withContext(async (context: Context, verb: string, flags: PostprocessFlags) => {
          if (verb === 'determine') return determine(context, flags);
          if (verb === 'apply') return apply(context, flags);
          throw new CommandUsageError(`postprocess takes determine or apply, came '${verb}'`);
        }),
      ),
};

async function determine({ output, ...context }: Context, flags: PostprocessFlags): Promise<void> {
  const { input, reference } = flags;
  if (reference === undefined)
    throw new CommandUsageError('postprocess determine needs --reference: what the segmentations are judged by');
  const {
    labels,
    regions_class_order: order,
    file_ending: ending,
  } = await readDatasetJson(flags.datasetJson ?? join(input, 'dataset.json'));
  const names = await caseNames(input, ending);
  const found = await determinePostprocessing(
    names.map((id) => ({
      predictionFile: join(input, id + ending),
      referenceFile: join(reference, id + ending),
      read: async () => {
        stopIfInterrupted({ output, ...context });
        return {
          prediction: (await readLabels(join(input, id + ending))).map,
          reference: (await readLabels(join(reference, id + ending))).map,
        };
      },
    })),
    labelScheme(labels, order),
  );
  if (flags.keepPostprocessed) {
    const target = join(input, 'postprocessed');
    for (const id of names) {
      const { volume, map } = await readLabels(join(input, id + ending));
      await writeLabels(join(target, id + ending), volume, applyPostprocessing(map, found.steps));
    }
    const rename = (path: string): string => join(target, path.slice(input.length));
    await writeWhole(
      join(target, 'summary.json'),
      writeSummary({
        ...found.after,
        metric_per_case: found.after.metric_per_case.map((one) => ({
          ...one,
          prediction_file: rename(one.prediction_file),
        })),
      }),
    );
  }
  const path = flags.out ?? join(input, 'postprocessing.json');
  await writeWhole(path, writePostprocessing(found));
  const before = found.before.foreground_mean.Dice;
  const after = found.after.foreground_mean.Dice;
  output.print(
    `post-processing: ${describePostprocessing(found.steps)}; mean Dice ${before.toFixed(4)} → ${after.toFixed(4)}`,
  );
  output.print(`wrote ${path}`);
  output.document({
    steps: found.steps,
    meanDice: finite(before),
    meanDicePostprocessed: finite(after),
    cases: names.length,
    outputs: { postprocessing: path },
  });
}

async function apply(context: Context, flags: PostprocessFlags): Promise<void> {
  const { input, output: folder, postprocessing } = flags;
  if (folder === undefined || postprocessing === undefined)
    throw new CommandUsageError('postprocess apply needs --output and --postprocessing');
  const steps = await readSteps(postprocessing);
  const description = flags.datasetJson ?? join(input, 'dataset.json');
  const ending = exists(description) ? (await readDatasetJson(description)).file_ending : await endingIn(input);
  const names = await caseNames(input, ending);
  for (const id of names) {
    stopIfInterrupted(context);
    const { volume, map } = await readLabels(join(input, id + ending));
    await writeLabels(join(folder, id + ending), volume, applyPostprocessing(map, steps));
  }
  for (const name of ['dataset.json', 'plans.json'])
    if (exists(join(input, name))) await writeWhole(join(folder, name), await readFile(join(input, name)));
  context.output.print(`post-processed ${names.length} segmentations into ${folder}`);
  context.output.document({ steps, cases: names.map((id) => ({ id, output: join(folder, id + ending) })) });
}

/** Steps from our JSON file, or from nnU-Net's pickle of function names and arguments, parsed without running anything. */
async function readSteps(path: string): Promise<KeepLargest[]> {
  if (!exists(path)) throw new InputError('missing-file', `${path}: there is no such file.`, path);
  if (!path.endsWith('.pkl')) return readPostprocessing(await readFile(path, 'utf8'), path);
  const value = decodePickle(await readFile(path), { file: path });
  const [functions, settings] = value instanceof Tuple ? value.items : [];
  if (!Array.isArray(functions) || !Array.isArray(settings))
    throw new InputError(
      'bad-postprocessing',
      `${path}: is no list of post-processing steps and their settings.`,
      path,
    );
  const plain = {
    postprocessing_fns: functions.map((one) => (one as { name?: string } | null)?.name ?? String(one)),
    postprocessing_kwargs: settings.map((one) =>
      one instanceof Map ? { labels_or_regions: plainLabels(one.get('labels_or_regions')) } : one,
    ),
  };
  return readPostprocessing(JSON.stringify(plain), path);
}

/** A label, a list of them, or of regions: two lists deep, where hostile files share lists over hundreds of levels. */
function plainLabels(value: unknown, levels = 2): LabelOrRegion | unknown {
  const items = value instanceof Tuple ? value.items : value;
  if (!Array.isArray(items)) return typeof value === 'number' ? value : null;
  return levels > 0 && items.length <= MOST_LABELS ? items.map((item) => plainLabels(item, levels - 1)) : null;
}
