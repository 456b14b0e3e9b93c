/** What is said when a training step does not fit into the device's memory. */
import { OutOfMemoryError, type WasmDevice } from '@voxelwise/compute';
import { buildNetwork } from '@voxelwise/nets';
import type { PerAxis } from '@voxelwise/volume';
import { lossNamed } from '../losses/catalogue.ts';
import type { Batch } from '../sampling/batch.ts';
import { frugality, type Checkpointing } from './checkpointing.ts';
import { spatial, type StepParts } from './network-step.ts';
import { plannedStepBytes, type PlannedStep } from './step-memory.ts';
import type { TrainOptions } from './train-options.ts';

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

/** Of the memory limit, what a plan may fill: pieces of memory do not always lie side by side. */
const FILLED = 0.97;
/** Smaller patches that are planned before giving up. */
const TRIES = 12;

/** What a step of training takes, before there is a case to train on. */
export interface StepRequest extends Pick<
  TrainOptions,
  'device' | 'network' | 'labels' | 'patch' | 'settings' | 'loss' | 'build' | 'checkpointing'
> {
  /** Parameters that do not learn. */
  readonly frozen?: ((name: string) => boolean) | undefined;
}

/**
 * Plans a step without doing it, as frugally as training would try: bytes at its peak. A GPU's memory is not known; there
 * nothing is planned, and 0 comes back.
 * Throws: OutOfMemoryError, with a batch and a patch that fit, where the step does not fit into the device's limit.
 */
export async function requireStepMemory({ device, network: config, patch, ...request }: StepRequest): Promise<number> {
  if (device.kind !== 'wasm') return 0;
  const { settings, labels, build, frozen } = request;
  const { threads, build: kernels } = device as WasmDevice;
  const limit = device.memory().limitBytes;
  const samples = settings.batchSize;
  const channels = config.inputChannels;
  const network = (build ?? buildNetwork)(config);
  const parts = { config, labels, settings, loss: request.loss ?? lossNamed(settings.loss, labels, settings) };
  const levels = request.checkpointing === undefined ? frugality(samples, network) : [request.checkpointing];
  let bytes = Infinity;
  for (const checkpointing of levels) {
    const step = { parts: { ...parts, checkpointing }, settings, build, frozen, samples, channels, patch };
    bytes = await plannedStepBytes({ ...step, device: { threads, deterministic: kernels === 'simd' } });
    if (bytes <= FILLED * limit) return bytes;
  }
  throw await stepDoesNotFit(
    new OutOfMemoryError(
      `wasm: a step is planned to take ${Math.ceil(bytes / 2 ** 20)} MiB, the limit is ${Math.floor(limit / 2 ** 20)} MiB.`,
      { requestedBytes: bytes, largestFreeBytes: limit, freeBytes: limit, limitBytes: limit },
    ),
    { samples, channels, patch },
    { ...parts, device, network, checkpointing: levels.at(-1)! },
    { settings, build, frozen },
  );
}

/** The device's error, with what was tried, and a batch and a patch that fit: planned on the WASM device, elsewhere by proportion. */
export async function stepDoesNotFit(
  error: OutOfMemoryError,
  batch: Pick<Batch, 'samples' | 'channels' | 'patch'>,
  parts: StepParts,
  run: Pick<PlannedStep, 'settings' | 'build' | 'frozen'>,
): Promise<OutOfMemoryError> {
  const { checkpointing = 'none', device } = parts;
  const { requestedBytes, largestFreeBytes } = error.details as Partial<Record<string, number>>;
  const share =
    requestedBytes !== undefined && largestFreeBytes !== undefined
      ? Math.min(1, largestFreeBytes / requestedBytes)
      : 0.5;
  const most = FILLED * device.memory().limitBytes;
  const fits = async (samples: number, patch: PerAxis): Promise<boolean> => {
    if (device.kind !== 'wasm') return true;
    const { threads, build } = device as WasmDevice;
    const options = { threads, deterministic: build === 'simd' };
    return (
      (await plannedStepBytes({ ...run, parts, device: options, samples, channels: batch.channels, patch })) <= most
    );
  };
  const plans: string[] = [];
  let samples = device.kind === 'wasm' ? batch.samples - 1 : Math.floor(batch.samples * share);
  while (samples >= 1 && !(await fits(samples, batch.patch))) samples--;
  if (samples >= 1 && samples < batch.samples) plans.push(`a batch of ${samples}`);
  const smaller = await fittingPatch(batch, parts, share, fits);
  if (smaller) plans.push(`a patch of ${spatial(parts.config, smaller).join('×')}`);
  if (checkpointing === 'none') plans.push('checkpointing');
  const patch = spatial(parts.config, batch.patch);
  return new OutOfMemoryError(
    `train: a step on ${batch.samples} patch${batch.samples === 1 ? '' : 'es'} of ${patch.join('×')} does not fit into memory${checkpointing === 'none' ? '' : `, though ${GIVEN_UP[checkpointing]} computed again instead of being kept`}. ` +
      `${error.message} What fits: ${[...plans, 'a device with more memory'].join(', or ')}.`,
    {
      ...error.details,
      patch,
      samples: batch.samples,
      checkpointing,
      fittingPatch: smaller && spatial(parts.config, smaller),
      fittingSamples: samples,
    },
    { cause: error },
  );
}

/** [z, y, x] of a patch that fits, or nothing. */
async function fittingPatch(
  batch: Pick<Batch, 'samples' | 'patch'>,
  { config }: StepParts,
  share: number,
  fits: (samples: number, patch: PerAxis) => Promise<boolean>,
): Promise<PerAxis | undefined> {
  const flat = config.kernelSizes[0]!.length === 2;
  let rest = Math.max(0.01, share);
  for (let attempt = 0; attempt < TRIES; attempt++, rest *= 0.8) {
    const smaller = smallerPatch(spatial(config, batch.patch), config.strides, rest);
    if (smaller === undefined) return undefined;
    const patch = (flat ? [1, ...smaller] : smaller) as unknown as PerAxis;
    if (await fits(batch.samples, patch)) return patch;
  }
  return undefined;
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
