/** What is said when a training step does not fit into the device's memory. */
import { OutOfMemoryError } from '@voxelwise/compute';
import type { Batch } from '../sampling/batch.ts';
import type { Checkpointing } from './checkpointing.ts';
import { spatial, type StepParts } from './network-step.ts';

const GIVEN_UP: Readonly<Record<Checkpointing, string>> = {
  none: '',
  stages: 'the inner results of each stage are',
  samples: 'the results of each sample but its logits are',
  'samples and stages': 'the results of each sample, and within it of each stage, are',
};

export function checkpointingNote(error: OutOfMemoryError, chosen: Checkpointing): string {
  const more = chosen === 'samples and stages' ? 'two thirds' : 'a third';
  return `A step did not fit into memory (${sizesOf(error)}); ${GIVEN_UP[chosen]} computed again on the way back instead of being kept: ${more} more work.`;
}

/** The device's error, with what was tried and a patch that should fit. */
export function stepDoesNotFit(error: OutOfMemoryError, batch: Batch, parts: StepParts): OutOfMemoryError {
  const patch = spatial(parts.config, batch.patch);
  const { requestedBytes, largestFreeBytes } = error.details as Partial<Record<string, number>>;
  const share =
    requestedBytes !== undefined && largestFreeBytes !== undefined
      ? Math.min(1, largestFreeBytes / requestedBytes)
      : 0.5;
  const plans: string[] = [];
  const samples = Math.floor(batch.samples * share);
  if (samples >= 1 && samples < batch.samples) plans.push(`a batch of ${samples}`);
  const smaller = smallerPatch(patch, parts.config.strides, share);
  if (smaller) plans.push(`a patch of ${smaller.join('×')}`);
  const { checkpointing = 'none' } = parts;
  if (checkpointing === 'none') plans.push('checkpointing');
  return new OutOfMemoryError(
    `train: a step on ${batch.samples} patch${batch.samples === 1 ? '' : 'es'} of ${patch.join('×')} does not fit into memory${checkpointing === 'none' ? '' : `, though ${GIVEN_UP[checkpointing]} computed again instead of being kept`}. ` +
      `${error.message} What should fit: ${[...plans, 'a device with more memory'].join(', or ')}.`,
    {
      ...error.details,
      patch,
      samples: batch.samples,
      checkpointing,
      fittingPatch: smaller,
      fittingSamples: samples,
    },
    { cause: error },
  );
}

/** The largest patch of at most `share` of the voxels, every axis shrunk alike in steps of the network's strides. */
function smallerPatch(
  patch: readonly number[],
  strides: readonly (readonly number[])[],
  share: number,
): readonly number[] | undefined {
  const unit = patch.map((_, axis) => strides.reduce((all, stride) => all * stride[axis]!, 1));
  const voxels = (sizes: readonly number[]): number => sizes.reduce((all, n) => all * n, 1);
  const most = voxels(patch) * share;
  let sizes = patch.map((size, axis) => Math.floor(size / unit[axis]!) * unit[axis]!);
  while (voxels(sizes) > most) {
    // The axis that has been shrunk least, among those that can be.
    const can = sizes.map((_, axis) => axis).filter((axis) => sizes[axis]! > 2 * unit[axis]!);
    if (can.length === 0) return undefined;
    const least = can.reduce((a, b) => (sizes[b]! / patch[b]! > sizes[a]! / patch[a]! ? b : a));
    sizes = sizes.map((size, axis) => (axis === least ? size - unit[axis]! : size));
  }
  return sizes;
}

function sizesOf(error: OutOfMemoryError): string {
  const { requestedBytes, freeBytes } = error.details as Partial<Record<string, number>>;
  const inMiB = (bytes: number | undefined): string =>
    bytes === undefined ? 'unknown' : `${Math.ceil(bytes / 2 ** 20)} MiB`;
  return `asked for ${inMiB(requestedBytes)}, ${inMiB(freeBytes)} free`;
}
