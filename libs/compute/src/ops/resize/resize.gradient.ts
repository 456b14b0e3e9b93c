/** Resizing and its transposed operation are each other's gradients. */
import { defineGradient, type GradientRule } from '../../autograd/gradient.ts';
import { resize, resizeGradient } from './resize.ts';

export const resizeGradients: readonly GradientRule[] = [
  defineGradient(resize, ({ inputs: { x }, dy, options: { mode } }) => ({
    x: resizeGradient({ dy }, { size: x.shape.slice(2), mode }),
  })),
  defineGradient(resizeGradient, ({ inputs, dy, options: { mode } }) => ({
    dy: resize({ x: dy }, { size: inputs.dy.shape.slice(2), mode }),
  })),
];
