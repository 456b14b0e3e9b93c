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
import { planPredictions, planPreparations, untrained, type PlannedPredictions } from './prediction-memory.ts';
import { cacheBytes } from './preparation.ts';

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

export interface PlannedTraining {
  readonly training: TrainingToPlan;
  /** The predictions that validate it. */
  readonly validation: PlannedPredictions;
  /** Bytes of prepared cases that are in memory together. */
  readonly caseBytes: number;
}

/** Plans what lies beside the device, and the predictions of `validated` cases. */
export async function planTraining(
  context: Context,
  dataset: OpenedDataset,
  training: TrainingToPlan,
  { validated, saveProbabilities }: { readonly validated: readonly CaseFiles[]; readonly saveProbabilities: boolean },
): Promise<PlannedTraining> {
  const { source } = dataset;
  const { plan, build } = training;
  const validation = await planPredictions(context, {
    model: untrained(plan, build),
    source,
    cases: validated,
    folder: dataset.results,
    stepSize: 0.5,
    saveProbabilities,
  });
  if (context.maxMemory === undefined) return { training, validation, caseBytes: 0 };
  const { need } = await planPreparations(context, source, source.training, plan);
  // The case that is cut and the one before it are there, whatever the cache holds.
  return { training, validation, caseBytes: Math.max(cacheBytes(context.maxMemory), 2 * need.result) };
}

/** Bytes that trainings, and the predictions after them that fit, take next to their device. */
export function bytesBeside(planned: readonly PlannedTraining[]): number {
  return Math.max(
    ...planned.map(
      ({ training, validation: { need, misfit }, caseBytes }) =>
        caseBytes + Math.max(bytesBesideTraining(training), misfit ? 0 : need.host),
    ),
  );
}

/** Throws: ResourceError, with a batch, a patch and a limit that fit, where a step of the training does not. */
export async function requireTrainingMemory(
  context: Context,
  device: Device,
  { training: { plan, settings, ...request }, caseBytes }: Pick<PlannedTraining, 'training' | 'caseBytes'>,
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
    const limit = limitFor({ device: step, host: caseBytes + bytesBesideTraining({ plan, settings, ...request }) });
    const advice = limit === undefined ? '' : ` As planned it fits into --max-memory ${Math.ceil(limit / 2 ** 20)}MB.`;
    throw new ResourceError(error.message + advice, { ...error.details, maxMemory: context.maxMemory, needed: limit });
  }
}
