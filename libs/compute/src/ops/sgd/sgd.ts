/**
 * One step of stochastic gradient descent with (Nesterov) momentum, in place.
 *
 * g = scale · gradient + weightDecay · weight; velocity = momentum · velocity + g;
 * weight -= rate · (nesterov ? g + momentum · velocity : velocity).
 * Source: PyTorch's SGD without dampening; a velocity of zeros gives its first step.
 */
import { float, int, pointer, type WasmKernel } from '../../devices/wasm/kernel.ts';
import { ShapeError } from '../../errors.ts';
import { defineOp } from '../../op/op.ts';
import { expectFloats } from '../../op/expect.ts';
import { describe, sameShape, sizeOf } from '../../tensor/spec.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { sgdReference } from './sgd.reference.ts';
import { sgdKernel } from './sgd.webgpu.ts';

export type SgdInputs = {
  readonly weight: Tensor;
  readonly velocity: Tensor;
  readonly gradient: Tensor;
  /** One number: the learning rate. */
  readonly rate: Tensor;
  /** One number: factor on the gradient (clipping). Absent: 1. With 0, which says that the gradient is no number, nothing changes. */
  readonly scale?: Tensor | undefined;
};

export interface SgdOptions {
  readonly momentum: number;
  readonly nesterov: boolean;
  readonly weightDecay: number;
}

const wasm: WasmKernel<SgdOptions> = {
  lower: ({ inputs, options }) => {
    const { weight, velocity, gradient, rate, scale } = inputs;
    const args = [
      pointer(weight!),
      pointer(velocity!),
      pointer(gradient!),
      pointer(rate!),
      scale ? pointer(scale) : int(0),
      int(sizeOf(weight!.shape)),
      float(options.momentum),
      float(options.weightDecay),
      int(options.nesterov ? 1 : 0),
    ];
    return [{ kernel: 'sgd_step', args }];
  },
};

/** Writes `weight` and `velocity` in place and returns nothing. Throws: ShapeError if the three shapes differ. */
export const sgd = defineOp<SgdInputs, SgdOptions, readonly Tensor[]>({
  name: 'sgd',
  defaults: { momentum: 0.99, nesterov: true, weightDecay: 3e-5 },
  mutates: ['weight', 'velocity'],
  shape: ({ weight, velocity, gradient, rate, scale }) => {
    expectFloats('sgd', { weight, velocity, gradient, rate, scale });
    if (!sameShape(weight.shape, velocity.shape) || !sameShape(weight.shape, gradient.shape))
      throw new ShapeError(
        `sgd: weight ${describe(weight)}, velocity ${describe(velocity)} and gradient ${describe(gradient)} must have one shape.`,
        { weight: weight.shape, velocity: velocity.shape, gradient: gradient.shape },
      );
    if (sizeOf(rate.shape) !== 1)
      throw new ShapeError(`sgd: rate is one number, came ${describe(rate)}.`, { rate: rate.shape });
    return [];
  },
  kernels: { reference: sgdReference, wasm, webgpu: sgdKernel },
  cases: [
    {
      name: 'nesterov',
      inputs: {
        weight: { shape: [5, 3, 3] },
        velocity: { shape: [5, 3, 3] },
        gradient: { shape: [5, 3, 3] },
        rate: { shape: [], fill: [0.01] },
        scale: undefined,
      },
      gradient: false,
    },
    {
      name: 'scaled, plain momentum',
      inputs: {
        weight: { shape: [129] },
        velocity: { shape: [129] },
        gradient: { shape: [129] },
        rate: { shape: [], fill: [0.1] },
        scale: { shape: [], fill: [0.3] },
      },
      options: { nesterov: false, momentum: 0.9, weightDecay: 0 },
      gradient: false,
    },
    {
      name: 'one number',
      inputs: {
        weight: { shape: [1] },
        velocity: { shape: [1] },
        gradient: { shape: [1] },
        rate: { shape: [], fill: [0.1] },
        scale: undefined,
      },
      gradient: false,
    },
  ],
  tolerance: { f32: 1e-5 },
});
