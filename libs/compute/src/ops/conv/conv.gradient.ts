/** Derivatives of the convolution and of its gradients, each from the other two. */
import { defineGradient } from '../../autograd/gradient.ts';
import { conv } from './conv.ts';
import { convBiasGradient, convInputGradient, convWeightGradient } from './conv-gradients.ts';

export const convGradient = defineGradient(conv, ({ inputs: { x, weight, bias }, options, dy, wants }) => ({
  x: wants('x') ? convInputGradient({ dy, weight }, { ...options, inputSize: x.shape.slice(2) }) : undefined,
  weight: wants('weight') ? convWeightGradient({ x, dy }, { ...options, kernel: weight.shape.slice(2) }) : undefined,
  bias: bias !== undefined && wants('bias') ? convBiasGradient({ dy }) : undefined,
}));

export const convInputGradientGradient = defineGradient(
  convInputGradient,
  ({ inputs: { dy, weight }, options: { inputSize: _, ...options }, dy: ddx, wants }) => ({
    dy: wants('dy') ? conv({ x: ddx, weight }, options) : undefined,
    weight: wants('weight')
      ? convWeightGradient({ x: ddx, dy }, { ...options, kernel: weight.shape.slice(2) })
      : undefined,
  }),
);

export const convWeightGradientGradient = defineGradient(
  convWeightGradient,
  ({ inputs: { x, dy }, options: { kernel: _, ...options }, dy: ddw, wants }) => ({
    x: wants('x') ? convInputGradient({ dy, weight: ddw }, { ...options, inputSize: x.shape.slice(2) }) : undefined,
    dy: wants('dy') ? conv({ x, weight: ddw }, options) : undefined,
  }),
);
