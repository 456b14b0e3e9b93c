/** Trains one fold and validates it on its whole images: the contents of a fold's folder. */
import {
  CHECKPOINT,
  train,
  type EpochReport,
  type StateStore,
  type TrainingSettings,
  type TrainOptions,
  type TrainResult,
} from '@voxelwise/training';
import { directoryStore, type CaseFolder } from '@voxelwise/training/node';
import { loadModel, oneHotLabels, patchOf, type PreparedImage } from '@voxelwise/inference';
import { readVolume } from '@voxelwise/io/node';
import { directoryFolder } from '@voxelwise/inference/node';
import {
  assignedSplits,
  checkSplits,
  makeSplits,
  splitForFold,
  writePlans,
  type ConfigurationPlan,
  type Fold,
  type PlansFile,
  type Split,
} from '@voxelwise/planner';
import type { Device } from '@voxelwise/compute';
import type { Summary } from '@voxelwise/metrics';
import { join } from 'node:path';
import { livingDevice, reopenDevice, type Context } from '../context.ts';
import { exists, readJson, sha256, writeJson, writeWhole } from '../files.ts';
import { CommandUsageError, InputError } from '../exit.ts';
import { modelFolder } from '../workspace.ts';
import type { OpenedDataset } from './dataset.ts';
import { nextStages, previousValidation, stagedCases, type CascadeNames } from './cascade.ts';
import { adoptNnunet } from './adoption.ts';
import { groundTruthFolder, preparedCases } from './preparation.ts';
import { progressChart } from '../report/progress-chart.ts';
import { saveSummary, scorePairs } from './scoring.ts';
import { segmentCases, type SegmentOptions } from './segmenting.ts';
import type { CurvePoint } from '../report/run-summary.ts';

/** Step → seconds of training, in a fold's folder. */
export const TIMES = 'times.json';

export interface FoldOptions {
  readonly plans: PlansFile;
  readonly plan: ConfigurationPlan;
  readonly settings: TrainingSettings;
  readonly inference: { readonly stepSize: number; readonly mirroring: boolean };
  /** Changes `inference` case by case; see `SegmentOptions`. */
  readonly pace?: SegmentOptions['pace'];
  readonly trainer: string;
  /** Trainer of a cascade's first stage, where it is another. */
  readonly previousTrainer?: string;
  /** Where patches are augmented while the device trains. */
  readonly augmentOn: Device;
  readonly fold: Fold;
  readonly splits: readonly Split[];
  readonly secondsLeft?: () => number;
  /** Write no checkpoint on the way: a training that is interrupted starts again. */
  readonly finalCheckpointOnly?: boolean;
  /** Keep the probabilities of the validation cases beside their segmentations: find-best tries ensembles with them. */
  readonly exportProbabilities?: boolean;
  readonly extra?: Partial<
    Pick<TrainOptions, 'loss' | 'augmentation' | 'build' | 'pretrained' | 'sampler' | 'schedule'>
  >;
  /** Told apart when resuming, beside plan and settings: files of the user's own. */
  readonly identity?: Readonly<Record<string, string>>;
}

export interface TrainedFold {
  /** Folder with plans.json, dataset.json and the folds. */
  readonly model: string;
  readonly folder: string;
  readonly split: Split;
  readonly result: TrainResult;
  readonly seconds: number;
}

/** The folds of a data set: given as a file, found beside it, assigned by its datalist, or made as nnU-Net makes them. */
export async function splitsStage(dataset: OpenedDataset, given?: string): Promise<readonly Split[]> {
  const ids = dataset.source.training.map((files) => files.id);
  const path = join(dataset.preprocessed, 'splits_final.json');
  if (given !== undefined) return checkSplits(await readJson(given), ids);
  if (exists(path)) return checkSplits(await readJson(path), ids);
  const beside = join(dataset.source.tree.root, 'splits_final.json');
  // Too few cases for five folds still train on all of them.
  const made = (): Split[] => assignedSplits(dataset.source.training) ?? (ids.length >= 5 ? makeSplits(ids) : []);
  const splits = exists(beside) ? checkSplits(await readJson(beside), ids) : made();
  if (splits.length > 0) await writeJson(path, splits);
  return splits;
}

/** Throws: CommandUsageError for a numbered fold of a data set that is too small for folds. */
export function requireFolds({ name, source }: OpenedDataset, splits: readonly Split[], folds: readonly Fold[]): void {
  if (splits.length > 0 || folds.every((fold) => fold === 'all')) return;
  throw new CommandUsageError(
    `${name} has ${source.training.length} cases, too few for five folds; train on all of them (fold all, run --folds all), or name the folds in a splits_final.json`,
    { cases: source.training.length },
  );
}

