/** The Euclidean norm of many tensors taken as one vector, and the factor that brings it down to a limit. */
import {
  float,
  int,
  pointer,
  scratchPointer,
  type KernelArgument,
  type WasmKernel,
} from '../../devices/wasm/kernel.ts';
import { ShapeError } from '../../errors.ts';
import { defineOp } from '../../op/op.ts';
import { expectFloats } from '../../op/expect.ts';
import { sizeOf } from '../../tensor/spec.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { gradientNormKernel } from './gradient-norm.webgpu.ts';

/** Elements per partial sum: fixed, so that the sum does not depend on the number of threads. */
const BLOCK = 4096;

export interface GradientNormOptions {
  /** Greatest norm allowed. */
  readonly limit: number;
}

const wasm: WasmKernel<GradientNormOptions> = {
  lower: ({ inputs, outputs: [norm, scale], options, scratch }) => {
    const views = Object.values(inputs).filter((view) => view !== undefined);
    const blocks = views.reduce((sum, view) => sum + Math.ceil(sizeOf(view.shape) / BLOCK), 0);
    const partial = scratch(blocks * 8);
    const list: KernelArgument[] = views.flatMap((view) => [pointer(view), int(sizeOf(view.shape))]);
    return [
      { kernel: 'norm_partial', args: [{ words: list }, int(views.length), scratchPointer(partial)] },
      {
        kernel: 'norm_finish',
        args: [scratchPointer(partial), int(blocks), float(options.limit), pointer(norm!), pointer(scale!)],
      },
    ];
  },
};

/**
 * Returns [norm, scale]: scale = min(1, limit / (norm + 1e-6)), as PyTorch's clip_grad_norm_, and 0 where the norm is no
 * number: `sgd` and `adamw` then leave weights and state as they are. Inputs: any names, any shapes.
 */
export const gradientNorm = defineOp<Readonly<Record<string, Tensor>>, GradientNormOptions, readonly [Tensor, Tensor]>({
  name: 'gradientNorm',
  defaults: { limit: 12 },
  shape: (inputs, { limit }) => {
    expectFloats('gradientNorm', inputs);
    if (Object.keys(inputs).length === 0) throw new ShapeError('gradientNorm: needs at least one tensor.');
    if (!(limit > 0)) throw new ShapeError(`gradientNorm: the limit is a positive number, came ${limit}.`, { limit });
    return [
      { shape: [], dtype: 'f32' },
      { shape: [], dtype: 'f32' },
    ];
  },
  kernels: {
    reference: (inputs, { limit }, [norm, scale]) => {
      let sum = 0;
      for (const { data } of Object.values(inputs)) for (let k = 0; k < data.length; k++) sum += data[k]! * data[k]!;
      const length = Math.sqrt(sum);
      norm!.data[0] = length;
      scale!.data[0] = !Number.isFinite(length) ? 0 : length <= limit - 1e-6 ? 1 : limit / (length + 1e-6);
    },
    wasm,
    webgpu: gradientNormKernel,
  },
  cases: [
    { name: 'clipped', inputs: { a: { shape: [40, 120] }, b: { shape: [3] } }, options: { limit: 1 }, gradient: false },
    {
      name: 'left alone',
      inputs: { a: { shape: [5] }, b: { shape: [2, 2] }, c: { shape: [1] } },
      options: { limit: 100 },
      gradient: false,
    },
  ],
  tolerance: { f32: 1e-5 },
});
