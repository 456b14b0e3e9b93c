/** Writes a fold as nnU-Net v2's checkpoint, which its own loader, predictor and trainer open. */
import { encodeTorch, OrderedDict, PyFloat, Tuple, type NamedArray, type TorchWritable } from '@voxelwise/io';
import { stateDictEntries, stateDictFromWeights, type Weights } from '@voxelwise/nets';
import type { ConfigurationPlan, DatasetJson, PlansFile } from '@voxelwise/planner';

/** Where a training stands, as nnU-Net's trainer wants to know it to go on (`--c`). */
export interface NnunetTrainingState {
  /** Epochs done. */
  readonly epochs: number;
  readonly bestEmaDice: number | null;
  /** The optimizer's numbers, by PyTorch's names: `lr`, `momentum`, … */
  readonly group: Readonly<Record<string, TorchWritable>>;
  /** PyTorch's state of each parameter that has one, by our names: `momentum_buffer`, … */
  readonly state: ReadonlyMap<string, Readonly<Record<string, TorchWritable>>>;
  /** One entry per epoch in each. */
  readonly log: Readonly<Record<NnunetLog, readonly TorchWritable[]>>;
}

const LOGS = [
  'mean_fg_dice',
  'ema_fg_dice',
  'dice_per_class_or_region',
  'train_losses',
  'val_losses',
  'lrs',
  'epoch_start_timestamps',
  'epoch_end_timestamps',
] as const;
export type NnunetLog = (typeof LOGS)[number];

export interface NnunetCheckpoint {
  readonly plan: ConfigurationPlan;
  readonly plans: PlansFile;
  readonly dataset: DatasetJson;
  readonly fold: number | 'all';
  readonly weights: Weights;
  /** Of the preprocessed image [z, y, x], as a model has them. */
  readonly mirrorAxes: readonly number[];
  /** Default nnUNetTrainer. */
  readonly trainer?: string;
  /** Absent: nnU-Net can predict and fine-tune from it; a training would start with the first epoch. */
  readonly training?: NnunetTrainingState | undefined;
}

/** nnU-Net's own optimizer, at its start. */
const FRESH: NnunetTrainingState['group'] = {
  lr: new PyFloat(0.01),
  momentum: 0.99,
  dampening: 0,
  weight_decay: 3e-5,
  nesterov: true,
  maximize: false,
  foreach: null,
  differentiable: false,
  initial_lr: new PyFloat(0.01),
};

/** PyTorch counts batches in 64-bit whole numbers. */
function stored(name: string, shape: readonly number[], data: Float32Array): NamedArray {
  return name.endsWith('.num_batches_tracked')
    ? { dtype: 'int64', shape, data: BigInt64Array.from(data, (count) => BigInt(Math.round(count))) }
    : { dtype: 'float32', shape, data };
}

/** The bytes of a `checkpoint_*.pth`: the weights under all of the reference's names (its loader is strict), and all it reads beside. */
export function encodeNnunetCheckpoint({
  plan,
  plans,
  dataset,
  fold,
  weights,
  mirrorAxes,
  trainer = 'nnUNetTrainer',
  training,
}: NnunetCheckpoint): Promise<Uint8Array> {
  const networkWeights = new OrderedDict();
  const arrays = new Map<Float32Array, TorchWritable>();
  for (const [name, { shape, data }] of stateDictFromWeights(plan.network, weights)) {
    // Names of one parameter share one array, so that it is stored once.
    const array = arrays.get(data) ?? stored(name, shape, data);
    arrays.set(data, array);
    networkWeights.set(name, array as never);
  }
  const parameters = stateDictEntries(plan.network).filter((entry) => !entry.alias && entry.learned);
  const state = new Map(
    parameters.flatMap(({ ours }, index): [number, TorchWritable][] => {
      const own = training?.state.get(ours);
      return own === undefined ? [] : [[index, own]];
    }),
  );
  const axes = plan.dimensions === 2 ? mirrorAxes.map((axis) => axis - 1) : mirrorAxes;
  return encodeTorch({
    network_weights: networkWeights,
    optimizer_state: {
      state,
      param_groups: [{ ...(training?.group ?? FRESH), params: parameters.map((_, index) => index) }],
    },
    grad_scaler_state: null,
    logging: Object.fromEntries(LOGS.map((log) => [log, training?.log[log] ?? []])),
    _best_ema: typeof training?.bestEmaDice === 'number' ? new PyFloat(training.bestEmaDice) : null,
    current_epoch: training?.epochs ?? 0,
    init_args: {
      plans: plans as unknown as TorchWritable,
      configuration: plan.name,
      fold,
      dataset_json: dataset as unknown as TorchWritable,
      device: 'cpu',
    },
    trainer_name: trainer,
    inference_allowed_mirroring_axes: axes.length === 0 ? null : new Tuple([...axes]),
  });
}
