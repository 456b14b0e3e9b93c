/** Trained models in exchange: nnU-Net's zip, its `.pth`, safetensors. */
import { encodeZip, type ZipContent } from '@voxelwise/io';
import { encodeNnunetCheckpoint, loadModel, type Model, type NnunetTrainingState } from '@voxelwise/inference';
import { directoryFolder } from '@voxelwise/inference/node';
import type { DatasetJson, PlansFile } from '@voxelwise/planner';
import { decodeCheckpoint, isCheckpoint, nnunetTraining } from '@voxelwise/training';
import { parsePythonJson } from '@voxelwise/volume';
import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { InputError } from '../exit.ts';
import { exists, readJson } from '../files.ts';
import { TIMES } from './training.ts';

export interface ArchiveOptions {
  readonly folds: readonly (number | string)[] | undefined;
  /** `final`, `best`, … */
  readonly checkpoints: readonly string[];
  /** Also the segmentations of the cross-validation. */
  readonly predictions: boolean;
  /** Pass over folds that were not trained. */
  readonly lenient: boolean;
}

/** A fold's checkpoint as nnU-Net has it; with the state of its training where that can go on there. */
export async function torchCheckpoint(folder: string, model: Model, checkpoint: string): Promise<Uint8Array> {
  const { plans, datasetJson, trainer } = await modelTexts(folder);
  const { name, weights } = model.folds[0]!;
  return encodeNnunetCheckpoint({
    plan: model.plan,
    plans: parsePythonJson(plans, 'plans.json') as unknown as PlansFile,
    dataset: parsePythonJson(datasetJson, 'dataset.json') as unknown as DatasetJson,
    fold: name === 'all' ? name : Number(name),
    weights,
    mirrorAxes: model.mirrorAxes,
    trainer,
    training: await trainingState(join(folder, `fold_${name}`), checkpoint),
  });
}

/** Undefined for weights of other origin. */
async function trainingState(folder: string, checkpoint: string): Promise<NnunetTrainingState | undefined> {
  const path = join(folder, `checkpoint_${checkpoint}.safetensors`);
  if (!exists(path)) return undefined;
  const bytes = await readFile(path);
  if (!isCheckpoint(bytes, path)) return undefined;
  const times = exists(join(folder, TIMES)) ? await readJson<Record<string, number>>(join(folder, TIMES)) : {};
  return nnunetTraining(decodeCheckpoint(bytes, path), ({ step }) => times[step] ?? 0);
}

/** The texts that a checkpoint repeats, from a model's folder. */
export async function modelTexts(folder: string): Promise<{ plans: string; datasetJson: string; trainer: string }> {
  const read = async (name: string): Promise<string> => {
    const path = join(folder, name);
    if (!exists(path))
      throw new InputError(
        'no-model',
        `${path}: there is no such file; a model is a folder with plans.json, dataset.json and fold_0, fold_1 … below it.`,
        path,
      );
    return readFile(path, 'utf8');
  };
  const trainer =
    basename(resolve(folder)).split('__').length === 3 ? basename(resolve(folder)).split('__')[0]! : 'nnUNetTrainer';
  return { plans: await read('plans.json'), datasetJson: await read('dataset.json'), trainer };
}

/** Small files beside the weights that travel along. */
const FOLD_FILES = [
  'debug.json',
  'progress.png',
  'progress.svg',
  'progress.json',
  'network_architecture.pdf',
  'validation/summary.json',
];
const MODEL_FILES = ['plans.json', 'dataset.json', 'dataset_fingerprint.json'];

/** The archive of models, by their paths below the results folder. Throws: InputError, ModelError naming what is missing. */
export async function packModels(models: readonly string[], options: ArchiveOptions): Promise<Uint8Array> {
  const contents: ZipContent[] = [];
  for (const model of models) contents.push(...(await modelContents(resolve(model), options)));
  return encodeZip(contents, { compress: true });
}

async function modelContents(model: string, options: ArchiveOptions): Promise<ZipContent[]> {
  const place = `${datasetNameOf(model, (await modelTexts(model)).plans)}/${basename(model)}`;
  const contents: ZipContent[] = [];
  const add = async (path: string): Promise<void> => {
    if (exists(join(model, path)))
      contents.push({ name: `${place}/${path}`, bytes: await readFile(join(model, path)) });
  };
  for (const name of MODEL_FILES) await add(name);
  const folds = await foldsOf(model, options);
  for (const fold of folds) {
    for (const checkpoint of options.checkpoints)
      contents.push({
        name: `${place}/fold_${fold}/checkpoint_${checkpoint}.pth`,
        bytes: await foldCheckpoint(model, fold, checkpoint),
      });
    for (const name of FOLD_FILES) await add(`fold_${fold}/${name}`);
  }
  for (const gathered of (await readdir(model)).filter((name) => name.startsWith('crossval_results_folds_'))) {
    const names = options.predictions
      ? (await readdir(join(model, gathered), { withFileTypes: true }))
          .filter((entry) => entry.isFile())
          .map((entry) => entry.name)
      : ['summary.json', 'postprocessing.json', 'postprocessing.pkl', 'plans.json'];
    for (const name of names) await add(`${gathered}/${name}`);
  }
  return contents;
}

/** nnU-Net's own file as it is; ours translated. */
async function foldCheckpoint(model: string, fold: string, checkpoint: string): Promise<Uint8Array> {
  const theirs = join(model, `fold_${fold}`, `checkpoint_${checkpoint}.pth`);
  if (exists(theirs)) return readFile(theirs);
  const loaded = await loadModel(directoryFolder(model), { folds: [fold], checkpoint });
  return torchCheckpoint(model, loaded, checkpoint);
}

async function foldsOf(model: string, { folds, checkpoints, lenient }: ArchiveOptions): Promise<string[]> {
  const there = (await readdir(model)).flatMap((name) => /^fold_(.+)$/.exec(name)?.[1] ?? []).sort();
  const trained = there.filter((fold) =>
    checkpoints.every((checkpoint) =>
      ['pth', 'safetensors'].some((ending) =>
        exists(join(model, `fold_${fold}`, `checkpoint_${checkpoint}.${ending}`)),
      ),
    ),
  );
  const wanted = folds?.map(String) ?? trained;
  const missing = wanted.filter((fold) => !trained.includes(fold));
  if (wanted.length === 0 || (missing.length > 0 && !lenient) || missing.length === wanted.length)
    throw new InputError(
      'missing-fold',
      `${model}: fold ${missing.join(', ') || '0'} has no checkpoint_${checkpoints.join(' or ')}; there are folds ${trained.join(', ') || 'none'}. Name the folds to pack with --folds.`,
      model,
      { missing, trained },
    );
  return wanted.filter((fold) => trained.includes(fold));
}

/** The data set's folder as the results have it, else the name in the plans. */
function datasetNameOf(model: string, plans: string): string {
  const parent = basename(dirname(model));
  if (/^Dataset\d{3,}_/.test(parent)) return parent;
  const name = (JSON.parse(plans) as { dataset_name?: unknown }).dataset_name;
  return typeof name === 'string' && /^Dataset\d{3,}_[^/\\]+$/.test(name) ? name : 'Dataset000_imported';
}
