/**
 * Percentiles of every channel, with linear interpolation between ranks, over the whole volume or where a mask is not 0.
 * Exact: by radix selection over the numbers' bits. Nothing selected: zeros.
 *
 * Shape: x f32 [C, z, y, x], mask u8 [1, z, y, x] -> f32 [C, percentiles]. NaN is not allowed.
 */
import { defineOp } from '../../op/op.ts';
import { doubles, int, pointer, scratchPointer, type WasmKernel } from '../../devices/wasm/kernel.ts';
import type { ReferenceKernel } from '../../op/op.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { ShapeError } from '../../errors.ts';
import { expectMask, expectVolume } from '../voxel-shape.ts';
import { webgpu } from './percentiles.webgpu.ts';

export interface PercentilesOptions {
  /** 0 … 100. */
  readonly percentiles: readonly number[];
}

type Input = { x: Tensor; mask?: Tensor | undefined };

const reference: ReferenceKernel<Input, PercentilesOptions> = ({ x, mask }, { percentiles }, [y]) => {
  const voxels = x.data.length / x.shape[0]!;
  for (let c = 0; c < x.shape[0]!; c++) {
    const sorted = Float32Array.from(
      x.data.subarray(c * voxels, (c + 1) * voxels).filter((_, v) => !mask || mask.data[v] !== 0),
    ).sort();
    if (sorted.length === 0) continue;
    percentiles.forEach((p, k) => {
      const rank = (p / 100) * (sorted.length - 1);
      const low = Math.floor(rank);
      const high = Math.min(sorted.length - 1, low + 1);
      y!.data[c * percentiles.length + k] = sorted[low]! + (sorted[high]! - sorted[low]!) * (rank - low);
    });
  }
};

const wasm: WasmKernel<PercentilesOptions> = {
  lower: ({ inputs: { x, mask }, outputs: [y], options: { percentiles }, scratch }) => [
    {
      kernel: 'percentiles',
      args: [
        pointer(x!),
        mask ? pointer(mask) : int(0),
        pointer(y!),
        scratchPointer(scratch(65536 * 4 * 2)),
        int(x!.shape[0]!),
        int(x!.shape[1]! * x!.shape[2]! * x!.shape[3]!),
        int(percentiles.length),
        doubles(percentiles.map((p) => p / 100)),
      ],
    },
  ],
};

export const percentiles = defineOp<Input, PercentilesOptions>({
  name: 'percentiles',
  defaults: { percentiles: [] },
  shape: ({ x, mask }, { percentiles: wanted }) => {
    const space = expectVolume('percentiles', 'x', x, 'f32');
    if (mask) expectMask('percentiles', mask, space);
    if (!wanted.every((p) => p >= 0 && p <= 100))
      throw new ShapeError(`percentiles: each is between 0 and 100, came [${wanted.join(', ')}].`, {
        percentiles: wanted,
      });
    return { shape: [x.shape[0]!, wanted.length], dtype: 'f32' };
  },
  kernels: { reference, wasm, webgpu },
  cases: [
    {
      name: 'two channels',
      inputs: { x: { shape: [2, 5, 6, 7] } },
      options: { percentiles: [0, 0.5, 10, 50, 99.5, 100] },
      gradient: false,
    },
    {
      name: 'masked',
      inputs: { x: { shape: [1, 5, 6, 7] }, mask: { shape: [1, 5, 6, 7], dtype: 'u8', fill: { integersBelow: 2 } } },
      options: { percentiles: [5, 25, 95] },
      gradient: false,
    },
    {
      name: 'nothing selected',
      inputs: { x: { shape: [2, 2, 3, 4] }, mask: { shape: [1, 2, 3, 4], dtype: 'u8', fill: [0] } },
      options: { percentiles: [0, 50] },
      gradient: false,
    },
    {
      name: 'equal numbers, zeros of both signs, extremes',
      inputs: { x: { shape: [1, 1, 2, 5], fill: [-0, 7, 7, 0, -1e30, 7, 7, 1e-42, -3, 7] } },
      options: { percentiles: [0, 20, 30, 45, 60, 100] },
      gradient: false,
    },
    { name: 'one voxel', inputs: { x: { shape: [1, 1, 1, 1] } }, options: { percentiles: [50] }, gradient: false },
  ],
  tolerance: { f32: 1e-6 },
});
