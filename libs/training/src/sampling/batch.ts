/**
 * Batches: cases drawn with replacement, patches drawn from them, augmented. Everything random is a function of (seed, step,
 * sample), so that any step can be made again alone.
 */
import type { Philox } from '@voxelwise/compute';
import { oneHotLabels } from '@voxelwise/inference';
import { applyCascade, sampleCascade } from '@voxelwise/transforms';
import { voxelCount, type PerAxis } from '@voxelwise/volume';
import type { CaseSource, Crop } from '../cases/prepared-case.ts';
import { TrainingError } from '../errors.ts';
import type { Augmentation } from './augmentation.ts';
import type { Sampler } from './sampler.ts';

export interface BatchRequest {
  readonly cases: CaseSource;
  readonly ids: readonly string[];
  readonly patch: PerAxis;
  readonly batchSize: number;
  readonly sampler: Sampler;
  readonly augmentation: Augmentation;
  /** Labels of a cascade's first stage, found in the cases' second label channel: appended to the image, one 0/1 channel each. */
  readonly previousLabels?: readonly number[] | undefined;
  /**
   * Change those channels by chance, as nnU-Net does, so that the second stage does not trust the first blindly: each label with
   * this probability where it happens at all. Default 0: never.
   */
  readonly previousLabelProbability?: number;
  /** The stream of this step. */
  readonly random: Philox;
}

export interface Batch {
  readonly samples: number;
  readonly channels: number;
  readonly patch: PerAxis;
  /** [N, C, z, y, x]. */
  readonly image: Float32Array;
  /** [N, z, y, x]: labels, -1 outside. */
  readonly labels: Int32Array;
  /** Where each sample came from, for messages. */
  readonly origins: readonly { readonly id: string; readonly start: PerAxis }[];
}

export async function drawBatch(request: BatchRequest): Promise<Batch> {
  const { batchSize, patch } = request;
  if (request.ids.length === 0)
    throw new TrainingError('drawBatch: there are no cases to draw from; check the splits.');
  const samples = [];
  for (let k = 0; k < batchSize; k++) samples.push(await drawSample(request, k));
  const voxels = voxelCount(patch);
  const channels = samples[0]!.crop.image.length / voxels;
  const image = new Float32Array(batchSize * channels * voxels);
  const labels = new Int32Array(batchSize * voxels);
  samples.forEach(({ crop, id }, k) => {
    if (crop.image.length !== channels * voxels)
      throw new TrainingError(`drawBatch: ${id} has ${crop.image.length / voxels} channels, other cases ${channels}.`, {
        case: id,
      });
    image.set(crop.image, k * channels * voxels);
    labels.set(crop.labels.subarray(0, voxels), k * voxels);
  });
  return {
    samples: batchSize,
    channels,
    patch,
    image,
    labels,
    origins: samples.map(({ id, start }) => ({ id, start })),
  };
}

async function drawSample(request: BatchRequest, sample: number): Promise<{ crop: Crop; id: string; start: PerAxis }> {
  const { cases, ids, patch, batchSize, sampler, augmentation } = request;
  const random = request.random.split(sample);
  const id = sampler.chooseCase(ids, { random, sample, batchSize });
  const prepared = await cases.open(id);
  const initialPatch = augmentation.initialPatch(patch);
  const start = sampler.choosePatch(prepared, { initialPatch, patch }, { random, sample, batchSize });
  const crop = await augmentation.apply(await prepared.crop(start, initialPatch), patch, random.split('augmentation'));
  const { previousLabels, previousLabelProbability = 0 } = request;
  if (!previousLabels) return { crop, id, start };
  const previous = previousStage(crop, previousLabels, id);
  const changed =
    previousLabelProbability > 0
      ? applyCascade(
          previous,
          crop.shape,
          sampleCascade(previousLabels.length, random.split('cascade'), previousLabelProbability),
        )
      : previous;
  return { crop: withChannels(crop, changed), id, start };
}

/** The segmentation of the previous stage went through the same chance as the labels; now it becomes channels. */
function previousStage(crop: Crop, labels: readonly number[], id: string): Float32Array {
  const voxels = voxelCount(crop.shape);
  if (crop.labels.length < 2 * voxels)
    throw new TrainingError(
      `drawBatch: ${id} has no segmentation of the previous stage; predict that first, and prepare the case with it.`,
      { case: id },
    );
  return oneHotLabels(Int32Array.from(crop.labels.subarray(voxels, 2 * voxels)), labels);
}

function withChannels(crop: Crop, extra: Float32Array): Crop {
  const image = new Float32Array(crop.image.length + extra.length);
  image.set(crop.image);
  image.set(extra, crop.image.length);
  return { ...crop, image };
}
