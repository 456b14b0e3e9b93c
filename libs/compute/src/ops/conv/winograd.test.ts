/** How much Winograd's transforms lose: the bound that the project promises, against sums in float64. */
import { expect, it } from 'vitest';
import { createReferenceDevice } from '../../devices/reference/reference-device.ts';
import { Philox } from '../../random/philox.ts';
import { wasmDevices } from '../../testing/devices.ts';
import { tensor, type Tensor } from '../../tensor/tensor.ts';
import type { Device } from '../../devices/device.ts';
import { convInputGradient, convWeightGradient } from './conv-gradients.ts';
import { conv } from './conv.ts';
import type { ConvAlgorithm } from './geometry.ts';
import { MOST_CHANNELS } from './choose.ts';

const sizes = { plain: [4, 12, 8], small: [4, 8, 8] };
const padding = 1;

async function relativeError(
  channels: number,
  task: 'output' | 'input' | 'weight',
  algorithm: ConvAlgorithm,
  size = sizes.plain,
): Promise<number> {
  const rng = new Philox(11);
  const voxels = size.reduce((all, n) => all * n, 1);
  // Inputs as a network sees them: normal numbers through a leaky ReLU.
  const x = Float32Array.from({ length: channels * voxels }, () => rng.normal()).map((v) => (v < 0 ? 0.01 * v : v));
  const dy = Float32Array.from({ length: 8 * voxels }, () => rng.normal());
  const weight = Float32Array.from({ length: 8 * channels * 27 }, () => rng.normal() * Math.sqrt(2 / (27 * channels)));
  const run = async (device: Device): Promise<Float32Array> => {
    const put = (data: Float32Array, shape: number[]): Tensor => tensor(device, data, shape);
    const made =
      task === 'output'
        ? conv(
            { x: put(x, [1, channels, ...size]), weight: put(weight, [8, channels, 3, 3, 3]) },
            { padding, algorithm },
          )
        : task === 'input'
          ? convInputGradient(
              { dy: put(x, [1, channels, ...size]), weight: put(weight, [channels, 8, 3, 3, 3]) },
              { padding, algorithm, inputSize: size },
            )
          : convWeightGradient(
              { x: put(x, [1, channels, ...size]), dy: put(dy, [1, 8, ...size]) },
              { padding, algorithm, kernel: [3, 3, 3] },
            );
    return (await made.read()) as Float32Array;
  };
  const want = await run(createReferenceDevice());
  const got = await run(await wasmDevices[0]!.open());
  const square = (values: Float32Array): number => values.reduce((sum, v) => sum + v * v, 0);
  return Math.sqrt(square(got.map((v, k) => v - want[k]!)) / square(want));
}

for (const channels of [32, 256])
  for (const task of ['output', 'input', 'weight'] as const)
    it(`${task} of ${channels} channels: rms within 5e-6 of the exact sums`, async () => {
      const errors: Record<string, number> = {};
      for (const algorithm of ['direct', 'F2', 'F4', 'F2x4x4', 'F4x4x4'] as const)
        errors[algorithm] = await relativeError(channels, task, algorithm);
      // One accumulator sums all channels and taps: 6912 numbers one after the other at 256 channels.
      expect(errors['direct']).toBeLessThan(2e-6);
      expect(errors['F2']).toBeLessThan(2e-6);
      expect(errors['F4']).toBeLessThan(5e-6);
      expect(errors['F2x4x4']).toBeLessThan(5e-6);
      expect(errors['F4x4x4']).toBeLessThan(5e-6);
      // Different algorithms do run: none gives the bits of another.
      expect(new Set(Object.values(errors)).size).toBe(5);
      if (process.env['VOXELWISE_PRINT']) console.log(channels, task, errors);
    });

for (const [algorithm, channels] of Object.entries(MOST_CHANNELS))
  it(`${algorithm} of as many as ${channels} channels: rms within 5e-6`, async () => {
    expect(await relativeError(channels, 'output', algorithm as ConvAlgorithm, sizes.small)).toBeLessThan(5e-6);
  });
