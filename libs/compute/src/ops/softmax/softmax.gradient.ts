/** softmax: dx = y (dy - sum y dy); log softmax: dx = dy - e^y sum dy. */
import { defineGradient, type GradientRule } from '../../autograd/gradient.ts';
import { exp, mul, sub } from '../pointwise/pointwise.ts';
import { sum } from '../reduce/reduce.ts';
import { logSoftmax, softmax } from './softmax.ts';

export const softmaxGradients: readonly GradientRule[] = [
  defineGradient(softmax, ({ outputs: [y], dy, options: { axis } }) => {
    const weighted = mul({ a: y, b: dy });
    return { x: sub({ a: weighted, b: mul({ a: y, b: sum({ x: weighted }, { axes: [axis], keepDims: true }) }) }) };
  }),
  defineGradient(logSoftmax, ({ outputs: [y], dy, options: { axis } }) => ({
    x: sub({ a: dy, b: mul({ a: exp({ x: y }), b: sum({ x: dy }, { axes: [axis], keepDims: true }) }) }),
  })),
];
