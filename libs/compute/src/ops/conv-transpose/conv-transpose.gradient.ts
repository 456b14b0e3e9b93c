/** A transposed convolution is a convolution's input gradient; its derivatives are the other two. */
import { defineGradient } from '../../autograd/gradient.ts';
import { convBiasGradient, convWeightGradient } from '../conv/conv-gradients.ts';
import { conv } from '../conv/conv.ts';
import { convTranspose } from './conv-transpose.ts';

export const convTransposeGradient = defineGradient(
  convTranspose,
  ({ inputs: { x, weight, bias }, options: { outputPadding: _, ...options }, dy, wants }) => ({
    x: wants('x') ? conv({ x: dy, weight }, options) : undefined,
    weight: wants('weight')
      ? convWeightGradient({ x: dy, dy: x }, { ...options, kernel: weight.shape.slice(2) })
      : undefined,
    bias: bias !== undefined && wants('bias') ? convBiasGradient({ dy }) : undefined,
  }),
);
