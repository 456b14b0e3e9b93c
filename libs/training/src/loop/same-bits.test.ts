/** A deterministic training step has the same bits for any number of threads. */
import { createWasmDevice, Philox, tensor } from '@voxelwise/compute';
import { buildNetwork, initialize, parametersOf, type NetworkConfig } from '@voxelwise/nets';
import { labelScheme } from '@voxelwise/planner';
import { expect, it } from 'vitest';
import { lossNamed } from '../losses/catalogue.ts';
import { makeOptimizer } from '../optimizers/optimizer.ts';
import { learnFrom } from './network-step.ts';

const filled = (length: number, value: number): number[] => new Array<number>(length).fill(value);

function config(axes: 2 | 3): NetworkConfig {
  const all = (value: number): readonly [number, number, number] =>
    filled(axes, value) as unknown as [number, number, number];
  return {
    network: 'PlainConvUNet',
    inputChannels: 2,
    outputChannels: 3,
    featuresPerStage: [12, 24, 40],
    kernelSizes: [all(3), all(3), all(3)],
    strides: [all(1), all(2), all(2)],
    encoderDepths: [2, 2, 2],
    decoderDepths: [2, 2],
    convolutionBias: true,
    normEpsilon: 1e-5,
    slope: 0.01,
  };
}

async function stepOn(threads: number, axes: 2 | 3, optimizer: 'sgd' | 'adamw'): Promise<Uint32Array[]> {
  const device = await createWasmDevice({ threads, deterministic: true });
  try {
    const network = buildNetwork(config(axes));
    initialize(network, device, { seed: 4 });
    const parameters = new Map(Array.from(parametersOf(network), ([name, parameter]) => [name, parameter.value]));
    const labels = labelScheme({ background: 0, organ: 1, tumor: 2 });
    const random = new Philox(9);
    const size = axes === 2 ? [28, 36] : [12, 16, 20];
    const image = Float32Array.from({ length: 4 * size.reduce((a, b) => a * b) }, () => random.normal());
    const targets = [1, 2].map((shrink) => {
      const shape = size.map((n) => n / shrink);
      const data = Int32Array.from({ length: 2 * shape.reduce((a, b) => a * b) }, () => random.integer(0, 3));
      return tensor(device, data, [2, 1, ...shape]);
    });
    const { loss, norm } = learnFrom(
      {
        device,
        config: config(axes),
        network,
        labels,
        loss: lossNamed('dice+ce', labels, { batchDice: axes === 2 }),
        settings: { deepSupervision: true, clipNorm: 12 },
      },
      tensor(device, image, [2, 2, ...size]),
      targets,
      makeOptimizer(
        device,
        optimizer === 'sgd'
          ? { name: 'sgd', learningRate: 0.01, momentum: 0.99, nesterov: true, weightDecay: 3e-5 }
          : { name: 'adamw', learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 },
        parameters,
      ),
      [...parameters.values()],
      0.01,
      1,
    );
    const bits: Uint32Array[] = [];
    for (const made of [loss, norm, ...parameters.values()])
      bits.push(new Uint32Array(((await made.read()) as Float32Array).slice().buffer));
    return bits;
  } finally {
    device.dispose();
  }
}

it.each([
  [2, 'sgd'],
  [3, 'adamw'],
] as const)(
  'a %iD U-Net learns the same bits on 1, 2 and 8 threads with %s',
  async (axes, optimizer) => {
    const want = await stepOn(1, axes, optimizer);
    expect(want.length).toBeGreaterThan(40);
    for (const threads of [2, 8]) expect(await stepOn(threads, axes, optimizer), `${threads} threads`).toEqual(want);
  },
  // Eight threads take turns at every barrier where there are fewer cores, or others on them.
  240_000,
);
