/**
 * Count, minimum, maximum, mean, standard deviation (÷ n) and sample standard deviation (÷ (n - 1)) of every channel,
 * over the whole volume or where a mask is not 0. Sums are float64. Nothing selected: all zeros. One value: deviation 0.
 *
 * Shape: x f32 [C, z, y, x], mask u8 [1, z, y, x] -> f32 [C, 6].
 */
import { defineOp } from '../../op/op.ts';
import {
  int,
  pointer,
  scratchPointer,
  type KernelArgument,
  type KernelCall,
  type ScratchBuffer,
  type WasmKernel,
} from '../../devices/wasm/kernel.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { expectMask, expectVolume } from '../voxel-shape.ts';
import { reference } from './statistics.reference.ts';
import { webgpu } from './statistics.webgpu.ts';

/** Columns of the result. */
export const STATISTICS = ['count', 'minimum', 'maximum', 'mean', 'deviation', 'sampleDeviation'] as const;

/** Elements summed together: sums do not depend on the number of threads. */
const BLOCK = 65536;

/** The calls that fill `table` (f32 [C][6]) for x; also for operations that need statistics on their way. */
export function statisticsCalls(
  x: KernelArgument,
  table: KernelArgument,
  channels: number,
  voxels: number,
  scratch: (bytes: number) => ScratchBuffer,
  mask: KernelArgument = int(0),
): KernelCall[] {
  const sums = scratchPointer(scratch(channels * Math.ceil(voxels / BLOCK) * 40));
  const sizes = [channels, voxels, BLOCK].map(int);
  return [
    { kernel: 'statistics_blocks', args: [x, mask, sums, ...sizes] },
    { kernel: 'statistics_total', args: [x, sums, table, ...sizes] },
  ];
}

const wasm: WasmKernel<object> = {
  lower: ({ inputs: { x, mask }, outputs: [y], scratch }) =>
    statisticsCalls(
      pointer(x!),
      pointer(y!),
      x!.shape[0]!,
      x!.shape[1]! * x!.shape[2]! * x!.shape[3]!,
      scratch,
      mask && pointer(mask),
    ),
};

export const statistics = defineOp<{ x: Tensor; mask?: Tensor | undefined }>({
  name: 'statistics',
  defaults: {},
  shape: ({ x, mask }) => {
    const space = expectVolume('statistics', 'x', x, 'f32');
    if (mask) expectMask('statistics', mask, space);
    return { shape: [x.shape[0]!, STATISTICS.length], dtype: 'f32' };
  },
  kernels: { reference, wasm, webgpu },
  cases: [
    { name: 'two channels', inputs: { x: { shape: [2, 5, 6, 7] } }, gradient: false },
    {
      name: 'masked',
      inputs: { x: { shape: [2, 5, 6, 7] }, mask: { shape: [1, 5, 6, 7], dtype: 'u8', fill: { integersBelow: 2 } } },
      gradient: false,
    },
    {
      name: 'nothing selected',
      inputs: { x: { shape: [2, 2, 3, 4] }, mask: { shape: [1, 2, 3, 4], dtype: 'u8', fill: [0] } },
      gradient: false,
    },
    {
      name: 'the first value masked, not a number',
      inputs: {
        x: { shape: [1, 1, 2, 2], fill: [NaN, 1, 2, 4] },
        mask: { shape: [1, 1, 2, 2], dtype: 'u8', fill: [0, 1, 0, 1] },
      },
      gradient: false,
    },
    {
      name: 'a large offset',
      inputs: { x: { shape: [1, 1, 1, 4], fill: [1e6, 1e6 + 1, 1e6 + 2, 1e6 + 3] } },
      gradient: false,
    },
    { name: 'several blocks', inputs: { x: { shape: [1, 45, 45, 45] } }, gradient: false },
    { name: 'one voxel', inputs: { x: { shape: [1, 1, 1, 1] } }, gradient: false },
  ],
  tolerance: { f32: 1e-6 },
});
