/** Puts a border of one value around a tensor: `before` and `after` elements per axis. Any dtype. */
import { pointer, type WasmKernel } from '../../devices/wasm/kernel.ts';
import { defineOp } from '../../op/op.ts';
import { stridesOf } from '../../tensor/spec.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { expectPerAxis } from '../copy/axes.ts';
import { fillCall, storedArray, stridedCopy } from '../copy/strided-copy.ts';
import { forEachOffset } from '../pointwise/broadcast.ts';
import { zeroPadding } from '../pointwise/pointwise.wasm.ts';
import { padKernel } from '../copy/copy.webgpu.ts';

export interface PadOptions {
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly value: number;
}

const wasm: WasmKernel<PadOptions> = {
  layouts: ({ inputs, options: { before, after } }) => {
    const x = inputs['x']!;
    const layout = x.layout === 'blocked' && before[1] === 0 && after[1] === 0 ? 'blocked' : 'plain';
    return { inputs: { x: layout }, outputs: [layout] };
  },
  lower: ({ inputs, outputs: [y], options: { before, value } }) => {
    const x = inputs['x']!;
    const from = storedArray(x);
    const to = storedArray(y);
    const offset = before.reduce((sum, n, axis) => sum + n * to.strides[axis], 0);
    return [
      fillCall(pointer(y), y, value),
      stridedCopy(pointer(x), pointer(y, offset), to.elementBytes, from.shape, from.strides, to.strides),
      ...zeroPadding(y, value === 0),
    ];
  },
};

export const pad = defineOp<{ x: Tensor }, PadOptions>({
  name: 'pad',
  defaults: { before: [], after: [], value: 0 },
  shape: ({ x }, { before, after }) => {
    expectPerAxis('pad', 'before', x, before, 0);
    expectPerAxis('pad', 'after', x, after, 0);
    return { shape: x.shape.map((n, axis) => before[axis] + n + after[axis]), dtype: x.dtype };
  },
  kernels: {
    reference: ({ x }, { before, value }, [y]) => {
      y.data.fill(value);
      const strides = stridesOf(y.shape);
      const first = before.reduce((sum, n, axis) => sum + n * strides[axis], 0);
      let k = 0;
      forEachOffset(x.shape, [strides], ([to]) => {
        y.data[first + to] = x.data[k++];
      });
    },
    wasm,
    webgpu: padKernel,
  },
  cases: [
    {
      name: 'space',
      inputs: { x: { shape: [2, 3, 2, 3, 4] } },
      options: { before: [0, 0, 1, 0, 2], after: [0, 0, 0, 3, 1], value: -1 },
    },
    {
      name: 'channels',
      inputs: { x: { shape: [1, 3, 2, 3] } },
      options: { before: [0, 2, 0, 0], after: [1, 1, 0, 0], value: 0 },
    },
    {
      name: 'integers',
      inputs: { x: { shape: [3, 4], dtype: 'i32' } },
      options: { before: [1, 1], after: [0, 2], value: -7 },
      gradient: false,
    },
    {
      name: 'bytes',
      inputs: { x: { shape: [3, 5], dtype: 'u8' } },
      options: { before: [1, 1], after: [0, 2], value: 9 },
      gradient: false,
    },
    { name: 'nothing', inputs: { x: { shape: [1] } }, options: { before: [0], after: [0], value: 1 } },
  ],
  tolerance: { f32: 0 },
});
