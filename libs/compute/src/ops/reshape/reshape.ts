/** The same numbers in row-major order under another shape. Any dtype. */
import { ShapeError } from '../../errors.ts';
import { int, pointer } from '../../devices/wasm/kernel.ts';
import { storedBytes } from '../../devices/wasm/layouts.ts';
import { defineOp } from '../../op/op.ts';
import { describe, sizeOf, type Shape } from '../../tensor/spec.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { reshapeKernel } from '../copy/copy.webgpu.ts';

export interface ReshapeOptions {
  readonly shape: Shape;
}

export const reshape = defineOp<{ x: Tensor }, ReshapeOptions>({
  name: 'reshape',
  defaults: { shape: [] },
  shape: ({ x }, { shape }) => {
    if (sizeOf(shape) !== sizeOf(x.shape))
      throw new ShapeError(
        `reshape: [${shape.join(', ')}] holds ${sizeOf(shape)} numbers, x ${describe(x)} has ${sizeOf(x.shape)}.`,
        { shape, x: x.shape },
      );
    return { shape: [...shape], dtype: x.dtype };
  },
  kernels: {
    reference: ({ x }, _options, [y]) => y.data.set(x.data),
    wasm: {
      lower: ({ inputs, outputs: [y] }) => [
        { kernel: 'copy_bytes', args: [pointer(inputs['x']!), pointer(y), int(storedBytes(y, 'plain'))] },
      ],
    },
    webgpu: reshapeKernel,
  },
  cases: [
    { name: 'volume to rows', inputs: { x: { shape: [2, 3, 4, 5] } }, options: { shape: [6, 20] } },
    { name: 'bytes', inputs: { x: { shape: [3, 7], dtype: 'u8' } }, options: { shape: [21] }, gradient: false },
    { name: 'one number', inputs: { x: { shape: [1, 1] } }, options: { shape: [] } },
  ],
  tolerance: { f32: 0 },
});
