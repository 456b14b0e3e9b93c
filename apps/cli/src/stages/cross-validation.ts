/** The validation cases of all folds of a trained model, gathered in one folder and scored: `crossval_results_folds_…`. */
import type { FoldName, ModelIdentity } from '@voxelwise/ensemble';
import { modelName } from '@voxelwise/ensemble';
import { labelScheme } from '@voxelwise/planner';
import type { Summary } from '@voxelwise/metrics';
import { copyFile, mkdir, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Context } from '../context.ts';
import { InputError } from '../exit.ts';
import { exists, writeJson } from '../files.ts';
import type { KnownDataset } from './known-dataset.ts';
import { caseNames } from './label-files.ts';
import { saveSummary, scorePairs } from './scoring.ts';

export interface GatheredModel {
  readonly identity: ModelIdentity;
  /** Folder with plans.json and the folds. */
  readonly model: string;
  /** Folder of the gathered segmentations. */
  readonly folder: string;
  /** Case → folder of the fold that validated it. */
  readonly validation: ReadonlyMap<string, string>;
}

export function gatheredName(folds: readonly FoldName[]): string {
  return `crossval_results_folds_${folds.join('_')}`;
}

/** Models of a data set that have a results folder: `TRAINER__PLANS__CONFIGURATION`, the reference's order of configurations. */
export async function trainedModels(dataset: KnownDataset): Promise<ModelIdentity[]> {
  if (!exists(dataset.results))
    throw new InputError(
      'no-results',
      `${dataset.results}: there are no results of ${dataset.name}; train first.`,
      dataset.results,
    );
  const order = ['2d', '3d_fullres', '3d_lowres', '3d_cascade_fullres'];
  const rank = ({ configuration }: ModelIdentity): number =>
    order.includes(configuration) ? order.indexOf(configuration) : order.length;
  return (await readdir(dataset.results))
    .map((name) => name.split('__'))
    .filter((parts) => parts.length === 3 && !parts[0]!.startsWith('ensemble'))
    .map(([trainer, plans, configuration]): ModelIdentity => ({
      trainer: trainer!,
      plans: plans!,
      configuration: configuration!,
    }))
    .sort((a, b) => rank(a) - rank(b) || (modelName(a) < modelName(b) ? -1 : 1));
}

/** Copies each fold's validation segmentations. Throws: InputError if a fold has none, or two folds validated the same case. */
export async function gatherFolds(
  dataset: KnownDataset,
  identity: ModelIdentity,
  folds: readonly FoldName[],
  out?: string,
): Promise<GatheredModel> {
  const model = join(dataset.results, modelName(identity));
  const ending = dataset.datasetJson.file_ending;
  const folder = out ?? join(model, gatheredName(folds));
  const validation = new Map<string, string>();
  for (const fold of folds) {
    const from = join(model, `fold_${fold}`, 'validation');
    if (!exists(from))
      throw new InputError(
        'missing-validation',
        `${from}: fold ${fold} of ${modelName(identity)} has no validation segmentations; train (or finish) it, or leave it out with --folds.`,
        from,
        { fold },
      );
    for (const id of await caseNames(from, ending)) {
      const other = validation.get(id);
      if (other !== undefined)
        throw new InputError(
          'case-in-two-folds',
          `${from}: case ${id} was validated by ${other} too; were the folds trained with different splits?`,
          join(from, id + ending),
          { case: id },
        );
      validation.set(id, from);
    }
  }
  await mkdir(folder, { recursive: true });
  for (const [id, from] of validation) await copyWhole(join(from, id + ending), join(folder, id + ending));
  await writeJson(join(folder, 'dataset.json'), dataset.datasetJson);
  if (exists(join(model, 'plans.json'))) await copyWhole(join(model, 'plans.json'), join(folder, 'plans.json'));
  return { identity, model, folder, validation };
}

async function copyWhole(from: string, to: string): Promise<void> {
  await copyFile(from, `${to}.part`);
  await rename(`${to}.part`, to);
}

/** Scores a folder of segmentations against the data set's references as the reference does; writes summary.json there. */
export async function scoreFolder(context: Context, dataset: KnownDataset, folder: string): Promise<Summary> {
  const { file_ending: ending, labels, regions_class_order: order } = dataset.datasetJson;
  const scheme = labelScheme(labels, order);
  const pairs = (await caseNames(folder, ending)).map((id) => ({
    id,
    prediction: join(folder, id + ending),
    reference: join(dataset.references, id + ending),
  }));
  const missing = pairs.find(({ reference }) => !exists(reference));
  if (missing)
    throw new InputError(
      'missing-reference',
      `${missing.reference}: there is no reference for case ${missing.id}.`,
      missing.reference,
    );
  const summary = await scorePairs(context, pairs, { labels: scheme.foreground, ignoreLabel: scheme.ignoreLabel });
  await saveSummary(join(folder, 'summary.json'), summary);
  return summary;
}
