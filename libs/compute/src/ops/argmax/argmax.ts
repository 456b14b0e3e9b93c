/**
 * Position of the greatest element along an axis (default 1, the channels), as i32 with the axis kept as one.
 * The first of equals; NaN counts as greatest.
 */
import { DTypeError } from '../../errors.ts';
import { int, pointer } from '../../devices/wasm/kernel.ts';
import { defineOp } from '../../op/op.ts';
import { describe } from '../../tensor/spec.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { expectAxes } from '../copy/axes.ts';
import { aroundAxis } from '../softmax/softmax.ts';
import { argmaxKernel } from './argmax.webgpu.ts';

export interface ArgmaxOptions {
  readonly axis: number;
}

export const argmax = defineOp<{ x: Tensor }, ArgmaxOptions>({
  name: 'argmax',
  defaults: { axis: 1 },
  shape: ({ x }, { axis }) => {
    if (x.dtype !== 'f32') throw new DTypeError(`argmax: x is f32, came ${describe(x)}.`, { dtype: x.dtype });
    expectAxes('argmax', x, [axis]);
    return { shape: x.shape.map((n, k) => (k === axis ? 1 : n)), dtype: 'i32' };
  },
  kernels: {
    reference: ({ x }, { axis }, [y]) => {
      const [outer, classes, inner] = aroundAxis(x.shape, axis);
      for (let o = 0; o < outer; o++)
        for (let i = 0; i < inner; i++) {
          let best = 0;
          const value = (c: number): number => x.data[(o * classes + c) * inner + i];
          for (let c = 1; c < classes; c++)
            if (value(c) > value(best) || (Number.isNaN(value(c)) && !Number.isNaN(value(best)))) best = c;
          y.data[o * inner + i] = best;
        }
    },
    wasm: {
      lower: ({ inputs, outputs: [y], options: { axis } }) => [
        {
          kernel: 'argmax',
          args: [pointer(inputs['x']!), pointer(y), ...aroundAxis(inputs['x']!.shape, axis).map(int)],
        },
      ],
    },
    webgpu: argmaxKernel,
  },
  cases: [
    { name: 'channels', inputs: { x: { shape: [2, 5, 3, 3, 3] } } },
    { name: 'ties and NaN', inputs: { x: { shape: [1, 3, 4], fill: [1, 2, NaN, 0, 1, 3, 5, 0, 1, 3, NaN, 0] } } },
    { name: 'last axis', inputs: { x: { shape: [7, 6] } } },
    { name: 'one class', inputs: { x: { shape: [2, 1, 2] } } },
  ],
  tolerance: { f32: 0 },
});
