/** `find-best`: which configuration, or pair of them, validated best over the folds, and which post-processing helps it. */
import { modelName, type FoldName, type ModelIdentity } from '@voxelwise/ensemble';
import { readPlans } from '@voxelwise/planner';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Context } from '../context.ts';
import { InputError } from '../exit.ts';
import { exists } from '../files.ts';
import type { CommandDefinition } from '../command-definition.ts';
import { gatherFolds, gatheredName, scoreFolder, trainedModels } from '../stages/cross-validation.ts';
import { knownDataset, type KnownDataset } from '../stages/known-dataset.ts';
import { finite } from '../stages/scoring.ts';
import { describePostprocessing, selectModel } from '../stages/selection.ts';
import { formatTable } from '../terminal/output.ts';
import { parseFolds } from '../values.ts';

interface FindBestFlags {
  readonly configurations?: readonly string[];
  readonly folds: string;
  readonly trainer?: readonly string[];
  readonly plans?: readonly string[];
  readonly ensembling: boolean;
}

export const findBestCommand: CommandDefinition = {
  name: 'find-best',
  define: (command, withContext) =>
    command
      .description(
        'choose the configuration, or pair of them, that validated best over the folds, and its post-processing',
      )
      .argument('<dataset>', 'id, name or path of a data set')
      .option('-c, --configurations <names...>', 'only these (default: all that were trained)')
      .option('--folds <list>', 'the folds that were trained', '0,1,2,3,4')
      .option('--trainer <names...>', 'only models of these trainers')
      .option('--plans <names...>', 'only models of these plans')
      .option('--no-ensembling', 'single models only')
      .addHelpText(
        'after',
        '\nPairs are tried where every fold was trained with --export-validation-probabilities.\n\nExamples:\n  $ voxelwise find-best Task04_Hippocampus\n  $ voxelwise find-best 4 -c 2d 3d_fullres --folds 0,1 --json',
      )
      .action(withContext(findBestModel)),
};

async function findBestModel(context: Context, spec: string, flags: FindBestFlags): Promise<void> {
  const { output } = context;
  const dataset = await knownDataset(context, spec);
  const folds = parseFolds(flags.folds);
  const models = await chooseModels(context, dataset, flags);
  const selection = await selectModel(context, dataset, models, folds, flags.ensembling);
  const { candidates, best, postprocessing } = selection.best;
  const rows = candidates.map((one) => [
    one.name === best.name ? '→' : '',
    one.name,
    one.summary.foreground_mean.Dice.toFixed(4),
  ]);
  output.print(formatTable(['', 'model', 'mean Dice'], rows));
  output.print(
    `post-processing: ${describePostprocessing(postprocessing.steps)}; mean Dice ${postprocessing.after.foreground_mean.Dice.toFixed(4)}`,
  );
  output.print(`how to predict new cases: ${selection.instructions}`);
  output.document({
    dataset: dataset.name,
    folds,
    cases: selection.cases.length,
    best: best.name,
    members: best.members,
    meanDice: finite(best.summary.foreground_mean.Dice),
    meanDicePostprocessed: finite(postprocessing.after.foreground_mean.Dice),
    results: Object.fromEntries(candidates.map((one) => [one.name, finite(one.summary.foreground_mean.Dice)])),
    postprocessing: postprocessing.steps,
    outputs: {
      information: selection.information,
      instructions: selection.instructions,
      postprocessing: join(selection.folder, 'postprocessing.json'),
      folder: selection.folder,
    },
  });
}

/** A configuration asked for that the plans have but nobody trained is an error; one that the plans lack is passed over. */
async function chooseModels(
  context: Context,
  dataset: KnownDataset,
  { configurations, trainer, plans }: FindBestFlags,
): Promise<ModelIdentity[]> {
  const asked = configurations?.flatMap((name) => name.split(','));
  const known = (await trainedModels(dataset)).filter(
    (one) => (trainer?.includes(one.trainer) ?? true) && (plans?.includes(one.plans) ?? true),
  );
  const models =
    asked === undefined ? known : asked.flatMap((name) => known.filter((one) => one.configuration === name));
  for (const name of asked ?? []) {
    if (models.some((one) => one.configuration === name)) continue;
    const planned = await Promise.all(
      (plans ?? ['nnUNetPlans']).map(async (plan) =>
        hasConfiguration(join(dataset.preprocessed, `${plan}.json`), name),
      ),
    );
    if (planned.includes(true))
      throw new InputError(
        'missing-results',
        `${dataset.results}: configuration ${name} is in the plans but has no results; train it, or name the others with --configurations.`,
        dataset.results,
        { configuration: name },
      );
    context.output.note(`${name}: not in the plans, passed over`);
  }
  if (models.length === 0)
    throw new InputError(
      'no-results',
      `${dataset.results}: no trained model fits what was asked for; there are ${(await trainedModels(dataset)).map(modelName).join(', ') || 'none'}.`,
      dataset.results,
    );
  return models;
}

async function hasConfiguration(path: string, name: string): Promise<boolean> {
  return exists(path) && name in readPlans(await readFile(path, 'utf8'), path).configurations;
}

export const accumulateCommand: CommandDefinition = {
  name: 'accumulate',
  define: (command, withContext) =>
    command
      .description("gather one model's validation segmentations of all folds in one folder and score them together")
      .argument('<dataset>', 'id, name or path of a data set')
      .argument('<configuration>', '2d, 3d_fullres, …')
      .option('--folds <list>', 'the folds that were trained', '0,1,2,3,4')
      .option('--trainer <name>', 'of the model', 'nnUNetTrainer')
      .option('--plans <name>', 'of the model', 'nnUNetPlans')
      .option('--output <dir>', 'default: crossval_results_folds_… in the model’s folder')
      .addHelpText(
        'after',
        '\nExamples:\n  $ voxelwise accumulate Task04_Hippocampus 3d_fullres\n  $ voxelwise accumulate 4 2d --folds 0,1 --output two-folds',
      )
      .action(
        withContext(
          async (
            context: Context,
            spec: string,
            configuration: string,
            flags: { folds: string; trainer: string; plans: string; output?: string },
          ) => {
            const dataset = await knownDataset(context, spec);
            const folds: readonly FoldName[] = parseFolds(flags.folds);
            const gathered = await gatherFolds(
              dataset,
              { configuration, trainer: flags.trainer, plans: flags.plans },
              folds,
              flags.output,
            );
            const summary = await scoreFolder(context, dataset, gathered.folder);
            context.output.print(
              `mean Dice ${summary.foreground_mean.Dice.toFixed(4)} over ${gathered.validation.size} cases · ${gathered.folder}`,
            );
            context.output.document({
              meanDice: finite(summary.foreground_mean.Dice),
              cases: gathered.validation.size,
              outputs: { folder: gathered.folder, summary: join(gathered.folder, 'summary.json') },
              name: gatheredName(folds),
            });
          },
        ),
      ),
};
