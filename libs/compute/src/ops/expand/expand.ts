/** Stretches axes of one to `shape`, as broadcasting does, and writes the result out. Any dtype. */
import { ShapeError } from '../../errors.ts';
import { pointer } from '../../devices/wasm/kernel.ts';
import { defineOp } from '../../op/op.ts';
import { bytesPerElement, describe, sameShape, stridesOf, type Shape } from '../../tensor/spec.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { stridedCopy } from '../copy/strided-copy.ts';
import { broadcastShape, broadcastStrides, forEachOffset } from '../pointwise/broadcast.ts';
import { expandKernel } from '../copy/copy.webgpu.ts';

export interface ExpandOptions {
  readonly shape: Shape;
}

export const expand = defineOp<{ x: Tensor }, ExpandOptions>({
  name: 'expand',
  defaults: { shape: [] },
  shape: ({ x }, { shape }) => {
    if (!sameShape(broadcastShape('expand', x, { shape, dtype: x.dtype }), shape))
      throw new ShapeError(`expand: x ${describe(x)} does not stretch to [${shape.join(', ')}].`, {
        shape,
        x: x.shape,
      });
    return { shape: [...shape], dtype: x.dtype };
  },
  kernels: {
    reference: ({ x }, _options, [y]) => {
      let k = 0;
      forEachOffset(y.shape, [broadcastStrides(x.shape, y.shape)], ([from]) => {
        y.data[k++] = x.data[from];
      });
    },
    wasm: {
      lower: ({ inputs, outputs: [y] }) => {
        const bytes = bytesPerElement(y.dtype);
        const scaled = (strides: readonly number[]): number[] => strides.map((stride) => stride * bytes);
        return [
          stridedCopy(
            pointer(inputs['x']!),
            pointer(y),
            bytes,
            y.shape,
            scaled(broadcastStrides(inputs['x']!.shape, y.shape)),
            scaled(stridesOf(y.shape)),
          ),
        ];
      },
    },
    webgpu: expandKernel,
  },
  cases: [
    { name: 'per channel', inputs: { x: { shape: [1, 5, 1, 1, 1] } }, options: { shape: [2, 5, 3, 2, 4] } },
    { name: 'new axes', inputs: { x: { shape: [3, 1] } }, options: { shape: [2, 3, 4] } },
    { name: 'one number', inputs: { x: { shape: [] } }, options: { shape: [7] } },
    { name: 'bytes', inputs: { x: { shape: [1, 3], dtype: 'u8' } }, options: { shape: [5, 3] }, gradient: false },
  ],
  tolerance: { f32: 0 },
});
