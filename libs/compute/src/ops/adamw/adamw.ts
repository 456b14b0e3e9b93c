/**
 * One step of AdamW, in place.
 *
 * g = scale · gradient (+ weightDecay · weight where decay is coupled, and then no decay below: Adam); first = β1 first + (1 - β1) g; second = β2 second + (1 - β2) g²;
 * weight -= rate · (weightDecay · weight + (first / (1 - β1^t)) / (√(second / (1 - β2^t)) + ε)).
 * With `greatest`, the greatest second so far takes its place (AMSGrad, Reddi et al. 2018).
 * Source: Kingma & Ba 2015; Loshchilov & Hutter, "Decoupled weight decay regularization", ICLR 2019; as in PyTorch.
 */
import { float, int, pointer, type WasmKernel } from '../../devices/wasm/kernel.ts';
import { ShapeError } from '../../errors.ts';
import { defineOp } from '../../op/op.ts';
import { expectFloats } from '../../op/expect.ts';
import { describe, sameShape, sizeOf } from '../../tensor/spec.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { adamwReference } from './adamw.reference.ts';
import { adamwKernel } from './adamw.webgpu.ts';

export type AdamwInputs = {
  readonly weight: Tensor;
  /** Running mean of the gradient. */
  readonly first: Tensor;
  /** Running mean of its square. */
  readonly second: Tensor;
  /** Greatest value of `second` so far; AMSGrad. */
  readonly greatest?: Tensor | undefined;
  readonly gradient: Tensor;
  /** One number: the learning rate. */
  readonly rate: Tensor;
  /** One number: t, this step counted from 1. */
  readonly step: Tensor;
  /** One number: factor on the gradient (clipping). Absent: 1. */
  readonly scale?: Tensor | undefined;
};

export interface AdamwOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /** Decay is part of the gradient, as in Adam, in place of a step of its own, as in AdamW. */
  readonly coupled: boolean;
}

const wasm: WasmKernel<AdamwOptions> = {
  lower: ({ inputs, options }) => {
    const { weight, first, second, greatest, gradient, rate, step, scale } = inputs;
    const args = [
      pointer(weight!),
      pointer(first!),
      pointer(second!),
      pointer(gradient!),
      pointer(rate!),
      pointer(step!),
      scale ? pointer(scale) : int(0),
      int(sizeOf(weight!.shape)),
      float(options.beta1),
      float(options.beta2),
      float(options.epsilon),
      float(options.weightDecay),
      int(options.coupled ? 1 : 0),
      greatest ? pointer(greatest) : int(0),
    ];
    return [{ kernel: 'adamw_step', args }];
  },
};

/** Writes `weight`, `first`, `second` and `greatest` in place and returns nothing. Throws: ShapeError if the shapes differ. */
export const adamw = defineOp<AdamwInputs, AdamwOptions, readonly Tensor[]>({
  name: 'adamw',
  defaults: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, coupled: false },
  mutates: ['weight', 'first', 'second', 'greatest'],
  shape: ({ weight, first, second, greatest, gradient, rate, step, scale }) => {
    expectFloats('adamw', { weight, first, second, greatest, gradient, rate, step, scale });
    for (const [name, other] of Object.entries({ first, second, gradient, ...(greatest && { greatest }) }))
      if (!sameShape(weight.shape, other.shape))
        throw new ShapeError(`adamw: ${name} ${describe(other)} must have the shape of weight ${describe(weight)}.`, {
          weight: weight.shape,
          [name]: other.shape,
        });
    if (sizeOf(rate.shape) !== 1 || sizeOf(step.shape) !== 1)
      throw new ShapeError(`adamw: rate and step are one number each, came ${describe(rate)} and ${describe(step)}.`);
    return [];
  },
  kernels: { reference: adamwReference, wasm, webgpu: adamwKernel },
  cases: [
    {
      name: 'third step',
      inputs: {
        weight: { shape: [7, 3] },
        first: { shape: [7, 3] },
        second: { shape: [7, 3], fill: 'positive' },
        gradient: { shape: [7, 3] },
        rate: { shape: [], fill: [0.001] },
        step: { shape: [], fill: [3] },
        scale: undefined,
      },
      gradient: false,
    },
    {
      name: 'scaled, first step',
      inputs: {
        weight: { shape: [130] },
        first: { shape: [130] },
        second: { shape: [130], fill: 'positive' },
        gradient: { shape: [130] },
        rate: { shape: [], fill: [0.1] },
        step: { shape: [], fill: [1] },
        scale: { shape: [], fill: [0.5] },
      },
      options: { weightDecay: 0 },
      gradient: false,
    },
    {
      name: 'the greatest second, coupled decay',
      inputs: {
        weight: { shape: [31] },
        first: { shape: [31] },
        second: { shape: [31], fill: 'positive' },
        greatest: { shape: [31], fill: 'positive' },
        gradient: { shape: [31] },
        rate: { shape: [], fill: [0.01] },
        step: { shape: [], fill: [2] },
        scale: undefined,
      },
      options: { weightDecay: 0.1, coupled: true },
      gradient: false,
    },
  ],
  // 1 - β2^t is small and in single precision on every device: its rounding is amplified by the square root.
  tolerance: { f32: 5e-5 },
});
