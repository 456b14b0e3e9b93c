/** Softmax and its logarithm over one axis; default 1, the channels. f32. */
import { DTypeError } from '../../errors.ts';
import { int, pointer } from '../../devices/wasm/kernel.ts';
import { defineOp, type Op } from '../../op/op.ts';
import { describe, sizeOf, type Shape } from '../../tensor/spec.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { expectAxes } from '../copy/axes.ts';
import { gpuSoftmax } from './softmax.webgpu.ts';

export interface SoftmaxOptions {
  readonly axis: number;
}

/** A shape seen from one axis: what is slower, the axis, what is faster. */
export function aroundAxis(shape: Shape, axis: number): readonly [outer: number, size: number, inner: number] {
  return [sizeOf(shape.slice(0, axis)), shape[axis], sizeOf(shape.slice(axis + 1))];
}

function overAxis(
  name: string,
  kernel: string,
  logarithm: boolean,
  finish: (shifted: number, sum: number) => number,
): Op<{ x: Tensor }, SoftmaxOptions, Tensor> {
  return defineOp<{ x: Tensor }, SoftmaxOptions>({
    name,
    defaults: { axis: 1 },
    shape: ({ x }, { axis }) => {
      if (x.dtype !== 'f32')
        throw new DTypeError(`${name}: x is f32, came ${describe(x)}.`, { op: name, dtype: x.dtype });
      expectAxes(name, x, [axis]);
      return { shape: x.shape, dtype: 'f32' };
    },
    kernels: {
      reference: ({ x }, { axis }, [y]) => {
        const [outer, classes, inner] = aroundAxis(x.shape, axis);
        for (let o = 0; o < outer; o++)
          for (let i = 0; i < inner; i++) {
            const at = (c: number): number => (o * classes + c) * inner + i;
            let most = -Infinity;
            for (let c = 0; c < classes; c++) most = Number.isNaN(x.data[at(c)]) ? NaN : Math.max(most, x.data[at(c)]);
            let total = 0;
            for (let c = 0; c < classes; c++) total += Math.exp(x.data[at(c)] - most);
            for (let c = 0; c < classes; c++) y.data[at(c)] = finish(x.data[at(c)] - most, total);
          }
      },
      wasm: {
        lower: ({ inputs, outputs: [y], options: { axis } }) => [
          { kernel, args: [pointer(inputs['x']!), pointer(y), ...aroundAxis(y.shape, axis).map(int)] },
        ],
      },
      webgpu: gpuSoftmax(logarithm),
    },
    cases: [
      { name: 'channels', inputs: { x: { shape: [2, 3, 3, 4, 5] } } },
      { name: 'channels, odd plane', inputs: { x: { shape: [1, 5, 3, 3] } } },
      { name: 'last axis', inputs: { x: { shape: [3, 11] } } },
      { name: 'first axis', inputs: { x: { shape: [4, 6] } }, options: { axis: 0 } },
      { name: 'one class', inputs: { x: { shape: [2, 1, 3] } } },
      { name: 'one', inputs: { x: { shape: [1, 1] } } },
      {
        name: 'large values',
        inputs: { x: { shape: [1, 3, 1, 2], fill: [100, -100, 90, 0, 99, 500] } },
        gradient: false,
      },
    ],
    tolerance: { f32: 2e-6 },
  });
}

export const softmax = overAxis('softmax', 'softmax', false, (shifted, total) => Math.exp(shifted) / total);
export const logSoftmax = overAxis('logSoftmax', 'log_softmax', true, (shifted, total) => shifted - Math.log(total));
