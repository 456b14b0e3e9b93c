/** What memory a training step takes on the WASM device, planned without doing it. */
import { createPlanningDevice, zeros, type PlanningOptions, type Tensor } from '@voxelwise/compute';
import { buildNetwork, parametersOf } from '@voxelwise/nets';
import type { PerAxis } from '@voxelwise/volume';
import { makeOptimizer } from '../optimizers/optimizer.ts';
import { WeightAverage } from '../optimizers/weight-average.ts';
import type { TrainingSettings } from '../recipes/training-settings.ts';
import { learn, type StepParts } from './network-step.ts';

export interface PlannedStep {
  readonly parts: Omit<StepParts, 'device' | 'network'>;
  readonly settings: Pick<TrainingSettings, 'optimizer' | 'average'>;
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

/** Bytes at the peak of a step, weights and the optimizer's state included. */
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
  return device.memory().peakBytes;
}
