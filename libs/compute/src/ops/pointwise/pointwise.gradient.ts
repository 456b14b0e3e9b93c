/** Derivatives of the pointwise rows. A broadcast input's gradient is summed over what was stretched. */
import { defineGradient, type GradientRule } from '../../autograd/gradient.ts';
import { sameShape, type Shape } from '../../tensor/spec.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { sum } from '../reduce/reduce.ts';
import { reshape } from '../reshape/reshape.ts';
import { where } from '../where/where.ts';
import * as rows from './pointwise.ts';
import {
  abs,
  absGradient,
  clamp,
  clampGradient,
  div,
  equal,
  exp,
  gelu,
  geluGradient,
  leakyRelu,
  leakyReluGradient,
  less,
  log,
  maximum,
  minimum,
  mul,
  neg,
  pow,
  power,
  relu,
  reluGradient,
  scaleOffset,
  sigmoid,
  sigmoidGradient,
  sqrt,
  square,
  sub,
  tanh,
  tanhGradient,
} from './pointwise.ts';

/** The gradient of an input of shape `shape` from that of what it was stretched to. */
export function sumTo(gradient: Tensor, shape: Shape): Tensor {
  if (sameShape(gradient.shape, shape)) return gradient;
  const extra = gradient.shape.length - shape.length;
  const axes = [...gradient.shape.keys()].filter((axis) => gradient.shape[axis] !== (shape[axis - extra] ?? 1));
  const summed = axes.length > 0 ? sum({ x: gradient }, { axes, keepDims: true }) : gradient;
  return sameShape(summed.shape, shape) ? summed : reshape({ x: summed }, { shape });
}

/** 1 where a wins (ties give half to each, as PyTorch has it). */
function share(a: Tensor, b: Tensor): Tensor {
  return rows.add({ a: less({ a, b }), b: scaleOffset({ x: equal({ a, b }) }, { scale: 0.5 }) });
}

export const pointwiseGradients: readonly GradientRule[] = [
  defineGradient(rows.add, ({ inputs: { a, b }, dy, wants }) => ({
    a: wants('a') ? sumTo(dy, a.shape) : undefined,
    b: wants('b') ? sumTo(dy, b.shape) : undefined,
  })),
  defineGradient(sub, ({ inputs: { a, b }, dy, wants }) => ({
    a: wants('a') ? sumTo(dy, a.shape) : undefined,
    b: wants('b') ? neg({ x: sumTo(dy, b.shape) }) : undefined,
  })),
  defineGradient(mul, ({ inputs: { a, b }, dy, wants }) => ({
    a: wants('a') ? sumTo(mul({ a: dy, b }), a.shape) : undefined,
    b: wants('b') ? sumTo(mul({ a: dy, b: a }), b.shape) : undefined,
  })),
  // d(a/b) = da/b - (a/b) db/b
  defineGradient(div, ({ inputs: { a, b }, outputs: [y], dy, wants }) => {
    const over = div({ a: dy, b });
    return {
      a: wants('a') ? sumTo(over, a.shape) : undefined,
      b: wants('b') ? neg({ x: sumTo(mul({ a: over, b: y }), b.shape) }) : undefined,
    };
  }),
  defineGradient(minimum, ({ inputs: { a, b }, dy, wants }) => ({
    a: wants('a') ? sumTo(mul({ a: dy, b: share(a, b) }), a.shape) : undefined,
    b: wants('b') ? sumTo(mul({ a: dy, b: share(b, a) }), b.shape) : undefined,
  })),
  defineGradient(maximum, ({ inputs: { a, b }, dy, wants }) => ({
    a: wants('a') ? sumTo(mul({ a: dy, b: share(b, a) }), a.shape) : undefined,
    b: wants('b') ? sumTo(mul({ a: dy, b: share(a, b) }), b.shape) : undefined,
  })),
  // d(a^b) = b a^(b-1) da + a^b ln a db
  defineGradient(pow, ({ inputs: { a, b }, outputs: [y], dy, wants }) => ({
    a: wants('a')
      ? sumTo(mul({ a: dy, b: mul({ a: b, b: pow({ a, b: scaleOffset({ x: b }, { offset: -1 }) }) }) }), a.shape)
      : undefined,
    b: wants('b') ? sumTo(mul({ a: dy, b: mul({ a: y, b: log({ x: a }) }) }), b.shape) : undefined,
  })),
  defineGradient(where, ({ inputs: { condition, a, b }, dy, wants }) => {
    const zero = (): Tensor => scaleOffset({ x: dy }, { scale: 0 });
    return {
      a: wants('a') ? sumTo(where({ condition, a: dy, b: zero() }), a.shape) : undefined,
      b: wants('b') ? sumTo(where({ condition, a: zero(), b: dy }), b.shape) : undefined,
    };
  }),
  defineGradient(neg, ({ dy }) => ({ x: neg({ x: dy }) })),
  defineGradient(exp, ({ outputs: [y], dy }) => ({ x: mul({ a: dy, b: y }) })),
  defineGradient(log, ({ inputs: { x }, dy }) => ({ x: div({ a: dy, b: x }) })),
  defineGradient(sqrt, ({ outputs: [y], dy }) => ({ x: scaleOffset({ x: div({ a: dy, b: y }) }, { scale: 0.5 }) })),
  defineGradient(square, ({ inputs: { x }, dy }) => ({ x: scaleOffset({ x: mul({ a: dy, b: x }) }, { scale: 2 }) })),
  defineGradient(abs, ({ inputs: { x }, dy }) => ({ x: absGradient({ a: x, b: dy }) })),
  // The sign of a (leaky) ReLU's output is that of its input: the input need not be kept.
  defineGradient(relu, ({ outputs: [y], dy }) => ({ x: reluGradient({ a: y, b: dy }) })),
  defineGradient(leakyRelu, ({ inputs: { x }, outputs: [y], dy, options }) => ({
    x: leakyReluGradient({ a: options.slope > 0 ? y : x, b: dy }, options),
  })),
  defineGradient(sigmoid, ({ outputs: [y], dy }) => ({ x: sigmoidGradient({ a: y, b: dy }) })),
  defineGradient(tanh, ({ outputs: [y], dy }) => ({ x: tanhGradient({ a: y, b: dy }) })),
  defineGradient(gelu, ({ inputs: { x }, dy }) => ({ x: geluGradient({ a: x, b: dy }) })),
  defineGradient(clamp, ({ inputs: { x }, dy, options }) => ({ x: clampGradient({ a: x, b: dy }, options) })),
  defineGradient(scaleOffset, ({ dy, options: { scale } }) => ({ x: scaleOffset({ x: dy }, { scale }) })),
  defineGradient(power, ({ inputs: { x }, dy, options: { exponent } }) => ({
    x: mul({ a: dy, b: scaleOffset({ x: power({ x }, { exponent: exponent - 1 }) }, { scale: exponent }) }),
  })),
];
