/** Whether a training, and the predictions that validate it, fit into --max-memory: found out before anything is computed. */
import { OutOfMemoryError, type Device } from '@voxelwise/compute';
import { patchOf } from '@voxelwise/inference';
import type { CaseFiles } from '@voxelwise/io';
import type { ConfigurationPlan } from '@voxelwise/planner';
import { requireStepMemory, trainingHostBytes, type TrainingSettings, type TrainOptions } from '@voxelwise/training';
import type { Context } from '../context.ts';
import { ResourceError } from '../exit.ts';
import { limitFor } from '../memory.ts';
import type { OpenedDataset } from './dataset.ts';
import { planPredictions, untrained, type PlannedPredictions } from './prediction-memory.ts';

export interface TrainingToPlan extends Pick<TrainOptions, 'loss' | 'build'> {
  readonly plan: ConfigurationPlan;
  readonly settings: TrainingSettings;
  readonly frozen?: ((name: string) => boolean) | undefined;
}

/** Bytes that a training takes next to its device. */
function bytesBesideTraining({ plan, settings, build }: TrainingToPlan): number {
  return trainingHostBytes({
    parts: { config: plan.network },
    settings,
    build,
    samples: settings.batchSize,
    channels: plan.network.inputChannels,
    patch: patchOf(plan),
  });
}

/** Plans the predictions that validate a training. */
export function planValidation(
  context: Context,
  dataset: OpenedDataset,
  { plan, build }: TrainingToPlan,
  { cases, saveProbabilities }: { readonly cases: readonly CaseFiles[]; readonly saveProbabilities: boolean },
): Promise<PlannedPredictions> {
  return planPredictions(context, {
    model: untrained(plan, build),
    source: dataset.source,
    cases,
    folder: dataset.results,
    stepSize: 0.5,
    saveProbabilities,
  });
}

/** Bytes that trainings, and the predictions after them that fit, take next to their device. */
export function bytesBeside(trainings: readonly TrainingToPlan[], validations: readonly PlannedPredictions[]): number {
  return Math.max(
    ...trainings.map(bytesBesideTraining),
    ...validations.map(({ need, misfit }) => (misfit ? 0 : need.host)),
  );
}

/** Throws: ResourceError, with a batch, a patch and a limit that fit, where a step of the training does not. */
export async function requireTrainingMemory(
  context: Context,
  device: Device,
  { plan, settings, ...request }: TrainingToPlan,
): Promise<void> {
  try {
    await requireStepMemory({
      device,
      network: plan.network,
      labels: plan.labels,
      patch: patchOf(plan),
      settings,
      ...request,
    });
  } catch (error) {
    if (!(error instanceof OutOfMemoryError) || context.maxMemory === undefined) throw error;
    const step = Number(error.details['requestedBytes']);
    const limit = limitFor({ device: step, host: bytesBesideTraining({ plan, settings, ...request }) });
    const advice = limit === undefined ? '' : ` As planned it fits into --max-memory ${Math.ceil(limit / 2 ** 20)}MB.`;
    throw new ResourceError(error.message + advice, { ...error.details, maxMemory: context.maxMemory, needed: limit });
  }
}
