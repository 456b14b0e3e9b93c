/** Moves a tensor a share of the way to another, in place: mean += share · (value - mean). For running averages of weights. */
import { int, pointer, type WasmKernel } from '../../devices/wasm/kernel.ts';
import { ShapeError } from '../../errors.ts';
import { defineOp } from '../../op/op.ts';
import { expectFloats } from '../../op/expect.ts';
import { describe, sameShape, sizeOf } from '../../tensor/spec.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { lerpKernel } from './lerp.webgpu.ts';

export type LerpInputs = {
  readonly mean: Tensor;
  readonly value: Tensor;
  /** One number in [0, 1]; 1 copies `value`. */
  readonly share: Tensor;
};

const wasm: WasmKernel<object> = {
  lower: ({ inputs: { mean, value, share } }) => [
    { kernel: 'lerp_step', args: [pointer(mean!), pointer(value!), pointer(share!), int(sizeOf(mean!.shape))] },
  ],
};

/** Writes `mean` in place and returns nothing. Throws: ShapeError if the shapes differ. */
export const lerp = defineOp<LerpInputs, object, readonly Tensor[]>({
  name: 'lerp',
  defaults: {},
  mutates: ['mean'],
  shape: ({ mean, value, share }) => {
    expectFloats('lerp', { mean, value, share });
    if (!sameShape(mean.shape, value.shape))
      throw new ShapeError(`lerp: mean ${describe(mean)} and value ${describe(value)} must have one shape.`, {
        mean: mean.shape,
        value: value.shape,
      });
    if (sizeOf(share.shape) !== 1)
      throw new ShapeError(`lerp: share is one number, came ${describe(share)}.`, { share: share.shape });
    return [];
  },
  kernels: {
    reference: ({ mean, value, share }) => {
      for (let k = 0; k < mean.data.length; k++) mean.data[k]! += share.data[0]! * (value.data[k]! - mean.data[k]!);
    },
    wasm,
    webgpu: lerpKernel,
  },
  cases: [
    {
      name: 'a tenth of the way',
      inputs: { mean: { shape: [5, 7] }, value: { shape: [5, 7] }, share: { shape: [], fill: [0.1] } },
      gradient: false,
    },
    {
      name: 'one number',
      inputs: { mean: { shape: [1] }, value: { shape: [1] }, share: { shape: [], fill: [1] } },
      gradient: false,
    },
  ],
  tolerance: { f32: 1e-6 },
});
