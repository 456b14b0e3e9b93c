/** What memory a training step takes on the WASM device, planned without doing it. */
import { createPlanningDevice, zeros, type PlanningOptions, type Tensor } from '@voxelwise/compute';
import { buildNetwork, parametersOf } from '@voxelwise/nets';
import type { PerAxis } from '@voxelwise/volume';
import { makeOptimizer } from '../optimizers/optimizer.ts';
import { WeightAverage } from '../optimizers/weight-average.ts';
import type { TrainingSettings } from '../recipes/training-settings.ts';
import { learn, measure, type StepParts } from './network-step.ts';

export interface PlannedStep {
  readonly parts: Omit<StepParts, 'device' | 'network'>;
  readonly settings: Pick<TrainingSettings, 'optimizer' | 'average' | 'validationSteps'>;
  /** Makes the network, where it is not one of the catalogue. */
  readonly build?: typeof buildNetwork | undefined;
  /** Parameters that do not learn. */
  readonly frozen?: ((name: string) => boolean) | undefined;
  readonly device: PlanningOptions;
  readonly samples: number;
  readonly channels: number;
  /** [z, y, x]. */
  readonly patch: PerAxis;
}

/** Bytes at the peak of a step and of a look at a validation patch, weights and the optimizer's state included. */
export async function plannedStepBytes(step: PlannedStep): Promise<number> {
  const { parts, settings, frozen, samples, channels, patch } = step;
  const device = createPlanningDevice(step.device);
  const network = (step.build ?? buildNetwork)(parts.config);
  const all = new Map<string, Tensor>();
  const learned = new Map<string, Tensor>();
  for (const [name, parameter] of parametersOf(network)) {
    parameter.value = zeros(device, parameter.shape);
    all.set(name, parameter.value);
    if (parameter.learned && !frozen?.(name)) learned.set(name, parameter.value);
  }
  const optimizer = makeOptimizer(device, settings.optimizer, learned);
  const average = settings.average && new WeightAverage(device, settings.average, all);
  const voxels = samples * patch.reduce((product, n) => product * n, 1);
  const batch = {
    samples,
    channels,
    patch,
    image: new Float32Array(voxels * channels),
    labels: new Int32Array(voxels),
    origins: [],
  };
  const { loss, norm } = learn({ ...parts, device, network }, batch, optimizer, [...learned.values()], 0, 1);
  average?.update(0);
  await Promise.all([loss.read(), norm.read()]);
  for (const read of [loss, norm]) read.dispose();
  if (settings.validationSteps === 0) return device.memory().peakBytes;
  const seen = measure({ ...parts, device, network }, batch);
  await Promise.all([seen.loss.read(), seen.logits.read()]);
  return device.memory().peakBytes;
}

/** Batches that are there at once: the one that is learned from, the next one, and what it is cut and augmented from. */
const BATCHES = 4;
/** What augmenting a patch of no size takes, and each voxel of one channel, measured. */
const AUGMENTATION = { bytes: 2 ** 23, bytesPerVoxel: 32 } as const;

/**
 * Bytes that training takes beside its device: batches under way, their augmentation, and the whole state on its way into a
 * checkpoint, read from the device and encoded.
 */
export function trainingHostBytes({
  parts: { config },
  settings,
  build = buildNetwork,
  samples,
  channels,
  patch,
}: Pick<PlannedStep, 'settings' | 'build' | 'samples' | 'channels' | 'patch'> & {
  readonly parts: Pick<StepParts, 'config'>;
}): number {
  const voxels = patch.reduce((product, n) => product * n, 1);
  const numbers = [...parametersOf(build(config)).values()].reduce(
    (sum, { shape }) => sum + shape.reduce((product, n) => product * n, 1),
    0,
  );
  const copies = 1 + (settings.optimizer.name === 'sgd' ? 1 : 2) + (settings.average ? 1 : 0);
  return (
    2 * 4 * copies * numbers +
    BATCHES * samples * voxels * 4 * (channels + 1) +
    AUGMENTATION.bytes +
    AUGMENTATION.bytesPerVoxel * voxels * (channels + 1)
  );
}