export function foldFolder(
  dataset: OpenedDataset,
  { trainer, plans, plan, fold }: Pick<FoldOptions, 'trainer' | 'plans' | 'plan' | 'fold'>,
): { model: string; folder: string } {
  const model = join(dataset.results, modelFolder(trainer, plans.plans_name, plan.name));
  return { model, folder: join(model, `fold_${fold}`) };
}

function cascadeNames({
  plans,
  plan,
  trainer,
  previousTrainer,
}: Pick<FoldOptions, 'plans' | 'plan' | 'trainer' | 'previousTrainer'>): CascadeNames {
  return { plans, plan, trainer: previousTrainer ?? trainer };
}

/** Trains, or goes on, or finds that all is done. */
export async function trainFold(
  context: Context,
  dataset: OpenedDataset,
  device: Device,
  cases: CaseFolder,
  options: FoldOptions,
): Promise<TrainedFold> {
  const { plans, plan, settings, fold } = options;
  const split = splitForFold(
    options.splits,
    fold,
    dataset.source.training.map((files) => files.id),
  );
  const { model, folder } = foldFolder(dataset, options);
  const staged =
    plan.previousStage === undefined
      ? cases
      : stagedCases(dataset, cases, [...new Set([...split.train, ...split.val])], cascadeNames(options));
  await Promise.all([
    writeWhole(join(model, 'plans.json'), writePlans(plans)),
    writeJson(join(model, 'dataset.json'), dataset.datasetJson),
  ]);
  const identity = {
    configuration: plan.name,
    fold: String(fold),
    patch: plan.patchSize,
    network: plan.network,
    ...options.identity,
  };
  await adoptNnunet(context, folder, { network: plan.network, settings, seed: context.seed, identity });
  const log = await TrainingLog.open(join(folder, TIMES));
  const progress = context.output.progress(`train ${plan.name}, fold ${fold}`, settings.steps, 'step');
  const begun = performance.now();
  let loss = 0;
  let said: string | undefined;
  const generator = train({
    device: livingDevice(device),
    reopen: (lost) => reopenDevice(context, device, lost),
    augmentOn: options.augmentOn,
    network: plan.network,
    patch: patchOf(plan),
    labels: plan.labels,
    settings,
    cases: staged,
    cascade: plan.previousStage !== undefined,
    train: split.train,
    validation: split.val,
    seed: context.seed,
    store: options.finalCheckpointOnly ? finalOnly(directoryStore(folder)) : directoryStore(folder),
    identity,
    signal: context.signal,
    ...(options.secondsLeft ? { secondsLeft: options.secondsLeft } : {}),
    ...options.extra,
    onStep: (report) => {
      loss = loss === 0 ? report.loss : 0.95 * loss + 0.05 * report.loss;
      progress.update(
        report.step,
        `loss ${loss.toFixed(3)} · epoch ${report.epoch + 1}${log.lastDice === null ? '' : ` · Dice ${log.lastDice.toFixed(3)}`}`,
        report.steps,
      );
      context.output.detail(
        `step ${report.step}: loss ${report.loss.toFixed(4)}, rate ${report.learningRate.toExponential(2)}`,
      );
    },
  });
  let outcome = await generator.next();
  while (!outcome.done) {
    await log.add(outcome.value, log.before + (performance.now() - begun) / 1000);
    const { note, epoch } = outcome.value;
    if (note !== undefined && note !== said) context.output.note(`epoch ${epoch + 1}: ${note}`);
    said = note;
    outcome = await generator.next();
  }
  const result = outcome.value;
  await writeWhole(
    join(folder, 'progress.svg'),
    progressChart(log.points(result.history), `${plan.name}, fold ${fold}`),
  );
  progress.end(`${result.steps} steps, pseudo Dice ${result.bestEmaDice?.toFixed(3) ?? '–'}`);
  return { model, folder, split, result, seconds: log.seconds };
}

/** A fold's checkpoint, ours before nnU-Net's. Throws: InputError if it has neither. */
export function checkpointFile(folder: string, name: 'final' | 'best'): string {
  const file = [CHECKPOINT[name], `checkpoint_${name}.pth`].map((one) => join(folder, one)).find(exists);
  if (file === undefined)
    throw new InputError(
      'missing-checkpoint',
      `${join(folder, CHECKPOINT[name])}: there is no such checkpoint, nor one of nnU-Net's; train this fold first.`,
      folder,
    );
  return file;
}

function finalOnly(store: StateStore): StateStore {
  return {
    ...store,
    write: (name, bytes) =>
      name === CHECKPOINT.latest || name === CHECKPOINT.best ? Promise.resolve() : store.write(name, bytes),
  };
}

/** Seconds of training at each epoch's end, kept beside the checkpoints, which hold no clock. */
class TrainingLog {
  lastDice: number | null = null;
  readonly #path: string;
  readonly #times: Record<string, number>;
  /** Seconds of earlier sittings. */
  readonly before: number;

  private constructor(path: string, times: Record<string, number>) {
    this.#path = path;
    this.#times = times;
    this.before = this.seconds;
  }

