/** From a case as it was read to one that can be learned from. */
import type { Device } from '@voxelwise/compute';
import { preprocessSettings } from '@voxelwise/inference';
import { turnsToCanonical, type ConfigurationPlan } from '@voxelwise/planner';
import { preprocess } from '@voxelwise/transforms';
import { canonicalCase, type Case, type PerAxis } from '@voxelwise/volume';
import { TrainingError } from '../errors.ts';
import type { CaseArrays } from './memory-case.ts';

export interface PrepareOptions {
  /** Millimetres per voxel where the affine does not tell, array order of the file. */
  readonly spacing?: PerAxis;
  /** For the second stage of a cascade: the first stage's labels for a given preprocessed shape (see `Predictor.nextStage`). */
  readonly previousStage?: (shape: PerAxis) => Promise<Int16Array>;
}

/**
 * Preprocesses a case after a plan and copies it to the host.
 *
 * Throws: TrainingError if the case has no labels or another number of channels; TransformError.
 */
export async function prepareCase(
  subject: Case,
  plan: ConfigurationPlan,
  device: Device,
  options: PrepareOptions = {},
): Promise<CaseArrays> {
  const came = subject.images.channels.length;
  if (subject.labels === undefined)
    throw new TrainingError(`prepareCase: ${subject.id} has no labels to learn from.`, { case: subject.id });
  if (came !== plan.channels.length)
    throw new TrainingError(
      `prepareCase: ${subject.id} has ${came} channel(s), the plan ${plan.channels.length}: ${plan.channels.map((channel) => channel.name).join(', ')}.`,
      { case: subject.id, expected: plan.channels.length, came },
    );
  const {
    case: prepared,
    properties,
    classLocations,
  } = await preprocess(
    turnsToCanonical(plan.imageReaderWriter) ? canonicalCase(subject) : subject,
    preprocessSettings(plan),
    device,
    options,
  );
  const [image, labels] = await Promise.all([prepared.images.voxels.read(), prepared.labels!.voxels.read()]);
  prepared.images.voxels.dispose();
  prepared.labels!.voxels.dispose();
  const previous = options.previousStage ? await options.previousStage(properties.shape) : new Int16Array(0);
  if (options.previousStage && previous.length !== labels.length)
    throw new TrainingError(
      `prepareCase: the previous stage's segmentation of ${subject.id} has ${previous.length} voxels, the preprocessed case ${labels.length}.`,
      { case: subject.id },
    );
  const both = new Int16Array(labels.length + previous.length);
  both.set(labels);
  both.set(previous, labels.length);
  return {
    id: subject.id,
    shape: properties.shape,
    image: image as Float32Array,
    labels: both,
    locations: classLocations!,
    properties,
  };
}
