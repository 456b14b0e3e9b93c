import { createWasmDevice, type Device, scope, zeros } from '@voxelwise/compute';
import { buildNetwork, initialize, type NetworkConfig } from '@voxelwise/nets';
import { describe, expect, it } from 'vitest';
import { predictPlanMemory } from './predict-memory.ts';
import { trainOneStep } from '../testing/train-one-step.ts';

function config(network: NetworkConfig['network'], features: readonly number[], dimensions: 2 | 3): NetworkConfig {
  const each = (n: number): number[] => new Array<number>(dimensions).fill(n);
  return {
    network,
    inputChannels: 1,
    outputChannels: 3,
    featuresPerStage: features,
    kernelSizes: features.map(() => each(3)),
    strides: features.map((_, stage) => each(stage === 0 ? 1 : 2)),
    encoderDepths: features.map((_, stage) => (network === 'PlainConvUNet' ? 2 : [1, 3, 4, 6][stage]!)),
    decoderDepths: features.slice(1).map(() => (network === 'PlainConvUNet' ? 2 : 1)),
    convolutionBias: true,
    normEpsilon: 1e-5,
    slope: 0.01,
  };
}

const networks: readonly (readonly [string, NetworkConfig, readonly number[], number])[] = [
  ['plain 3D', config('PlainConvUNet', [16, 32, 64], 3), [32, 48, 32], 2],
  ['residual 3D', config('ResidualEncoderUNet', [16, 32, 64], 3), [32, 48, 32], 2],
  ['plain 2D', config('PlainConvUNet', [32, 64, 128], 2), [128, 128], 4],
  [
    "hippocampus, nnU-Net's default plan with a smaller batch",
    config('PlainConvUNet', [32, 64, 128, 256], 3),
    [40, 56, 40],
    2,
  ],
  ['wide, small patch', config('PlainConvUNet', [64, 128], 3), [16, 24, 16], 1],
  ['residual 2D', config('ResidualEncoderUNet', [16, 32, 64, 128], 2), [96, 64], 3],
];

async function measured(work: (device: Device) => void): Promise<number> {
  const device = await createWasmDevice({ threads: 2 });
  try {
    work(device);
    await device.flush();
    return device.memory().peakBytes;
  } finally {
    device.dispose();
  }
}

describe('predictPlanMemory', () => {
  it.each(networks)('is within 15 % of the measured peak: %s', async (_, network, patchSize, batchSize) => {
    const shape = [batchSize, network.inputChannels, ...patchSize];
    const trained = await measured((device) => trainOneStep(device, network, shape));
    const training = (await predictPlanMemory({ network, patchSize, batchSize, training: true, threads: 2 })) / trained;
    expect(Math.abs(training - 1), `training: ${training} of the measured`).toBeLessThan(0.15);
    const inferred = await measured((device) => {
      const module = buildNetwork(network);
      initialize(module, device, { seed: 1 });
      const image = zeros(device, shape);
      scope(() => module.forward(image));
    });
    const inference =
      (await predictPlanMemory({ network, patchSize, batchSize, training: false, threads: 2 })) / inferred;
    expect(Math.abs(inference - 1), `inference: ${inference} of the measured`).toBeLessThan(0.15);
  });

  it('grows with the batch, and takes no longer for a network of real size', async () => {
    const network = config('PlainConvUNet', [32, 64, 128, 256, 320, 320], 3);
    const [one, two] = await Promise.all(
      [1, 2].map((batchSize) => predictPlanMemory({ network, patchSize: [96, 160, 160], batchSize, training: true })),
    );
    expect(two! / one!).toBeGreaterThan(1.7);
    expect(two!).toBeGreaterThan(4e9);
  });
});
