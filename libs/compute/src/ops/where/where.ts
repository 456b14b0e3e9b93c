/** a where the condition (f32) is not 0, else b; the three broadcast. */
import { DTypeError } from '../../errors.ts';
import { int, pointer, scratchPointer, type KernelArgument, type KernelCall } from '../../devices/wasm/kernel.ts';
import { defineOp } from '../../op/op.ts';
import { describe, sameShape, sizeOf, stridesOf } from '../../tensor/spec.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { stridedCopy } from '../copy/strided-copy.ts';
import { broadcastShape, broadcastStrides, forEachOffset } from '../pointwise/broadcast.ts';
import { whereKernel } from '../pointwise/pointwise.webgpu.ts';

export const where = defineOp<{ condition: Tensor; a: Tensor; b: Tensor }>({
  name: 'where',
  defaults: {},
  shape: (inputs) => {
    for (const [name, input] of Object.entries(inputs))
      if (input.dtype !== 'f32')
        throw new DTypeError(`where: ${name} is f32, came ${describe(input)}; convert it with cast.`, { input: name });
    const pair = { shape: broadcastShape('where', inputs.a, inputs.b), dtype: 'f32' as const };
    return { shape: broadcastShape('where', inputs.condition, pair), dtype: 'f32' };
  },
  kernels: {
    reference: ({ condition, a, b }, _options, [y]) => {
      let k = 0;
      forEachOffset(
        y.shape,
        [condition, a, b].map((input) => broadcastStrides(input.shape, y.shape)),
        ([c, i, j]) => {
          y.data[k++] = condition.data[c] !== 0 ? a.data[i] : b.data[j];
        },
      );
    },
    wasm: {
      lower: ({ inputs, outputs: [y], scratch }) => {
        const calls: KernelCall[] = [];
        const inBytes = (strides: readonly number[]): number[] => strides.map((stride) => stride * 4);
        const stretched = ['condition', 'a', 'b'].map((name): KernelArgument => {
          const input = inputs[name]!;
          if (sameShape(input.shape, y.shape)) return pointer(input);
          const full = scratchPointer(scratch(sizeOf(y.shape) * 4));
          calls.push(
            stridedCopy(
              pointer(input),
              full,
              4,
              y.shape,
              inBytes(broadcastStrides(input.shape, y.shape)),
              inBytes(stridesOf(y.shape)),
            ),
          );
          return full;
        });
        return [...calls, { kernel: 'pointwise_select', args: [...stretched, pointer(y), int(sizeOf(y.shape))] }];
      },
    },
    webgpu: whereKernel,
  },
  cases: [
    {
      name: 'same',
      inputs: { condition: { shape: [3, 5], fill: [0, 1, 1, 0, 1] }, a: { shape: [3, 5] }, b: { shape: [3, 5] } },
    },
    {
      name: 'broadcast',
      inputs: { condition: { shape: [2, 1, 3, 4], fill: [1, 0, 0] }, a: { shape: [2, 3, 3, 4] }, b: { shape: [] } },
    },
    { name: 'one', inputs: { condition: { shape: [1], fill: [2] }, a: { shape: [1] }, b: { shape: [1] } } },
  ],
  tolerance: { f32: 0 },
});
