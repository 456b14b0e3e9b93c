/**
 * Count, minimum, maximum, mean, standard deviation (÷ n) and sample standard deviation (÷ (n - 1)) of every channel,
 * over the whole volume or where a mask is not 0. Sums are float64. Nothing selected: all zeros. One value: deviation 0.
 *
 * Shape: x f32 [C, z, y, x], mask u8 [1, z, y, x] -> f32 [C, 6].
 */
import { defineOp } from '../../op/op.ts';
import { int, pointer, scratchPointer, type WasmKernel } from '../../devices/wasm/kernel.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { expectMask, expectVolume } from '../voxel-shape.ts';
import { reference } from './statistics.reference.ts';

/** Columns of the result. */
export const STATISTICS = ['count', 'minimum', 'maximum', 'mean', 'deviation', 'sampleDeviation'] as const;

/** Elements summed together: sums do not depend on the number of threads. */
const BLOCK = 65536;

const wasm: WasmKernel<object> = {
  lower: ({ inputs, outputs: [y], scratch }) => {
    const x = inputs['x']!;
    const mask = inputs['mask'];
    const voxels = x.shape[1]! * x.shape[2]! * x.shape[3]!;
    const blocks = Math.ceil(voxels / BLOCK);
    const sums = scratch(x.shape[0]! * blocks * 40);
    const sizes = [x.shape[0]!, voxels, BLOCK].map(int);
    return [
      { kernel: 'statistics_blocks', args: [pointer(x), mask ? pointer(mask) : int(0), scratchPointer(sums), ...sizes] },
      { kernel: 'statistics_total', args: [pointer(x), scratchPointer(sums), pointer(y!), ...sizes] },
    ];
  },
};

export const statistics = defineOp<{ x: Tensor; mask?: Tensor | undefined }>({
  name: 'statistics',
  defaults: {},
  shape: ({ x, mask }) => {
    const space = expectVolume('statistics', 'x', x, 'f32');
    if (mask) expectMask('statistics', mask, space);
    return { shape: [x.shape[0]!, STATISTICS.length], dtype: 'f32' };
  },
  kernels: { reference, wasm },
  cases: [
    { name: 'two channels', inputs: { x: { shape: [2, 5, 6, 7] } }, gradient: false },
    { name: 'masked', inputs: { x: { shape: [2, 5, 6, 7] }, mask: { shape: [1, 5, 6, 7], dtype: 'u8', fill: { integersBelow: 2 } } }, gradient: false },
    { name: 'several blocks', inputs: { x: { shape: [1, 45, 45, 45] } }, gradient: false },
    { name: 'one voxel', inputs: { x: { shape: [1, 1, 1, 1] } }, gradient: false },
  ],
  tolerance: { f32: 1e-6 },
});
