/** Cuts out a box: `start` and `size` per axis. Shape: `size`. Any dtype. */
import { ShapeError } from '../../errors.ts';
import { pointer, type WasmKernel } from '../../devices/wasm/kernel.ts';
import { BLOCK } from '../../devices/wasm/layouts.ts';
import { defineOp } from '../../op/op.ts';
import { describe, stridesOf } from '../../tensor/spec.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { expectPerAxis } from '../copy/axes.ts';
import { storedArray, stridedCopy } from '../copy/strided-copy.ts';
import { forEachOffset } from '../pointwise/broadcast.ts';
import { sliceKernel } from '../copy/copy.webgpu.ts';

export interface SliceOptions {
  readonly start: readonly number[];
  readonly size: readonly number[];
}

const wasm: WasmKernel<SliceOptions> = {
  layouts: ({ inputs, options: { start, size } }) => {
    const x = inputs['x']!;
    // Whole blocks of channels: from a block's start, to a block's end or the last channel.
    const whole =
      x.layout === 'blocked' && start[1] % BLOCK === 0 && (size[1] % BLOCK === 0 || start[1] + size[1] === x.shape[1]);
    const layout = whole ? 'blocked' : 'plain';
    return { inputs: { x: layout }, outputs: [layout] };
  },
  lower: ({ inputs, outputs: [y], options: { start } }) => {
    const x = inputs['x']!;
    const from = storedArray(x);
    const to = storedArray(y);
    const offset = start.reduce(
      (sum, first, axis) => sum + (x.layout === 'blocked' && axis === 1 ? first / BLOCK : first) * from.strides[axis],
      0,
    );
    return [stridedCopy(pointer(x, offset), pointer(y), from.elementBytes, to.shape, from.strides, to.strides)];
  },
};

export const slice = defineOp<{ x: Tensor }, SliceOptions>({
  name: 'slice',
  defaults: { start: [], size: [] },
  shape: ({ x }, { start, size }) => {
    expectPerAxis('slice', 'start', x, start, 0);
    expectPerAxis('slice', 'size', x, size, 1);
    if (size.some((n, axis) => start[axis] + n > x.shape[axis]))
      throw new ShapeError(
        `slice: the box from [${start.join(', ')}] of size [${size.join(', ')}] leaves x ${describe(x)}.`,
        { start, size, shape: x.shape },
      );
    return { shape: [...size], dtype: x.dtype };
  },
  kernels: {
    reference: ({ x }, { start }, [y]) => {
      const strides = stridesOf(x.shape);
      const first = start.reduce((sum, n, axis) => sum + n * strides[axis], 0);
      let k = 0;
      forEachOffset(y.shape, [strides], ([from]) => {
        y.data[k++] = x.data[first + from];
      });
    },
    wasm,
    webgpu: sliceKernel,
  },
  cases: [
    {
      name: 'box',
      inputs: { x: { shape: [2, 3, 5, 6, 7] } },
      options: { start: [0, 0, 1, 2, 3], size: [2, 3, 3, 4, 2] },
    },
    { name: 'channels', inputs: { x: { shape: [2, 24, 3, 4] } }, options: { start: [0, 8, 0, 0], size: [2, 8, 3, 4] } },
    {
      name: 'last channels',
      inputs: { x: { shape: [1, 11, 3, 4] } },
      options: { start: [0, 8, 0, 1], size: [1, 3, 3, 2] },
    },
    {
      name: 'odd channels',
      inputs: { x: { shape: [1, 11, 3, 4] } },
      options: { start: [0, 2, 0, 1], size: [1, 5, 3, 2] },
    },
    {
      name: 'bytes',
      inputs: { x: { shape: [7, 9], dtype: 'u8' } },
      options: { start: [1, 3], size: [3, 5] },
      gradient: false,
    },
    { name: 'one', inputs: { x: { shape: [4] } }, options: { start: [3], size: [1] } },
  ],
  tolerance: { f32: 0 },
});
