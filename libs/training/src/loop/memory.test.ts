/** A step that does not fit: done with checkpointing, or refused with a plan. */
import { createWasmDevice, OutOfMemoryError, Philox } from '@voxelwise/compute';
import { labelScheme } from '@voxelwise/planner';
import { expect, it } from 'vitest';
import { memoryCase, memoryCases } from '../cases/memory-case.ts';
import { decodeCheckpoint, tensorsOf } from '../experiment/checkpoint.ts';
import { CHECKPOINT, memoryStore } from '../experiment/state-store.ts';
import { lossNamed } from '../losses/catalogue.ts';
import type { TrainingSettings } from '../recipes/training-settings.ts';
import { requireStepMemory, type StepRequest } from './memory.ts';
import { plannedStepBytes } from './step-memory.ts';
import { train } from './train.ts';
import type { TrainOptions } from './train-options.ts';
import type { EpochReport } from './reports.ts';

const triple = (n: number): readonly [number, number, number] => [n, n, n];

const network = {
  network: 'PlainConvUNet',
  inputChannels: 1,
  outputChannels: 2,
  featuresPerStage: [8, 16],
  kernelSizes: [triple(3), triple(3)],
  strides: [triple(1), triple(2)],
  encoderDepths: [4, 4],
  decoderDepths: [4],
  convolutionBias: true,
  normEpsilon: 1e-5,
  slope: 0.01,
} as const;

const settings: TrainingSettings = {
  recipe: 'custom',
  steps: 2,
  stepsPerEpoch: 2,
  validationSteps: 0,
  batchSize: 2,
  clipNorm: 12,
  foregroundShare: 0.33,
  batchDice: false,
  deepSupervision: true,
  loss: 'dice+ce',
  optimizer: { name: 'sgd', learningRate: 0.05, momentum: 0.9, nesterov: true, weightDecay: 3e-5 },
  schedule: { name: 'poly', exponent: 0.9, warmupSteps: 0, per: 'step' },
  augmentation: 'none',
  mirrorAxes: [],
  average: { decay: 0.8 },
};

function cubeCase(id: string, seed: number): ReturnType<typeof memoryCase> {
  const random = new Philox(seed);
  const labels = Int16Array.from({ length: 24 ** 3 }, (_, v) => (v % 24 < 12 ? 1 : 0));
  return memoryCase({
    id,
    shape: [24, 24, 24],
    image: Float32Array.from(labels, (label) => label + random.normal() / 2),
    labels,
    locations: new Map([['1', Uint32Array.of(30, 31)]]),
  });
}

/** Trains two steps under a limit; returns what was reported, the final weights' bytes and the peak. */
async function twoSteps(
  maxBytes: number | undefined,
  more: Partial<TrainOptions> = {},
  changed: Partial<TrainingSettings> = {},
): Promise<{ reports: EpochReport[]; final: Uint8Array; peak: number }> {
  const device = await createWasmDevice({ threads: 1, ...(maxBytes === undefined ? {} : { maxBytes }) });
  const augmentOn = await createWasmDevice({ threads: 1 });
  const store = memoryStore();
  try {
    const reports: EpochReport[] = [];
    const run = train({
      device,
      augmentOn,
      network,
      patch: [24, 24, 24],
      labels: labelScheme({ background: 0, cube: 1 }),
      settings: { ...settings, ...changed },
      cases: memoryCases([cubeCase('a', 1), cubeCase('b', 2)]),
      train: ['a', 'b'],
      validation: [],
      seed: 3,
      store,
      ...more,
    });
    for await (const report of run) reports.push(report);
    return { reports, final: store.files.get(CHECKPOINT.final)!, peak: device.memory().peakBytes };
  } finally {
    device.dispose();
    augmentOn.dispose();
  }
}

function numbersOf(checkpoint: Uint8Array): Map<string, Float32Array> {
  const tensors = tensorsOf(decodeCheckpoint(checkpoint, 'final'), 'weights') as ReadonlyMap<
    string,
    { data: Float32Array }
  >;
  return new Map(Array.from(tensors, ([name, { data }]) => [name, data]));
}

/** The learned numbers as bits. */
function weightsOf(checkpoint: Uint8Array): Map<string, Uint32Array> {
  return new Map(Array.from(numbersOf(checkpoint), ([name, data]) => [name, new Uint32Array(data.slice().buffer)]));
}

