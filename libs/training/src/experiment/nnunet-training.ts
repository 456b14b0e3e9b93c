/**
 * A training's state in exchange with nnU-Net's trainer: its momentum buffers, its epoch, its curves. Both take over where
 * the other stopped. Source: nnU-Net v2, nnUNetTrainer.save_checkpoint; PyTorch's SGD and AdamW state dicts.
 */
import type { NnunetTrainingState } from '@voxelwise/inference';
import {
  asFloat32,
  decodeTorch,
  PyFloat,
  torchArrays,
  TorchTensor,
  Tuple,
  type NamedArray,
  type NamedTensor,
  type PickleValue,
  type TorchWritable,
} from '@voxelwise/io';
import {
  stateDictEntries,
  weightsFromStateDict,
  type NamedArray as WeightArray,
  type NetworkConfig,
} from '@voxelwise/nets';
import { TrainingError } from '../errors.ts';
import type { EpochReport } from '../loop/reports.ts';
import type { OptimizerSettings, TrainingSettings } from '../recipes/training-settings.ts';
import { tensorsOf, type Checkpoint } from './checkpoint.ts';

/** PyTorch's name for what our optimizers keep per parameter. */
const KEPT: Readonly<Record<OptimizerSettings['name'], Readonly<Record<string, string>>>> = {
  sgd: { velocity: 'momentum_buffer' },
  adan: { first: 'm', difference: 'v', second: 'n', previous: 'prev_grad' },
  adamw: { first: 'exp_avg', second: 'exp_avg_sq', greatest: 'max_exp_avg_sq' },
};

/**
 * What nnU-Net needs to go on. `seconds`: at each epoch's end, since the start. Where weights are averaged, which its trainers
 * do not do, the file's weights are the averages, and going on moves them with the momentum of those they are averages of.
 */
export function nnunetTraining(
  checkpoint: Checkpoint,
  seconds: (report: EpochReport) => number = () => 0,
): NnunetTrainingState {
  const { settings, position } = checkpoint;
  const { history, step } = position;
  const state = new Map<string, Record<string, TorchWritable>>();
  for (const [ours, theirs] of Object.entries(KEPT[settings.optimizer.name]))
    for (const [name, { shape, data }] of tensorsOf(checkpoint, ours))
      state.set(name, { ...state.get(name), [theirs]: { dtype: 'float32', shape, data } });
  if (settings.optimizer.name === 'adamw')
    for (const own of state.values()) own['step'] = { dtype: 'float32', shape: [], data: Float32Array.of(step) };
  if (settings.optimizer.name === 'adan') for (const own of state.values()) own['step'] = step;
  const log = (value: (report: EpochReport) => number | null): PyFloat[] =>
    history.map((report) => new PyFloat(value(report) ?? NaN));
  const ends = history.map(seconds);
  const emas = history.flatMap(({ emaDice }) => emaDice ?? []);
  return {
    epochs: history.length,
    bestEmaDice: emas.length === 0 ? null : Math.max(...emas),
    group: groupOf(settings.optimizer, history.at(-1)?.learningRate),
    state,
    log: {
      mean_fg_dice: log(({ meanDice }) => meanDice),
      ema_fg_dice: log(({ emaDice }) => emaDice),
      dice_per_class_or_region: history.map(({ dice }) => dice.map((value) => new PyFloat(value ?? NaN))),
      train_losses: log(({ trainLoss }) => trainLoss),
      val_losses: log(({ validationLoss }) => validationLoss),
      lrs: log(({ learningRate }) => learningRate),
      epoch_start_timestamps: ends.map((_, k) => new PyFloat(ends[k - 1] ?? 0)),
      epoch_end_timestamps: ends.map((end) => new PyFloat(end)),
    },
  };
}

function groupOf(optimizer: OptimizerSettings, rate = optimizer.learningRate): NnunetTrainingState['group'] {
  const shared = {
    lr: new PyFloat(rate),
    weight_decay: new PyFloat(optimizer.weightDecay),
    maximize: false,
    foreach: null,
    differentiable: false,
    initial_lr: new PyFloat(optimizer.learningRate),
  };
  if (optimizer.name === 'adan')
    return {
      ...shared,
      betas: new Tuple([optimizer.beta1, optimizer.beta2, optimizer.beta3].map((beta) => new PyFloat(beta))),
      eps: new PyFloat(optimizer.epsilon),
      restart_cond: null,
    };
  return optimizer.name === 'sgd'
    ? { ...shared, momentum: new PyFloat(optimizer.momentum), dampening: 0, nesterov: optimizer.nesterov }
    : {
        ...shared,
        betas: new Tuple([new PyFloat(optimizer.beta1), new PyFloat(optimizer.beta2)]),
        eps: new PyFloat(optimizer.epsilon),
        amsgrad: optimizer.amsgrad ?? false,
        capturable: false,
      };
}

