/** Trained models in exchange: nnU-Net's zip, its `.pth`, safetensors. */
import {
  encodeTorch,
  encodeZip,
  OrderedDict,
  PyFloat,
  Tuple,
  type TorchWritable,
  type ZipContent,
} from '@voxelwise/io';
import { loadModel, type Model } from '@voxelwise/inference';
import { directoryFolder } from '@voxelwise/inference/node';
import { stateDictEntries, stateDictFromWeights, type Weights } from '@voxelwise/nets';
import { parsePythonJson } from '@voxelwise/volume';
import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { InputError } from '../exit.ts';
import { exists } from '../files.ts';

export interface ArchiveOptions {
  readonly folds: readonly (number | string)[] | undefined;
  /** `final`, `best`, … */
  readonly checkpoints: readonly string[];
  /** Also the segmentations of the cross-validation. */
  readonly predictions: boolean;
  /** Pass over folds that were not trained. */
  readonly lenient: boolean;
}

/** One fold's weights, in the order and under the names of the reference. */
export function referenceWeights({ plan }: Model, weights: Weights): OrderedDict {
  const dict = new OrderedDict();
  for (const [name, { shape, data }] of stateDictFromWeights(plan.network, weights))
    dict.set(name, { dtype: 'float32', shape, data } as never);
  return dict;
}

/** A checkpoint that nnU-Net's predictor and trainer open. The optimizer starts afresh: ours has another state. */
export async function torchCheckpoint(
  model: Model,
  fold: number,
  texts: { readonly plans: string; readonly datasetJson: string; readonly trainer: string },
): Promise<Uint8Array> {
  const { plan, mirrorAxes, folds } = model;
  const { name, weights } = folds[fold]!;
  const parameters = stateDictEntries(plan.network).filter((entry) => !entry.alias).length;
  const axes = plan.dimensions === 2 ? mirrorAxes.map((axis) => axis - 1) : mirrorAxes;
  const json = (text: string, file: string): TorchWritable => parsePythonJson(text, file) as TorchWritable;
  const logs = [
    'mean_fg_dice',
    'ema_fg_dice',
    'dice_per_class_or_region',
    'train_losses',
    'val_losses',
    'lrs',
    'epoch_start_timestamps',
    'epoch_end_timestamps',
  ];
  const group = {
    lr: new PyFloat(0.01),
    momentum: 0.99,
    dampening: 0,
    weight_decay: 3e-5,
    nesterov: true,
    maximize: false,
    foreach: null,
    params: Array.from({ length: parameters }, (_, i) => i),
  };
  return encodeTorch({
    network_weights: referenceWeights(model, weights) as unknown as TorchWritable,
    optimizer_state: { state: new Map(), param_groups: [group] },
    grad_scaler_state: null,
    logging: Object.fromEntries(logs.map((log) => [log, []])),
    _best_ema: null,
    current_epoch: 0,
    init_args: {
      plans: json(texts.plans, 'plans.json'),
      configuration: plan.name,
      fold: /^\d+$/.test(name) ? Number(name) : name,
      dataset_json: json(texts.datasetJson, 'dataset.json'),
    },
    trainer_name: texts.trainer,
    inference_allowed_mirroring_axes: axes.length === 0 ? null : new Tuple([...axes]),
  });
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
  return torchCheckpoint(loaded, 0, await modelTexts(model));
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
