/** How long a step and a forward pass take here: measured on the device, with real patches, never guessed. */
import { slidingWindow } from '@voxelwise/inference';
import { buildNetwork, disposeWeights, initialize, type NetworkConfig } from '@voxelwise/nets';
import { voxelCount, type PerAxis } from '@voxelwise/volume';
import { withAugmentDevice } from '../loop/augment-device.ts';
import { TrainingRun } from '../loop/training-run.ts';
import type { TrainOptions } from '../loop/train-options.ts';

export type Clock = () => number;

/** Seconds per step: the least of a few, after one that compiles. `now` gives seconds. */
export async function secondsPerStep(
  options: TrainOptions,
  now: Clock,
  { steps = 3, atMost = Infinity }: { readonly steps?: number; readonly atMost?: number } = {},
): Promise<number> {
  const augmenting = await withAugmentDevice(options);
  const settings = { ...options.settings, steps: steps + 2, stepsPerEpoch: steps + 2, validationSteps: 0 };
  const run = new TrainingRun({ ...augmenting.options, settings }, undefined);
  try {
    const begun = now();
    await run.step();
    const first = now() - begun;
    // Code is still being compiled in the first step; where even that takes too long, it is answer enough.
    if (first > atMost) return first;
    let least = first;
    for (let k = 0; k < steps; k++) {
      const before = now();
      await run.step();
      least = Math.min(least, now() - before);
    }
    return least;
  } finally {
    run.dispose();
    augmenting.dispose();
  }
}

/** Seconds per window when predicting. */
export async function secondsPerWindow(
  { device }: Pick<TrainOptions, 'device'>,
  network: NetworkConfig,
  patch: PerAxis,
  now: Clock,
): Promise<number> {
  const module = buildNetwork(network);
  initialize(module, device, { seed: 0 });
  const image = {
    channels: network.inputChannels,
    shape: patch,
    data: new Float32Array(network.inputChannels * voxelCount(patch)),
  };
  let least = Infinity;
  try {
    for (let k = 0; k < 5; k++) {
      const before = now();
      await slidingWindow([module], image, {
        device,
        patch,
        flat: network.kernelSizes[0]!.length === 2,
        outputChannels: network.outputChannels,
      });
      least = Math.min(least, now() - before);
    }
  } finally {
    disposeWeights(module);
  }
  return least;
}
