/** Preprocesses the cases of a data set for one configuration, and copies the ground truth aside. */
import { preprocessSettings } from '@voxelwise/inference';
import type { CaseFiles } from '@voxelwise/io';
import type { ConfigurationPlan } from '@voxelwise/planner';
import { caseFromNnunet, prepareCase } from '@voxelwise/training';
import { caseFolder, type CaseFolder } from '@voxelwise/training/node';
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { collectGarbage } from '../memory.ts';
import { planPreparations, requireFit } from './prediction-memory.ts';
import { openPreparationDevice, stopIfInterrupted, type Context } from '../context.ts';
import { InputError } from '../exit.ts';
import { exists, writeJson } from '../files.ts';
import { loadTrainingCase, pathOf, requireConsecutiveLabels, type OpenedDataset } from './dataset.ts';

/** Of --max-memory. */
const CACHE_SHARE = 1 / 16;

/** Prepared cases of a plan; what another plan prepared is refused by its mark. */
export function preparedCases(
  { maxMemory }: Pick<Context, 'maxMemory'>,
  dataset: OpenedDataset,
  plan: ConfigurationPlan,
): CaseFolder {
  const mark = createHash('sha256')
    .update(JSON.stringify(preprocessSettings(plan)))
    .digest('hex');
  return caseFolder(join(dataset.preprocessed, plan.dataIdentifier, mark.slice(0, 12)), {
    plan: mark,
    cacheBytes: cacheBytes(maxMemory),
  });
}

/** Prepared cases that are kept in memory, so that few are read again. */
export function cacheBytes(maxMemory: number | undefined): number {
  return maxMemory === undefined ? 2 ** 29 : Math.min(2 ** 29, CACHE_SHARE * maxMemory);
}

/** Prepares the cases that are not prepared yet, or whose files were changed since. */
export async function prepareStage(
  context: Context,
  dataset: OpenedDataset,
  plan: ConfigurationPlan,
): Promise<CaseFolder> {
  const folder = preparedCases(context, dataset, plan);
  const cases = dataset.source.training;
  await writeJson(join(dataset.preprocessed, 'dataset.json'), dataset.datasetJson);
  const missing: CaseFiles[] = [];
  for (const files of cases) {
    const saved = await folder.savedAt(files.id);
    const isOld = files.images.length > 0 && saved !== undefined && saved < (await changedAt(dataset, files));
    if (saved === undefined || isOld) missing.push(files);
  }
  await keepGroundTruth(dataset);
  if (missing.length === 0) return folder;
  requireConsecutiveLabels(dataset);
  await prepareMissing(context, dataset, plan, folder, missing);
  if (context.maxMemory !== undefined) collectGarbage();
  return folder;
}

async function prepareMissing(
  context: Context,
  dataset: OpenedDataset,
  plan: ConfigurationPlan,
  folder: CaseFolder,
  missing: readonly CaseFiles[],
): Promise<void> {
  if (context.maxMemory !== undefined)
    requireFit(context, await planPreparations(context, dataset.source, missing, plan), 'preprocessing');
  const progress = context.output.progress(`preprocess ${plan.name}`, missing.length, 'case');
  const device = await openPreparationDevice(context);
  let taken = 0;
  try {
    for (const [k, files] of missing.entries()) {
      stopIfInterrupted(context);
      const theirs = await preparedByNnunet(dataset, plan, files.id);
      if (!theirs && files.images.length === 0)
        throw new InputError(
          'missing-preprocessed',
          `${join(dataset.preprocessed, plan.dataIdentifier)}: holds no preprocessed ${files.id} (.b2nd or .npz, with .pkl), and its images are not there to preprocess it.`,
          dataset.preprocessed,
          { case: files.id },
        );
      if (theirs) taken++;
      await folder.save(theirs ?? (await prepareCase(await loadTrainingCase(dataset, files), plan, device)));
      progress.update(k + 1, files.id);
    }
  } finally {
    device.dispose();
  }
  progress.end();
  if (taken > 0)
    context.output.note(`${taken} of these cases are as nnU-Net preprocessed them (${plan.dataIdentifier})`);
}

/** When the youngest of a case's files was written, in milliseconds since 1970; 0 where none is there. */
async function changedAt(
  dataset: OpenedDataset,
  { images = [], label }: Partial<Pick<CaseFiles, 'images' | 'label'>>,
): Promise<number> {
  const times = [...images, ...(label === undefined ? [] : [label])].map((file) =>
    stat(pathOf(dataset, file)).then(
      ({ mtimeMs }) => mtimeMs,
      () => 0,
    ),
  );
  return Math.max(0, ...(await Promise.all(times)));
}

/** nnU-Net's own preprocessed case, where its folder holds one. Throws: TrainingError if it is of another plan. */
async function preparedByNnunet(
  dataset: OpenedDataset,
  plan: ConfigurationPlan,
  id: string,
): Promise<Awaited<ReturnType<typeof caseFromNnunet>> | undefined> {
  const folder = join(dataset.preprocessed, plan.dataIdentifier);
  const [packed, zipped, beside] = [`${id}.b2nd`, `${id}.npz`, `${id}.pkl`].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const path = exists(packed) ? packed : zipped;
  if (!exists(path) || !exists(beside)) return undefined;
  const [arrays, properties, labels] = await Promise.all([
    readFile(path),
    readFile(beside),
    path === packed ? readFile(join(folder, `${id}_seg.b2nd`)) : undefined,
  ]);
  return caseFromNnunet({ id, arrays, properties, path, ...(labels ? { labels } : {}) }, plan);
}

/** Labels as they are on disk, where nnU-Net's tools look for them. */
async function keepGroundTruth(dataset: OpenedDataset): Promise<void> {
  const folder = groundTruthFolder(dataset);
  await mkdir(folder, { recursive: true });
  for (const { id, label } of dataset.source.training) {
    if (label === undefined) continue;
    const target = join(folder, `${id}${dataset.source.fileEnding}`);
    const source = pathOf(dataset, label);
    if (source === target || (exists(target) && (await stat(target)).mtimeMs >= (await changedAt(dataset, { label }))))
      continue;
    await copyFile(source, `${target}.part`);
    await rename(`${target}.part`, target);
  }
}

export function groundTruthFolder(dataset: OpenedDataset): string {
  return join(dataset.preprocessed, 'gt_segmentations');
}
