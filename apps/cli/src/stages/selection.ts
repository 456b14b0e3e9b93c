/** The empirical step on a data set's results: which model, or pair of them, validated best, and what post-processing helps it. */
import {
  applyPostprocessing,
  findBest,
  inferenceInformation,
  inferenceInstructions,
  modelName,
  writeInferenceInformation,
  writePostprocessing,
  type Best,
  type Candidate,
  type FoldName,
  type KeepLargest,
  type ModelIdentity,
} from '@voxelwise/ensemble';
import { writeSummary, type Summary } from '@voxelwise/metrics';
import { labelScheme, readPlans } from '@voxelwise/planner';
import { readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { stopIfInterrupted, type Context } from '../context.ts';
import { InputError } from '../exit.ts';
import { exists, writeWhole } from '../files.ts';
import { gatherFolds, type GatheredModel } from './cross-validation.ts';
import type { KnownDataset } from './known-dataset.ts';
import { readLabels, writeLabels } from './label-files.ts';
import { openProbabilities } from './probabilities.ts';

export interface Selection {
  readonly best: Best;
  readonly cases: readonly string[];
  /** Folder of the winner's validation segmentations; its `postprocessed` holds them after post-processing. */
  readonly folder: string;
  /** inference_information.json */
  readonly information: string;
  /** inference_instructions.txt */
  readonly instructions: string;
}

/**
 * Compares models by their validation segmentations, and pairs of them where `ensembling` and their probabilities are at
 * hand. Writes what nnU-Net's find_best_configuration writes.
 * Throws: InputError if a fold was not validated, or the models validated different cases; EnsembleError.
 */
export async function selectModel(
  context: Context,
  dataset: KnownDataset,
  models: readonly ModelIdentity[],
  folds: readonly FoldName[],
  ensembling: boolean,
): Promise<Selection> {
  const gathered = new Map<string, GatheredModel>();
  for (const identity of models) gathered.set(modelName(identity), await gatherFolds(dataset, identity, folds));
  const cases = commonCases([...gathered.values()]);
  const pairs = ensembling && models.length > 1 && pairsPossible(context, [...gathered.values()], cases);
  const ending = dataset.datasetJson.file_ending;
  const of = (identity: ModelIdentity): GatheredModel => gathered.get(modelName(identity))!;
  const ensembles = join(dataset.results, 'ensembles');
  const progress = context.output.progress('find-best', models.length * cases.length, 'case');
  let seen = 0;
  const best = await findBest({
    models,
    folds,
    scheme: labelScheme(dataset.datasetJson.labels, dataset.datasetJson.regions_class_order),
    cases,
    fileOf: (id) => id + ending,
    reference: async (id) => (await readLabels(join(dataset.references, id + ending))).map,
    prediction: async (model, id) => {
      stopIfInterrupted(context);
      progress.update(Math.min(++seen, models.length * cases.length), id);
      return (await readLabels(join(of(model).folder, id + ending))).map;
    },
    ...(pairs
      ? {
          async *probabilities(model: ModelIdentity, id: string) {
            const saved = await openProbabilities(join(of(model).validation.get(id)!, `${id}.npz`));
            try {
              yield* saved.planes();
            } finally {
              await saved.close();
            }
          },
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

  const found = inferenceInformation(best, {
    datasetNameOrId: dataset.name,
    folds,
    // Of one model there are no pairs to allow or not.
    ensemblingAllowed: models.length > 1 ? pairs : ensembling,
    folderOfBest: folder,
  });
  const instructions = join(dataset.results, 'inference_instructions.txt');
  const information = join(dataset.results, 'inference_information.json');
  const flags = context.workspaceFlag === undefined ? [] : ['--workspace', resolve(context.workspaceFlag)];
  const previousStages = await previousStagesOf(join(folder, 'plans.json'));
  await writeWhole(instructions, inferenceInstructions(found, { previousStages, flags }));
  await writeWhole(information, writeInferenceInformation(found));
  return { best, cases, folder, information, instructions };
}

/** In words, for a person. */
export function describePostprocessing(steps: readonly KeepLargest[]): string {
  return (
    steps.map(({ labelsOrRegions }) => `largest component of ${JSON.stringify(labelsOrRegions)}`).join(', ') ||
    'none helps'
  );
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
  steps: readonly KeepLargest[],
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
