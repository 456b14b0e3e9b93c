/** Training on WebGPU devices that are destroyed under it: it goes on to the bytes of a training that was left alone. */
import { DeviceError, Philox, type Device } from '@voxelwise/compute';
import { labelScheme } from '@voxelwise/planner';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gpuForTests, webGpuForTests } from '../../../compute/src/testing/gpu-for-tests.ts';
import { memoryCase, memoryCases } from '../cases/memory-case.ts';
import { TrainingError } from '../errors.ts';
import { CHECKPOINT, memoryStore } from '../experiment/state-store.ts';
import type { EpochReport } from './reports.ts';
import { train } from './train.ts';
import type { TrainOptions } from './train-options.ts';

const side = 8;
const cases = memoryCases(
  [1, 2, 3].map((seed) => {
    const random = new Philox(seed);
    const labels = Int16Array.from({ length: side * side }, (_, v) => (v % side > seed ? 1 : 0));
    return memoryCase({
      id: `case${seed}`,
      shape: [1, side, side],
      image: Float32Array.from(labels, (label) => label + random.normal(0, 0.3)),
      labels,
      locations: new Map([['1', Uint32Array.from(labels.keys()).filter((v) => labels[v] === 1)]]),
    });
  }),
);

const options = (device: Device, more: Partial<TrainOptions> = {}): TrainOptions => ({
  device,
  patch: [1, side, side],
  labels: labelScheme({ background: 0, half: 1 }),
  network: {
    network: 'PlainConvUNet',
    inputChannels: 1,
    outputChannels: 2,
    featuresPerStage: [4, 6],
    kernelSizes: [
      [3, 3],
      [3, 3],
    ],
    strides: [
      [1, 1],
      [2, 2],
    ],
    encoderDepths: [1, 1],
    decoderDepths: [1],
    convolutionBias: true,
    normEpsilon: 1e-5,
    slope: 0.01,
  },
  settings: {
    recipe: 'custom',
    steps: 9,
    stepsPerEpoch: 3,
    validationSteps: 1,
    batchSize: 2,
    clipNorm: 12,
    foregroundShare: 0.33,
    batchDice: false,
    deepSupervision: false,
    loss: 'ce',
    optimizer: { name: 'sgd', learningRate: 0.05, momentum: 0.9, nesterov: true, weightDecay: 3e-5 },
    schedule: { name: 'poly', exponent: 0.9, warmupSteps: 0, per: 'step' },
    augmentation: 'mirror',
    mirrorAxes: [1, 2],
  },
  cases,
  train: ['case1', 'case2'],
  validation: ['case3'],
  seed: 5,
  ...more,
});

function destroy(device: Device): void {
  (device as unknown as { backend: { gpu: GPUDevice } }).backend.gpu.destroy();
}

async function reportsOf(given: TrainOptions): Promise<EpochReport[]> {
  const reports: EpochReport[] = [];
  for await (const report of train(given)) reports.push(report);
  return reports;
}

const gpu = await gpuForTests();

describe.skipIf(gpu === undefined)(`training on a device that is lost${gpu ? '' : ' (skipped: no adapter)'}`, () => {
  const opened: Device[] = [];
  const open = async (): Promise<Device> => {
    opened.push(await webGpuForTests());
    return opened.at(-1)!;
  };
  afterAll(() => opened.forEach((device) => device.dispose()));

  const whole = memoryStore();
  let reports: EpochReport[];
  beforeAll(async () => {
    reports = await reportsOf(options(await open(), { store: whole }));
  });

  it('goes on to the same bytes, lost before anything was saved and at the end of an epoch', async () => {
    const store = memoryStore();
    const left = [2, 6];
    const losses: DeviceError[] = [];
    const again = await reportsOf(
      options(await open(), {
        store,
        onStep: ({ step }) => {
          if (step !== left[0]) return;
          left.shift();
          destroy(opened.at(-1)!);
        },
        reopen: (lost) => {
          losses.push(lost);
          return open();
        },
      }),
    );
    expect(again).toEqual(reports);
    expect(losses.map((lost) => lost.lost)).toEqual([true, true]);
    const bytes = (from: typeof store): Buffer => Buffer.from(from.files.get(CHECKPOINT.final)!);
    expect(bytes(store).equals(bytes(whole))).toBe(true);
  });

  it('keeps its state in memory where there is no store', async () => {
    let isDestroyed = false;
    const seen: number[] = [];
    const again = await reportsOf(
      options(await open(), {
        onStep: ({ step }) => {
          seen.push(step);
          if (step !== 8 || isDestroyed) return;
          isDestroyed = true;
          destroy(opened.at(-1)!);
        },
        reopen: open,
      }),
    );
    expect(again).toEqual(reports);
    // From the end of the second epoch, not from the start.
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 7, 8, 9]);
  });

  it('tells the loss where nobody reopens', async () => {
    const device = await open();
    const lost = await reportsOf(options(device, { onStep: () => destroy(device) })).catch((error: unknown) => error);
    expect(lost).toBeInstanceOf(DeviceError);
    expect(lost).toMatchObject({ lost: true });
  });

  it('says from where it would go on where no adapter comes back', async () => {
    const device = await open();
    const given = options(device, {
      onStep: ({ step }) => step === 4 && destroy(device),
      reopen: () => Promise.reject(new DeviceError('createWebGpuDevice: WebGPU is here but has no adapter.')),
    });
    const error = await reportsOf(given).catch((one: unknown) => one);
    expect(error).toBeInstanceOf(TrainingError);
    expect((error as TrainingError).message).toMatch(/no other could be opened: .*no adapter.* after step 3/);
    expect((error as TrainingError).details).toMatchObject({ lost: true, step: 3 });
  });

  it('gives up when every device is lost at the same place', async () => {
    const reopen = async (): Promise<Device> => {
      const device = await open();
      destroy(device);
      return device;
    };
    const given = options(await reopen(), { reopen });
    await expect(reportsOf(given)).rejects.toThrow(/lost 4 times after step 0 .*smaller patch or batch/);
  });
});
