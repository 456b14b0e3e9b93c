/** Reorders axes: axis k of the result is axis order[k] of x. Any dtype. */
import { ShapeError } from '../../errors.ts';
import { pointer, type WasmKernel } from '../../devices/wasm/kernel.ts';
import { defineOp } from '../../op/op.ts';
import { describe, stridesOf } from '../../tensor/spec.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { expectAxes } from '../copy/axes.ts';
import { storedArray, stridedCopy } from '../copy/strided-copy.ts';
import { forEachOffset } from '../pointwise/broadcast.ts';
import { permuteKernel } from '../copy/copy.webgpu.ts';

export interface PermuteOptions {
  readonly order: readonly number[];
}

const wasm: WasmKernel<PermuteOptions> = {
  layouts: ({ inputs, options: { order } }) => {
    const layout = order[1] === 1 ? inputs['x']!.layout : 'plain';
    return { inputs: { x: layout }, outputs: [layout] };
  },
  lower: ({ inputs, outputs: [y], options: { order } }) => {
    const from = storedArray(inputs['x']!);
    const to = storedArray(y);
    return [
      stridedCopy(
        pointer(inputs['x']!),
        pointer(y),
        to.elementBytes,
        to.shape,
        order.map((axis) => from.strides[axis]),
        to.strides,
      ),
    ];
  },
};

export const permute = defineOp<{ x: Tensor }, PermuteOptions>({
  name: 'permute',
  defaults: { order: [] },
  shape: ({ x }, { order }) => {
    expectAxes('permute', x, order);
    if (order.length !== x.shape.length)
      throw new ShapeError(`permute: order names every axis of x ${describe(x)}, came [${order.join(', ')}].`, {
        order,
        shape: x.shape,
      });
    return { shape: order.map((axis) => x.shape[axis]), dtype: x.dtype };
  },
  kernels: {
    reference: ({ x }, { order }, [y]) => {
      const strides = stridesOf(x.shape);
      let k = 0;
      forEachOffset(y.shape, [order.map((axis) => strides[axis])], ([from]) => {
        y.data[k++] = x.data[from];
      });
    },
    wasm,
    webgpu: permuteKernel,
  },
  cases: [
    { name: 'matrix', inputs: { x: { shape: [9, 14] } }, options: { order: [1, 0] } },
    { name: 'channels last', inputs: { x: { shape: [2, 5, 3, 4, 6] } }, options: { order: [0, 2, 3, 4, 1] } },
    { name: 'space', inputs: { x: { shape: [2, 9, 3, 4, 6] } }, options: { order: [0, 1, 4, 2, 3] } },
    { name: 'reversed', inputs: { x: { shape: [2, 3, 4, 5] } }, options: { order: [3, 2, 1, 0] } },
    { name: 'bytes', inputs: { x: { shape: [3, 5, 2], dtype: 'u8' } }, options: { order: [2, 0, 1] }, gradient: false },
    { name: 'one number', inputs: { x: { shape: [] } } },
  ],
  tolerance: { f32: 0 },
});