  static async open(path: string): Promise<TrainingLog> {
    return new TrainingLog(path, exists(path) ? await readJson(path) : {});
  }

  async add(report: EpochReport, seconds: number): Promise<void> {
    this.lastDice = report.meanDice;
    this.#times[report.step] = seconds;
    await writeJson(this.#path, this.#times);
  }

  points(history: readonly EpochReport[]): CurvePoint[] {
    return curvePoints(history, this.#times);
  }

  get seconds(): number {
    return Math.max(0, ...Object.values(this.#times));
  }
}

export function curvePoints(history: readonly EpochReport[], times: Readonly<Record<string, number>>): CurvePoint[] {
  return history.map((epoch) => ({
    epoch: epoch.epoch,
    step: epoch.step,
    seconds: times[epoch.step] ?? 0,
    trainLoss: epoch.trainLoss,
    validationLoss: epoch.validationLoss,
    pseudoDice: epoch.meanDice,
    emaDice: epoch.emaDice,
    learningRate: epoch.learningRate,
  }));
}

/** A case as the network sees it, from what preprocessing left of it. */
async function preparedImage(
  context: Context,
  dataset: OpenedDataset,
  options: Pick<FoldOptions, 'plan' | 'plans' | 'trainer' | 'previousTrainer'>,
  id: string,
): Promise<PreparedImage> {
  const { plan } = options;
  const folder = preparedCases(context, dataset, plan);
  const cases = plan.previousStage === undefined ? folder : stagedCases(dataset, folder, [id], cascadeNames(options));
  const { shape, channels, crop, properties } = await cases.open(id);
  if (properties === undefined)
    throw new InputError(
      'missing-properties',
      `${id}: its preprocessed case does not say where in its image it lies; preprocess it again, or bring its image back to validate it.`,
      dataset.preprocessed,
      { case: id },
    );
  const { image, labels } = await crop([0, 0, 0], shape);
  const voxels = image.length / channels;
  // Behind the labels of a cascade's case stand those of the stage before.
  const before = oneHotLabels(labels.subarray(voxels), plan.labels.foregroundLabels);
  const data = new Float32Array(image.length + before.length);
  data.set(image);
  data.set(before, image.length);
  const { grid } = await readVolume(referenceFile(dataset, id), { kind: 'labels' });
  return { id, image: { channels: data.length / voxels, shape, data }, properties, grid };
}

function referenceFile(dataset: OpenedDataset, id: string): string {
  return join(groundTruthFolder(dataset), `${id}${dataset.source.fileEnding}`);
}

/** Segments the fold's validation cases as whole images and scores them: `validation/` and its summary.json. */
export async function validateFold(
  context: Context,
  dataset: OpenedDataset,
  device: Device,
  trained: Pick<TrainedFold, 'model' | 'folder' | 'split'>,
  options: Pick<
    FoldOptions,
    'plan' | 'plans' | 'trainer' | 'previousTrainer' | 'inference' | 'pace' | 'fold' | 'exportProbabilities' | 'extra'
  >,
  checkpoint: 'final' | 'best' = 'final',
): Promise<Summary> {
  const { plan, inference, fold } = options;
  const model = await loadModel(directoryFolder(trained.model), {
    configuration: plan.name,
    folds: [fold],
    checkpoint,
    build: () => options.extra?.build,
  });
  const folder = join(trained.folder, 'validation');
  const wanted = new Set(trained.split.val);
  const files = dataset.source.training.filter((one) => wanted.has(one.id));
  const missing = [...wanted].filter((id) => !files.some((one) => one.id === id));
  if (missing.length > 0)
    throw new InputError(
      'missing-case',
      `fold ${fold}: ${missing[0]!} is to be validated but not in the data set.`,
      dataset.source.tree.root,
      { missing },
    );
  const identity = `${await sha256(checkpointFile(trained.folder, checkpoint))} step ${inference.stepSize} mirroring ${inference.mirroring}`;
  const made = await segmentCases(context, model, device, dataset.source, files, folder, {
    ...inference,
    identity,
    saveProbabilities: options.exportProbabilities ?? false,
    prepared: (id) => preparedImage(context, dataset, options, id),
    ...(options.pace ? { pace: options.pace } : {}),
    previousStage: plan.previousStage === undefined ? undefined : previousValidation(dataset, cascadeNames(options)),
    nextStages: await nextStages(context, dataset, options, trained.model),
  });
  const pairs = made.map(({ id, output }) => ({
    id,
    prediction: output,
    reference: referenceFile(dataset, id),
  }));
  const summary = await scorePairs(context, pairs, {
    labels: plan.labels.foreground,
    ignoreLabel: plan.labels.ignoreLabel,
    surfaces: true,
  });
  await saveSummary(join(folder, 'summary.json'), summary);
  return summary;
}
