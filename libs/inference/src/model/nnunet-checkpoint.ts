/** Writes a fold as nnU-Net v2's checkpoint, which its own loader and predictor open. */
import { encodeTorch, OrderedDict, PyFloat, Tuple, type TorchWritable } from '@voxelwise/io';
import { stateDictFromWeights, type Weights } from '@voxelwise/nets';
import type { ConfigurationPlan, DatasetJson, PlansFile } from '@voxelwise/planner';

export interface NnunetCheckpoint {
  readonly plan: ConfigurationPlan;
  readonly plans: PlansFile;
  readonly dataset: DatasetJson;
  readonly fold: number | 'all';
  readonly weights: Weights;
  /** Of the preprocessed image [z, y, x], as a model has them. */
  readonly mirrorAxes: readonly number[];
  /** Epochs done. Default 0. */
  readonly epochs?: number;
  readonly bestEmaDice?: number | null;
}

/**
 * The bytes of a `checkpoint_*.pth`: the weights under all of the reference's names (its loader is strict), and what its
 * predictor reads. There is no optimizer state in it: nnU-Net can predict and fine-tune from it, not resume.
 */
export function encodeNnunetCheckpoint({
  plan,
  plans,
  dataset,
  fold,
  weights,
  mirrorAxes,
  epochs = 0,
  bestEmaDice,
}: NnunetCheckpoint): Promise<Uint8Array> {
  const state = new OrderedDict();
  const arrays = new Map<Float32Array, TorchWritable>();
  for (const [name, { shape, data }] of stateDictFromWeights(plan.network, weights)) {
    // Names of one parameter share one array, so that it is stored once.
    const array = arrays.get(data) ?? { dtype: 'float32', shape, data };
    arrays.set(data, array);
    state.set(name, array as never);
  }
  const axes = plan.dimensions === 2 ? mirrorAxes.map((axis) => axis - 1) : mirrorAxes;
  return encodeTorch({
    network_weights: state,
    optimizer_state: new Map(),
    grad_scaler_state: null,
    logging: new Map(
      [
        'mean_fg_dice',
        'ema_fg_dice',
        'dice_per_class_or_region',
        'train_losses',
        'val_losses',
        'lrs',
        'epoch_start_timestamps',
        'epoch_end_timestamps',
      ].map((key) => [key, []]),
    ),
    _best_ema: bestEmaDice === null || bestEmaDice === undefined ? null : new PyFloat(bestEmaDice),
    current_epoch: epochs,
    init_args: {
      plans: plans as unknown as TorchWritable,
      configuration: plan.name,
      fold,
      dataset_json: dataset as unknown as TorchWritable,
      device: 'cpu',
    },
    trainer_name: 'nnUNetTrainer',
    inference_allowed_mirroring_axes: axes.length === 0 ? null : new Tuple([...axes]),
  });
}
