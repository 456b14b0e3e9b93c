/**
 * Joins tensors along an axis, in the order of the inputs (their names do not matter).
 *
 * Shape: sizes agree but on the axis; default axis 1, the channels. Any dtype, the same for all.
 * On the WASM device a join of blocked volumes is a copy of whole blocks if all but the last have a multiple of 8 channels.
 */
import { DTypeError, ShapeError } from '../../errors.ts';
import { pointer, type WasmKernel, type WasmView } from '../../devices/wasm/kernel.ts';
import { BLOCK } from '../../devices/wasm/layouts.ts';
import { defineOp, type HostTensor } from '../../op/op.ts';
import { describe, sizeOf, type TensorSpec } from '../../tensor/spec.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { expectAxes } from '../copy/axes.ts';
import { storedArray, stridedCopy } from '../copy/strided-copy.ts';
import { concatKernel } from '../copy/copy.webgpu.ts';

export interface ConcatOptions {
  readonly axis: number;
}

type Parts = Readonly<Record<string, Tensor>>;

function shape(inputs: Readonly<Record<string, TensorSpec>>, { axis }: ConcatOptions): TensorSpec {
  const parts = Object.values(inputs);
  const first = parts[0];
  expectAxes('concat', first, [axis]);
  for (const part of parts) {
    if (part.dtype !== first.dtype)
      throw new DTypeError(`concat: all parts have one dtype, came ${describe(first)} and ${describe(part)}.`, {});
    if (part.shape.length !== first.shape.length || part.shape.some((n, k) => k !== axis && n !== first.shape[k]))
      throw new ShapeError(
        `concat: parts differ only on axis ${axis}, came ${describe(first)} and ${describe(part)}.`,
        { axis, first: first.shape, part: part.shape },
      );
  }
  const joined = [...first.shape];
  joined[axis] = parts.reduce((sum, part) => sum + part.shape[axis], 0);
  return { shape: joined, dtype: first.dtype };
}

const wasm: WasmKernel<ConcatOptions> = {
  layouts: ({ inputs, options: { axis } }) => {
    const parts = Object.entries(inputs) as [string, WasmView][];
    const whole = axis !== 1 || parts.slice(0, -1).every(([, part]) => part.shape[1] % BLOCK === 0);
    const layout = whole && parts.some(([, part]) => part.layout === 'blocked') ? 'blocked' : 'plain';
    return { inputs: Object.fromEntries(parts.map(([name]) => [name, layout])), outputs: [layout] };
  },
  lower: ({ inputs, outputs: [y], options: { axis } }) => {
    const to = storedArray(y);
    let offset = 0;
    return (Object.values(inputs) as WasmView[]).map((part) => {
      const from = storedArray(part);
      const call = stridedCopy(
        pointer(part),
        pointer(y, offset * to.strides[axis]),
        to.elementBytes,
        from.shape,
        from.strides,
        to.strides,
      );
      offset += from.shape[axis];
      return call;
    });
  },
};

export const concat = defineOp<Parts, ConcatOptions>({
  name: 'concat',
  defaults: { axis: 1 },
  shape,
  kernels: {
    reference: (inputs, { axis }, [y]) => {
      const outer = sizeOf(y.shape.slice(0, axis));
      const row = sizeOf(y.shape.slice(axis));
      let offset = 0;
      for (const part of Object.values(inputs) as HostTensor[]) {
        const length = sizeOf(part.shape.slice(axis));
        for (let o = 0; o < outer; o++) y.data.set(part.data.subarray(o * length, (o + 1) * length), o * row + offset);
        offset += length;
      }
    },
    wasm,
    webgpu: concatKernel,
  },
  cases: [
    { name: 'skip', inputs: { a: { shape: [2, 8, 3, 4, 5] }, b: { shape: [2, 16, 3, 4, 5] } } },
    {
      name: 'odd channels',
      inputs: { a: { shape: [2, 3, 3, 5] }, b: { shape: [2, 2, 3, 5] }, c: { shape: [2, 1, 3, 5] } },
    },
    { name: 'odd last part', inputs: { a: { shape: [1, 8, 2, 3, 3] }, b: { shape: [1, 3, 2, 3, 3] } } },
    { name: 'samples', inputs: { a: { shape: [1, 9, 3, 4] }, b: { shape: [2, 9, 3, 4] } }, options: { axis: 0 } },
    { name: 'last axis', inputs: { a: { shape: [2, 3] }, b: { shape: [2, 5] } } },
    {
      name: 'bytes',
      inputs: { a: { shape: [2, 3, 5], dtype: 'u8' }, b: { shape: [2, 1, 5], dtype: 'u8' } },
      gradient: false,
    },
    { name: 'one part', inputs: { a: { shape: [1, 1] } } },
  ],
  tolerance: { f32: 0 },
});
