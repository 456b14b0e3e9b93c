/** One step of learning, recorded as one program: forward, loss of every resolution, backward, clip, update. */
import { add, mul, scope, tensor, valueAndGradients, type Device, type Tensor } from '@voxelwise/compute';
import { moveStatistics, type BatchStatistics, type Forward, type Module, type NetworkConfig } from '@voxelwise/nets';
import type { LabelScheme } from '@voxelwise/planner';
import type { Loss } from '../losses/loss.ts';
import { outputShapes, outputWeights, shrinkLabels, targetsOf } from '../losses/targets.ts';
import type { Optimizer } from '../optimizers/optimizer.ts';
import type { TrainingSettings } from '../recipes/training-settings.ts';
import type { Batch } from '../sampling/batch.ts';
import { logitsOf, type Checkpointing } from './checkpointing.ts';

export interface StepParts {
  readonly device: Device;
  readonly config: NetworkConfig;
  readonly network: Module;
  readonly labels: LabelScheme;
  readonly loss: Loss;
  readonly settings: Pick<TrainingSettings, 'deepSupervision' | 'clipNorm'>;
  /** Default none. */
  readonly checkpointing?: Checkpointing;
}

/** [N, C, z, y, x] for the network: a 2D network's patch loses its single slice. */
export function spatial(config: NetworkConfig, patch: readonly number[]): readonly number[] {
  return config.kernelSizes[0]!.length === 2 ? patch.slice(1) : patch;
}

/** Uploads a batch's image. */
export function uploadImage({ device, config }: Pick<StepParts, 'device' | 'config'>, batch: Batch): Tensor {
  return tensor(device, batch.image, [batch.samples, batch.channels, ...spatial(config, batch.patch)]);
}

/** Targets of every output that counts, full resolution first. */
export function uploadTargets(
  { device, config, labels, settings }: Omit<StepParts, 'network' | 'loss'>,
  batch: Batch,
): readonly Tensor[] {
  const shape = spatial(config, batch.patch);
  const shapes = outputShapes(shape, config.strides, settings.deepSupervision);
  const weights = outputWeights(shapes.length);
  return shapes.flatMap((to, k) => {
    if (weights[k] === 0) return [];
    const { channels, data } = targetsOf(shrinkLabels(batch.labels, shape, to), batch.samples, labels);
    return [tensor(device, data, [batch.samples, channels, ...to])];
  });
}

/** The network's outputs for a batch, full resolution first. `ownStatistics`: as in learning, see `Forward`. */
export function outputsOf(
  { network, settings, checkpointing = 'none' }: StepParts,
  image: Tensor,
  ownStatistics: Forward['ownStatistics'] = false,
): readonly Tensor[] {
  return logitsOf(network, image, { deepSupervision: settings.deepSupervision, checkpointing, ownStatistics });
}

/** Loss of all outputs, weighted. */
export function supervisedLoss(parts: StepParts, logits: readonly Tensor[], targets: readonly Tensor[]): Tensor {
  const weights = outputWeights(
    outputShapes(targets[0]!.shape.slice(2), parts.config.strides, parts.settings.deepSupervision).length,
  );
  const terms = targets.map((target, k) => {
    const loss = parts.loss.apply(logits[k]!, target);
    return weights[k] === 1 ? loss : mul({ a: loss, b: tensor(parts.device, [weights[k]!], []) });
  });
  return terms.reduce((sum, term) => add({ a: sum, b: term }));
}

/** Loss before the step and the gradient's norm before clipping, not yet computed: read them. */
export function learn(
  parts: StepParts,
  batch: Batch,
  optimizer: Optimizer,
  parameters: readonly Tensor[],
  rate: number,
  step: number,
): { readonly loss: Tensor; readonly norm: Tensor } {
  return scope(() =>
    learnFrom(parts, uploadImage(parts, batch), uploadTargets(parts, batch), optimizer, parameters, rate, step),
  );
}

/** The same, from tensors: `targets` belong to the outputs that count. `step` counts from 1. */
export function learnFrom(
  parts: StepParts,
  image: Tensor,
  targets: readonly Tensor[],
  optimizer: Optimizer,
  parameters: readonly Tensor[],
  rate: number,
  step: number,
): { readonly loss: Tensor; readonly norm: Tensor } {
  return scope(() => {
    const seen: BatchStatistics = new Map();
    const { value, gradients } = valueAndGradients(() => {
      return supervisedLoss(parts, outputsOf(parts, image, seen), targets);
    }, parameters);
    const norm = optimizer.apply(gradients, { rate, step, clipNorm: parts.settings.clipNorm });
    moveStatistics(seen);
    return { loss: value, norm };
  });
}

/** Loss of a batch without learning from it, and the full resolution's logits: read and dispose both. */
export function measure(parts: StepParts, batch: Batch): { readonly loss: Tensor; readonly logits: Tensor } {
  return scope(() => {
    const targets = uploadTargets(parts, batch);
    const logits = outputsOf({ ...parts, checkpointing: 'none' }, uploadImage(parts, batch));
    return { loss: supervisedLoss(parts, logits, targets), logits: logits[0]! };
  });
}
