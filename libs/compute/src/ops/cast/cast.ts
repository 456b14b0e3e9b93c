/** Converts between f32, i32 and u8. Floats are cut towards zero and clamped to the range; NaN becomes 0. */
import { DTypeError } from '../../errors.ts';
import { int, pointer } from '../../devices/wasm/kernel.ts';
import { storedBytes } from '../../devices/wasm/layouts.ts';
import { defineOp } from '../../op/op.ts';
import { describe, sizeOf, type DType } from '../../tensor/spec.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { castKernel } from './cast.webgpu.ts';

export interface CastOptions {
  readonly dtype: DType;
}

const RANGE = { i32: [-(2 ** 31), 2 ** 31 - 1], u8: [0, 255] } as const;

export const cast = defineOp<{ x: Tensor }, CastOptions>({
  name: 'cast',
  defaults: { dtype: 'f32' },
  shape: ({ x }, { dtype }) => {
    if (x.dtype === 'f16' || dtype === 'f16')
      throw new DTypeError(`cast: between f32, i32 and u8, came ${describe(x)} to ${dtype}.`, {
        from: x.dtype,
        to: dtype,
      });
    return { shape: x.shape, dtype };
  },
  kernels: {
    reference: ({ x }, _options, [y]) => {
      const range = y.dtype === 'i32' || y.dtype === 'u8' ? RANGE[y.dtype] : undefined;
      for (let k = 0; k < y.data.length; k++) {
        const value = x.data[k];
        y.data[k] =
          range === undefined
            ? value
            : Number.isNaN(value)
              ? 0
              : Math.trunc(Math.min(Math.max(value, range[0]), range[1]));
      }
    },
    wasm: {
      lower: ({ inputs, outputs: [y] }) => {
        const x = inputs['x']!;
        if (x.dtype === y.dtype)
          return [{ kernel: 'copy_bytes', args: [pointer(x), pointer(y), int(storedBytes(y, 'plain'))] }];
        return [{ kernel: `cast_${x.dtype}_${y.dtype}`, args: [pointer(x), pointer(y), int(sizeOf(y.shape))] }];
      },
    },
    webgpu: castKernel,
  },
  cases: [
    {
      name: 'f32 to i32',
      inputs: { x: { shape: [7], fill: [1.9, -1.9, 0, 3e9, -3e9, NaN, 7] } },
      options: { dtype: 'i32' },
      gradient: false,
    },
    {
      name: 'f32 to u8',
      inputs: { x: { shape: [2, 3, 1, 1], fill: [1.9, -1.9, 254.7, 300, NaN, 7] } },
      options: { dtype: 'u8' },
      gradient: false,
    },
    { name: 'i32 to f32', inputs: { x: { shape: [2, 3], dtype: 'i32' } }, gradient: false },
    {
      name: 'i32 to u8',
      inputs: { x: { shape: [5], dtype: 'i32', fill: [-4, 0, 7, 255, 256] } },
      options: { dtype: 'u8' },
      gradient: false,
    },
    { name: 'u8 to f32', inputs: { x: { shape: [3, 5, 2], dtype: 'u8' } }, gradient: false },
    { name: 'u8 to i32', inputs: { x: { shape: [], dtype: 'u8' } }, options: { dtype: 'i32' }, gradient: false },
    { name: 'the same', inputs: { x: { shape: [3] } } },
  ],
  tolerance: { f32: 0 },
});
