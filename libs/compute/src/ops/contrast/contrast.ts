/**
 * Contrast per channel: y = (x - mean) · factor + mean, clipped to the channel's old range if `preserveRange`. Channels with
 * null come back unchanged.
 *
 * Shape: f32 [C, z, y, x] -> the same. Source: batchgeneratorsv2's contrast transform.
 */
import { defineOp } from '../../op/op.ts';
import { float, int, pointer, scratchPointer, type WasmKernel } from '../../devices/wasm/kernel.ts';
import type { ReferenceKernel } from '../../op/op.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { ShapeError } from '../../errors.ts';
import { statisticsCalls } from '../statistics/statistics.ts';
import { expectVolume } from '../voxel-shape.ts';
import { webgpu } from './contrast.webgpu.ts';

export interface ContrastOptions {
  readonly factors: readonly (number | null)[];
  readonly preserveRange: boolean;
}

const reference: ReferenceKernel<{ x: Tensor }, ContrastOptions> = ({ x }, { factors, preserveRange }, [y]) => {
  const voxels = x.data.length / factors.length;
  factors.forEach((factor, c) => {
    const values = x.data.subarray(c * voxels, (c + 1) * voxels);
    let [low, high, sum] = [Infinity, -Infinity, 0];
    for (const value of values) {
      low = Math.min(low, value);
      high = Math.max(high, value);
      sum += value;
    }
    const mean = sum / voxels;
    for (let v = 0; v < voxels; v++) {
      const changed = factor === null ? values[v]! : (values[v]! - mean) * factor + mean;
      y!.data[c * voxels + v] = factor !== null && preserveRange ? Math.min(high, Math.max(low, changed)) : changed;
    }
  });
};

const wasm: WasmKernel<ContrastOptions> = {
  lower: ({ inputs: { x }, outputs: [y], options: { factors, preserveRange }, scratch }) => {
    const table = scratchPointer(scratch(x!.shape[0]! * 24));
    const voxels = x!.shape[1]! * x!.shape[2]! * x!.shape[3]!;
    return [
      ...statisticsCalls(pointer(x!), table, x!.shape[0]!, voxels, scratch),
      {
        kernel: 'contrast',
        args: [
          pointer(x!),
          pointer(y!),
          table,
          int(factors.length),
          int(voxels),
          int(preserveRange ? 1 : 0),
          { words: factors.flatMap((factor) => [int(factor === null ? 0 : 1), float(factor ?? 1)]) },
        ],
      },
    ];
  },
};

export const contrast = defineOp<{ x: Tensor }, ContrastOptions>({
  name: 'contrast',
  defaults: { factors: [], preserveRange: true },
  shape: ({ x }, { factors }) => {
    expectVolume('contrast', 'x', x, 'f32');
    if (factors.length !== x.shape[0])
      throw new ShapeError(
        `contrast: expects one factor or null per channel, ${x.shape[0]} channels, came ${factors.length}.`,
        { factors },
      );
    return { shape: x.shape, dtype: 'f32' };
  },
  kernels: { reference, wasm, webgpu },
  cases: [
    {
      name: 'one channel of two',
      inputs: { x: { shape: [2, 5, 6, 7] } },
      options: { factors: [1.2, null] },
      gradient: false,
    },
    {
      name: 'without range',
      inputs: { x: { shape: [1, 5, 6, 7] } },
      options: { factors: [1.4], preserveRange: false },
      gradient: false,
    },
  ],
  tolerance: { f32: 2e-6 },
});
