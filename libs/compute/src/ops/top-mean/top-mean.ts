/**
 * The mean of the greatest `floor(fraction · n)` elements (at least one) of a tensor. Elements tied at the threshold share
 * its weight evenly in the gradient.
 *
 * Shape: f32, any -> [mean [], kept [2] (the threshold, and the share of each tie)].
 */
import { DTypeError } from '../../errors.ts';
import { int, pointer, scratchPointer } from '../../devices/wasm/kernel.ts';
import { expectFloats, expectFloatsOf } from '../../op/expect.ts';
import { defineOp } from '../../op/op.ts';
import { describe, sizeOf, type Shape } from '../../tensor/spec.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { gpuTopMean, gpuTopMeanGradient } from './top-mean.webgpu.ts';

export interface TopMeanOptions {
  readonly fraction: number;
}

const DEFAULTS: TopMeanOptions = { fraction: 0.1 };

/** As the reference truncates: int(n · percent / 100). */
function countOf(shape: Shape, fraction: number): number {
  return Math.max(1, Math.floor((sizeOf(shape) * (fraction * 100)) / 100 + 1e-9));
}

export const topMeanWithThreshold = defineOp<{ x: Tensor }, TopMeanOptions, readonly [Tensor, Tensor]>({
  name: 'topMean',
  defaults: DEFAULTS,
  shape: ({ x }) => {
    if (x.dtype !== 'f32') throw new DTypeError(`topMean: x is f32, came ${describe(x)}.`, { dtype: x.dtype });
    return [
      { shape: [], dtype: 'f32' },
      { shape: [2], dtype: 'f32' },
    ];
  },
  kernels: {
    reference: ({ x }, { fraction }, [y, kept]) => {
      const count = countOf(x.shape, fraction);
      const greatest = Float64Array.from(x.data).sort().reverse().subarray(0, count);
      const threshold = greatest[count - 1];
      y.data[0] = greatest.reduce((sum, value) => sum + value, 0) / count;
      kept.data[0] = threshold;
      kept.data[1] =
        greatest.filter((value) => value === threshold).length / x.data.filter((value) => value === threshold).length;
    },
    wasm: {
      lower: ({ inputs, outputs: [y, kept], options, scratch }) => {
        const x = inputs['x']!;
        return [
          {
            kernel: 'top_mean',
            args: [
              pointer(x),
              pointer(y),
              pointer(kept),
              scratchPointer(scratch(8192)),
              int(sizeOf(x.shape)),
              int(countOf(x.shape, options.fraction)),
            ],
          },
        ];
      },
    },
    webgpu: gpuTopMean(countOf),
  },
  cases: [
    { name: 'a tenth', inputs: { x: { shape: [7, 13] } } },
    {
      name: 'ties',
      inputs: { x: { shape: [9], fill: [0, 3, 1, 1, 0, 1, 2, 0, 1] } },
      options: { fraction: 0.4 },
      gradient: false,
    },
    { name: 'negative', inputs: { x: { shape: [3], fill: [-3, -1, -2] } }, options: { fraction: 0.7 } },
    { name: 'one', inputs: { x: { shape: [] } } },
  ],
  tolerance: { f32: 2e-6 },
});

export const topMeanGradient = defineOp<{ x: Tensor; kept: Tensor; dy: Tensor }, TopMeanOptions>({
  name: 'topMeanGradient',
  defaults: DEFAULTS,
  shape: ({ x, kept, dy }) => {
    expectFloats('topMeanGradient', { x });
    expectFloatsOf([2], 'topMeanGradient', { kept }, {});
    expectFloatsOf([], 'topMeanGradient', { dy }, {});
    return { shape: x.shape, dtype: 'f32' };
  },
  kernels: {
    reference: ({ x, kept, dy }, { fraction }, [dx]) => {
      const each = dy.data[0] / countOf(x.shape, fraction);
      for (let k = 0; k < dx.data.length; k++)
        dx.data[k] = x.data[k] > kept.data[0] ? each : x.data[k] === kept.data[0] ? each * kept.data[1] : 0;
    },
    wasm: {
      lower: ({ inputs, outputs: [dx], options }) => {
        const x = inputs['x']!;
        return [
          {
            kernel: 'top_mean_gradient',
            args: [
              pointer(x),
              pointer(inputs['kept']!),
              pointer(inputs['dy']!),
              pointer(dx),
              int(sizeOf(x.shape)),
              int(countOf(x.shape, options.fraction)),
            ],
          },
        ];
      },
    },
    webgpu: gpuTopMeanGradient(countOf),
  },
  cases: [
    {
      name: 'ties',
      inputs: {
        x: { shape: [7], fill: [1, 2, 3, 2, 0, -1, 4] },
        kept: { shape: [2], fill: [2, 0.5] },
        dy: { shape: [] },
      },
      options: { fraction: 0.5 },
      gradient: false,
    },
  ],
  tolerance: { f32: 2e-6 },
});

/** The mean alone. */
export function topMean(inputs: { x: Tensor }, options?: Partial<TopMeanOptions>): Tensor {
  return topMeanWithThreshold(inputs, options)[0];
}