export interface NnunetResume {
  readonly network: NetworkConfig;
  readonly settings: TrainingSettings;
  readonly seed: number;
  readonly identity: Readonly<Record<string, unknown>>;
}

/**
 * Our state of a training that nnU-Net began: weights, momentum, epoch and curves from its `checkpoint_*.pth`.
 *
 * Throws: FormatError; WeightsError for another network; TrainingError where its optimizer is not the settings'.
 */
export async function checkpointFromNnunet(
  bytes: Uint8Array,
  file: string,
  { network, settings, seed, identity }: NnunetResume,
): Promise<Checkpoint> {
  const torch = await decodeTorch(bytes, { file });
  const top = torch.value instanceof Map ? torch.value : new Map<PickleValue, PickleValue>();
  const tensors = new Map<string, NamedTensor>();
  const arrays = new Map(Array.from(torchArrays(torch), ([name, array]) => [name, asFloats(array)]));
  for (const [name, array] of weightsFromStateDict(network, arrays)) {
    tensors.set(`weights.${name}`, array);
    // An average that has seen these weights alone.
    if (settings.average) tensors.set(`average.${name}`, array);
  }
  const epoch = top.get('current_epoch');
  if (typeof epoch !== 'number' || !Number.isInteger(epoch) || epoch < 0)
    throw new TrainingError(`${file}: "current_epoch" is ${String(epoch)}; the epochs done were expected.`, { file });
  const wanted = KEPT[settings.optimizer.name];
  const names = stateDictEntries(network).flatMap((entry) => (entry.alias || !entry.learned ? [] : [entry.ours]));
  const kept = child(child(top, 'optimizer_state'), 'state');
  for (const [index, name] of names.entries()) {
    const own = child(kept, index);
    for (const [ours, theirs] of Object.entries(wanted)) {
      const tensor = own?.get(theirs);
      if (tensor instanceof TorchTensor) tensors.set(`${ours}.${name}`, asFloats(tensor.toArray(theirs, file)));
    }
    if (epoch > 0 && own !== undefined && !Object.values(wanted).some((theirs) => own.has(theirs)))
      throw new TrainingError(
        `${file}: its optimizer keeps ${[...own.keys()].join(', ')}; this trainer's ${settings.optimizer.name} keeps ${Object.values(wanted).join(', ')}. Go on with the trainer that it was trained with (${String(top.get('trainer_name'))}).`,
        { file, kept: [...own.keys()] },
      );
  }
  const history = historyFrom(child(top, 'logging'), epoch, settings);
  const step = Math.min(settings.steps, epoch * settings.stepsPerEpoch);
  return { position: { step, steps: settings.steps, lossSum: 0, history }, seed, settings, identity, tensors };
}

function historyFrom(
  logging: ReadonlyMap<PickleValue, PickleValue> | undefined,
  epochs: number,
  { steps, stepsPerEpoch }: TrainingSettings,
): EpochReport[] {
  const list = (name: string): readonly PickleValue[] => {
    const value = logging?.get(name);
    return Array.isArray(value) ? value : [];
  };
  const finite = (value: PickleValue | undefined): number | null =>
    typeof value === 'number' && Number.isFinite(value) ? value : null;
  let highest = -1;
  return Array.from({ length: epochs }, (_, epoch) => {
    const emaDice = finite(list('ema_fg_dice')[epoch]);
    const best = emaDice !== null && emaDice > highest;
    if (best) highest = emaDice;
    const dice = list('dice_per_class_or_region')[epoch];
    return {
      epoch,
      epochs: Math.ceil(steps / stepsPerEpoch),
      step: (epoch + 1) * stepsPerEpoch,
      steps,
      trainLoss: finite(list('train_losses')[epoch]) ?? 0,
      validationLoss: finite(list('val_losses')[epoch]),
      dice: Array.isArray(dice) ? dice.map(finite) : [],
      meanDice: finite(list('mean_fg_dice')[epoch]),
      emaDice,
      best,
      learningRate: finite(list('lrs')[epoch]) ?? 0,
    };
  });
}

function child(
  map: ReadonlyMap<PickleValue, PickleValue> | undefined,
  key: PickleValue,
): ReadonlyMap<PickleValue, PickleValue> | undefined {
  const value = map?.get(key);
  return value instanceof Map ? value : undefined;
}

function asFloats(array: NamedArray): WeightArray {
  return { shape: array.shape, data: asFloat32(array) };
}
