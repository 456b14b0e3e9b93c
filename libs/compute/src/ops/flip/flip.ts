/** Reverses axes. Any dtype. */
import { pointer, type WasmKernel } from '../../devices/wasm/kernel.ts';
import { defineOp } from '../../op/op.ts';
import { stridesOf } from '../../tensor/spec.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { expectAxes } from '../copy/axes.ts';
import { storedArray, stridedCopy } from '../copy/strided-copy.ts';
import { forEachOffset } from '../pointwise/broadcast.ts';
import { flipKernel } from '../copy/copy.webgpu.ts';

export interface FlipOptions {
  readonly axes: readonly number[];
}

const wasm: WasmKernel<FlipOptions> = {
  layouts: ({ inputs, options: { axes } }) => {
    const layout = axes.includes(1) ? 'plain' : inputs['x']!.layout;
    return { inputs: { x: layout }, outputs: [layout] };
  },
  lower: ({ inputs, outputs: [y], options: { axes } }) => {
    const x = inputs['x']!;
    const { shape, strides, elementBytes } = storedArray(x);
    const first = axes.reduce((sum, axis) => sum + (shape[axis] - 1) * strides[axis], 0);
    return [
      stridedCopy(
        pointer(x, first),
        pointer(y),
        elementBytes,
        shape,
        strides.map((stride, axis) => (axes.includes(axis) ? -stride : stride)),
        strides,
      ),
    ];
  },
};

export const flip = defineOp<{ x: Tensor }, FlipOptions>({
  name: 'flip',
  defaults: { axes: [] },
  shape: ({ x }, { axes }) => {
    expectAxes('flip', x, axes);
    return { shape: x.shape, dtype: x.dtype };
  },
  kernels: {
    reference: ({ x }, { axes }, [y]) => {
      const strides = stridesOf(x.shape);
      const first = axes.reduce((sum, axis) => sum + (x.shape[axis] - 1) * strides[axis], 0);
      let k = 0;
      forEachOffset(x.shape, [strides.map((stride, axis) => (axes.includes(axis) ? -stride : stride))], ([from]) => {
        y.data[k++] = x.data[first + from];
      });
    },
    wasm,
    webgpu: flipKernel,
  },
  cases: [
    { name: 'all of space', inputs: { x: { shape: [2, 3, 4, 5, 3] } }, options: { axes: [2, 3, 4] } },
    { name: 'last', inputs: { x: { shape: [1, 9, 2, 7] } }, options: { axes: [3] } },
    { name: 'channels', inputs: { x: { shape: [2, 9, 2, 3] } }, options: { axes: [1] } },
    { name: 'bytes', inputs: { x: { shape: [3, 5], dtype: 'u8' } }, options: { axes: [0, 1] }, gradient: false },
    { name: 'none', inputs: { x: { shape: [1, 1] } } },
  ],
  tolerance: { f32: 0 },
});
