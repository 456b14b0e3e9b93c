/** `find-best`: which configuration, or pair of them, validated best over the folds, and which post-processing helps it. */
import {
  applyPostprocessing,
  findBest,
  inferenceInformation,
  inferenceInstructions,
  modelName,
  writeInferenceInformation,
  writePostprocessing,
  type Candidate,
  type FoldName,
  type ModelIdentity,
} from '@voxelwise/ensemble';
import { labelScheme, readPlans } from '@voxelwise/planner';
import { writeSummary, type Summary } from '@voxelwise/metrics';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { stopIfInterrupted, type Context } from '../context.ts';
import { InputError } from '../exit.ts';
import { exists, writeWhole } from '../files.ts';
import type { CommandDefinition } from '../program.ts';
import {
  gatherFolds,
  gatheredName,
  scoreFolder,
  trainedModels,
  type GatheredModel,
} from '../stages/cross-validation.ts';
import { knownDataset, type KnownDataset } from '../stages/known-dataset.ts';
import { readLabels, writeLabels } from '../stages/label-files.ts';
import { loadProbabilities } from '../stages/probabilities.ts';
import { finite } from '../stages/scoring.ts';
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
  const gathered = new Map<string, GatheredModel>();
  for (const identity of models) gathered.set(modelName(identity), await gatherFolds(dataset, identity, folds));
  const cases = commonCases([...gathered.values()]);
  const ensembling = flags.ensembling && models.length > 1 && pairsPossible(context, [...gathered.values()], cases);
  const ending = dataset.datasetJson.file_ending;
  const scheme = labelScheme(dataset.datasetJson.labels, dataset.datasetJson.regions_class_order);
  const of = (identity: ModelIdentity): GatheredModel => gathered.get(modelName(identity))!;
  const ensembles = join(dataset.results, 'ensembles');
  const progress = output.progress('find-best', models.length * cases.length, 'case');
  let seen = 0;

  const best = await findBest({
    models,
    folds,
    scheme,
    cases,
    fileOf: (id) => id + ending,
    reference: async (id) => (await readLabels(join(dataset.references, id + ending))).map,
    prediction: async (model, id) => {
      stopIfInterrupted(context);
      progress.update(Math.min(++seen, models.length * cases.length), id);
      return (await readLabels(join(of(model).folder, id + ending))).map;
    },
    ...(ensembling
      ? {
          probabilities: async (model: ModelIdentity, id: string) =>
            (await loadProbabilities(join(of(model).validation.get(id)!, `${id}.npz`))).values,
          onEnsembled: async (name: string, id: string, map: Parameters<typeof writeLabels>[2]) => {
            stopIfInterrupted(context);
            const like = await readLabels(join(dataset.references, id + ending));
            await writeLabels(join(ensembles, name, id + ending), like.volume, map);
          },
        }
      : {}),
  });
  progress.end();

  const folderOf = ({ name, members }: Candidate): string =>
    members.length > 1 ? join(ensembles, name) : of(members[0]!).folder;
  for (const candidate of best.candidates) await keepSummary(dataset, folderOf(candidate), candidate.summary);
  const folder = folderOf(best.best);
  if (best.best.members.length > 1)
    for (const name of ['plans.json', 'dataset.json']) await copyFrom(of(best.best.members[0]!).folder, folder, name);
  await writePostprocessed(dataset, folder, cases, best.postprocessing.steps, best.postprocessing.after);
  await writeWhole(join(folder, 'postprocessing.json'), writePostprocessing(best.postprocessing));

  const information = inferenceInformation(best, {
    datasetNameOrId: dataset.name,
    folds,
    ensemblingAllowed: ensembling,
    folderOfBest: folder,
  });
  const previousStages = await previousStagesOf(join(folder, 'plans.json'));
  await writeWhole(
    join(dataset.results, 'inference_instructions.txt'),
    inferenceInstructions(information, { previousStages }),
  );
  await writeWhole(join(dataset.results, 'inference_information.json'), writeInferenceInformation(information));

  const rows = best.candidates.map((one) => [
    one.name === best.best.name ? '→' : '',
    one.name,
    one.summary.foreground_mean.Dice.toFixed(4),
  ]);
  output.print(formatTable(['', 'model', 'mean Dice'], rows));
  output.print(
    `post-processing: ${best.postprocessing.steps.map((step) => `largest component of ${JSON.stringify(step.labelsOrRegions)}`).join(', ') || 'none helps'}; mean Dice ${best.postprocessing.after.foreground_mean.Dice.toFixed(4)}`,
  );
  output.print(`how to predict new cases: ${join(dataset.results, 'inference_instructions.txt')}`);
  output.document({
    dataset: dataset.name,
    folds,
    cases: cases.length,
    best: best.best.name,
    members: best.best.members,
    meanDice: finite(best.best.summary.foreground_mean.Dice),
    meanDicePostprocessed: finite(best.postprocessing.after.foreground_mean.Dice),
    results: Object.fromEntries(best.candidates.map((one) => [one.name, finite(one.summary.foreground_mean.Dice)])),
    postprocessing: best.postprocessing.steps,
    outputs: {
      information: join(dataset.results, 'inference_information.json'),
      instructions: join(dataset.results, 'inference_instructions.txt'),
      postprocessing: join(folder, 'postprocessing.json'),
      folder,
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

/** Throws: InputError if the models did not validate the same cases. */
function commonCases(models: readonly GatheredModel[]): string[] {
  const [first, ...others] = models;
  const cases = [...first!.validation.keys()].sort();
  for (const other of others) {
    const odd = [
      ...cases.filter((id) => !other.validation.has(id)),
      ...[...other.validation.keys()].filter((id) => !first!.validation.has(id)),
    ];
    if (odd.length > 0)
      throw new InputError(
        'different-cases',
        `${other.folder}: ${modelName(first!.identity)} and ${modelName(other.identity)} did not validate the same cases (${odd[0]!} is in one only); train both with the same splits.`,
        other.folder,
        { cases: odd },
      );
  }
  return cases;
}

function pairsPossible({ output }: Context, models: readonly GatheredModel[], cases: readonly string[]): boolean {
  const without = models.find(({ validation }) => cases.some((id) => !exists(join(validation.get(id)!, `${id}.npz`))));
  if (without)
    output.warn(
      `no ensembles are tried: ${modelName(without.identity)} was validated without probabilities; train with --export-validation-probabilities`,
    );
  return without === undefined;
}

/** The candidate's scores with whole paths, as an evaluation of its folder would write them. */
async function keepSummary(dataset: KnownDataset, folder: string, summary: Summary): Promise<void> {
  const metric_per_case = summary.metric_per_case.map((one) => ({
    ...one,
    prediction_file: join(folder, one.prediction_file),
    reference_file: join(dataset.references, one.reference_file),
  }));
  await writeWhole(join(folder, 'summary.json'), writeSummary({ ...summary, metric_per_case }));
}

async function copyFrom(from: string, to: string, name: string): Promise<void> {
  if (exists(join(from, name))) await writeWhole(join(to, name), await readFile(join(from, name)));
}

async function writePostprocessed(
  dataset: KnownDataset,
  folder: string,
  cases: readonly string[],
  steps: Parameters<typeof applyPostprocessing>[1],
  summary: Summary,
): Promise<void> {
  const target = join(folder, 'postprocessed');
  const ending = dataset.datasetJson.file_ending;
  await rm(target, { recursive: true, force: true });
  for (const id of cases) {
    const { volume, map } = await readLabels(join(folder, id + ending));
    await writeLabels(join(target, id + ending), volume, applyPostprocessing(map, steps));
  }
  await keepSummary(dataset, target, summary);
}

async function previousStagesOf(path: string): Promise<Record<string, string>> {
  if (!exists(path)) return {};
  const { configurations } = readPlans(await readFile(path, 'utf8'), path);
  return Object.fromEntries(
    Object.entries(configurations).flatMap(([name, entry]) =>
      typeof entry.previous_stage === 'string' ? [[name, entry.previous_stage]] : [],
    ),
  );
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
