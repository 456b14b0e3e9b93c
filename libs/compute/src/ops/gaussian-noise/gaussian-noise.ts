/**
 * Adds normally distributed noise: y = x + deviation · n, n a pure function of the key and the voxel's place in the array.
 * `key`: two 32-bit words. Channels with deviation 0 come back unchanged. `combine: 'rician'`: y = sqrt((x + s·n)² + (s·n')²).
 *
 * Shape: f32 [C, z, y, x] -> the same. Same bits on one thread or many.
 * Source: Philox 4x32-10 (Salmon 2011), Box & Muller 1958.
 */
import { defineOp } from '../../op/op.ts';
import { float, int, pointer, scratchPointer, type WasmKernel } from '../../devices/wasm/kernel.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { ShapeError } from '../../errors.ts';
import { expectVolume } from '../voxel-shape.ts';
import { reference } from './gaussian-noise.reference.ts';
import { webgpu } from './gaussian-noise.webgpu.ts';

export interface GaussianNoiseOptions {
  readonly key: readonly [number, number];
  /** One per channel. */
  readonly deviations: readonly number[];
  readonly combine: 'add' | 'rician';
}

const wasm: WasmKernel<GaussianNoiseOptions> = {
  lower: ({ inputs: { x }, outputs: [y], options: { key, deviations, combine }, threads, scratch }) => [
    {
      kernel: 'gaussian_noise',
      args: [
        pointer(x!),
        pointer(y!),
        int(x!.shape[0]!),
        int(x!.shape[1]! * x!.shape[2]! * x!.shape[3]!),
        int(key[0] | 0),
        int(key[1] | 0),
        int(combine === 'rician' ? 1 : 0),
        { words: deviations.map(float) },
        scratchPointer(scratch(128 * threads)),
      ],
    },
  ],
};

export const gaussianNoise = defineOp<{ x: Tensor }, GaussianNoiseOptions>({
  name: 'gaussianNoise',
  defaults: { key: [0, 0], deviations: [], combine: 'add' },
  shape: ({ x }, { deviations }) => {
    expectVolume('gaussianNoise', 'x', x, 'f32');
    if (deviations.length !== x.shape[0] || !deviations.every((d) => d >= 0))
      throw new ShapeError(
        `gaussianNoise: expects one deviation of at least 0 per channel, ${x.shape[0]} channels, came [${deviations.join(', ')}].`,
        { deviations },
      );
    return { shape: x.shape, dtype: 'f32' };
  },
  kernels: { reference, wasm, webgpu },
  cases: [
    {
      name: 'two channels',
      inputs: { x: { shape: [2, 5, 6, 7] } },
      options: { key: [123456789, 4000000000], deviations: [1, 0.25] },
      gradient: false,
    },
    {
      name: 'one channel off',
      inputs: { x: { shape: [3, 5, 3, 11] } },
      options: { key: [1, 2], deviations: [1, 0, 3] },
      gradient: false,
    },
    {
      name: 'rician',
      inputs: { x: { shape: [1, 5, 3, 11] } },
      options: { key: [1, 2], deviations: [0.5], combine: 'rician' },
      gradient: false,
    },
  ],
  tolerance: { f32: 2e-6 },
});