it('takes less memory with checkpointing, and learns the same bits; turns it on where a limit demands it', async () => {
  const plain = await twoSteps(undefined);
  const again = await twoSteps(undefined, { checkpointing: 'stages' });
  expect(again.peak).toBeLessThan(0.75 * plain.peak);
  const weights = weightsOf(plain.final);
  expect(weights.size).toBeGreaterThan(30);
  expect(weightsOf(again.final)).toEqual(weights);
  expect(plain.reports[0]!.note).toBeUndefined();

  const limit = Math.round((plain.peak + again.peak) / 2);
  const limited = await twoSteps(limit);
  expect(limited.peak).toBeLessThanOrEqual(limit);
  expect(weightsOf(limited.final)).toEqual(weights);
  expect(limited.reports[0]!.note).toMatch(
    /did not fit into memory \(asked for \d+ MiB, \d+ MiB free\).*computed again/,
  );

  // Not where it was ruled out; the error says what fits.
  const refused = await twoSteps(limit, { checkpointing: 'none' }).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(OutOfMemoryError);
  expect((refused as Error).message).toMatch(
    /^train: a step on 2 patches of 24×24×24 does not fit into memory\. wasm: .* asks for .* MiB; .* are free.*What fits: a batch of 1, or a patch of \d+×\d+×\d+, or checkpointing, or a device/,
  );
  const { fittingPatch } = (refused as OutOfMemoryError).details as { fittingPatch: readonly number[] };
  expect(fittingPatch.every((n) => n % 2 === 0 && n <= 24) && fittingPatch.some((n) => n < 24)).toBe(true);
  const held = { checkpointing: 'none' as const };
  const smaller = await twoSteps(limit, { ...held, patch: fittingPatch as readonly [number, number, number] });
  expect(smaller.peak).toBeLessThanOrEqual(limit);
  const fewer = await twoSteps(limit, held, { batchSize: 1 });
  expect(fewer.peak).toBeLessThanOrEqual(limit);
});

it.each([
  ['none', 0],
  ['stages', 0],
  ['samples', 0],
  ['samples and stages', 0],
  ['samples and stages', 1],
] as const)(
  'plans the memory of a step without doing it, checkpointing %s, %i looks at validation patches',
  async (checkpointing, validationSteps) => {
    const { peak } = await twoSteps(undefined, { checkpointing, validation: ['b'] }, { validationSteps });
    const labels = labelScheme({ background: 0, cube: 1 });
    const planned = await plannedStepBytes({
      parts: { config: network, labels, loss: lossNamed('dice+ce', labels, settings), settings, checkpointing },
      settings: { ...settings, validationSteps },
      device: { threads: 1, keptBytes: 2 ** 28 },
      samples: 2,
      channels: 1,
      patch: [24, 24, 24],
    });
    expect(Math.abs(planned / peak - 1)).toBeLessThan(0.01);
  },
);

it('refuses a step that cannot fit before there is a case, and lets one pass that fits with frugality', async () => {
  const labels = labelScheme({ background: 0, cube: 1 });
  const check = async (maxBytes: number, more: Partial<StepRequest> = {}): Promise<void> => {
    const device = await createWasmDevice({ threads: 1, maxBytes });
    try {
      await requireStepMemory({ device, network, labels, settings, patch: [24, 24, 24], ...more });
      expect(device.memory().peakBytes).toBeLessThan(2 ** 20); // nothing was computed
    } finally {
      device.dispose();
    }
  };
  const { peak } = await twoSteps(undefined);
  const { peak: least } = await twoSteps(undefined, { checkpointing: 'samples and stages' });
  await check(Math.round(1.05 * peak));
  await check(Math.round(1.05 * least));
  await expect(check(Math.round(1.05 * least), { checkpointing: 'none' })).rejects.toThrow(
    /^train: a step on 2 patches.*is planned to take \d+ MiB, the limit is \d+ MiB\..*What fits: .*a device/s,
  );
  await expect(check(Math.round(0.6 * least))).rejects.toBeInstanceOf(OutOfMemoryError);
});

it('holds one sample at a time where stages are not enough, and learns the same but for rounding', async () => {
  const plain = await twoSteps(undefined);
  const stages = await twoSteps(undefined, { checkpointing: 'stages' });
  const both = await twoSteps(undefined, { checkpointing: 'samples and stages' });
  expect(both.peak).toBeLessThan(0.75 * stages.peak);
  const expected = numbersOf(plain.final);
  for (const [name, values] of numbersOf(both.final))
    values.forEach((value, k) => expect(Math.abs(value - expected.get(name)![k]!), name).toBeLessThan(2e-5));

  const limit = Math.round((both.peak + stages.peak) / 2);
  const limited = await twoSteps(limit);
  expect(limited.peak).toBeLessThanOrEqual(limit);
  expect(limited.reports[0]!.note).toMatch(/the results of each sample.* computed again/);
  await expect(twoSteps(Math.round(0.6 * both.peak))).rejects.toThrow(
    /does not fit into memory, though the results of each sample, and within it of each stage, are computed again/,
  );
});
