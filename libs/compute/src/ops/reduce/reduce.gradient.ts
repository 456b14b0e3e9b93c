/** Derivatives of reductions. Where several elements tie for the greatest, they share evenly, as in PyTorch's amax. */
import { defineGradient, type GradientRule } from '../../autograd/gradient.ts';
import { sizeOf } from '../../tensor/spec.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { expand } from '../expand/expand.ts';
import { div, equal, mul, scaleOffset } from '../pointwise/pointwise.ts';
import { reshape } from '../reshape/reshape.ts';
import { keptShape, max, mean, min, sum, type ReduceOptions } from './reduce.ts';

/** The gradient of the result, stretched over x. */
function stretched(x: Tensor, dy: Tensor, axes: readonly number[] | null): Tensor {
  return expand({ x: reshape({ x: dy }, { shape: keptShape(x.shape, axes) }) }, { shape: x.shape });
}

function ofExtreme({ x }: { x: Tensor }, y: Tensor, dy: Tensor, { axes }: ReduceOptions): Tensor {
  const kept = keptShape(x.shape, axes);
  const winners = equal({ a: x, b: reshape({ x: y }, { shape: kept }) });
  const share = div({ a: reshape({ x: dy }, { shape: kept }), b: sum({ x: winners }, { axes, keepDims: true }) });
  return mul({ a: winners, b: share });
}

export const reduceGradients: readonly GradientRule[] = [
  defineGradient(sum, ({ inputs: { x }, dy, options: { axes } }) => ({ x: stretched(x, dy, axes) })),
  defineGradient(mean, ({ inputs: { x }, outputs: [y], dy, options: { axes } }) => ({
    x: stretched(x, scaleOffset({ x: dy }, { scale: sizeOf(y.shape) / sizeOf(x.shape) }), axes),
  })),
  defineGradient(max, ({ inputs, outputs: [y], dy, options }) => ({ x: ofExtreme(inputs, y, dy, options) })),
  defineGradient(min, ({ inputs, outputs: [y], dy, options }) => ({ x: ofExtreme(inputs, y, dy, options) })),
];
