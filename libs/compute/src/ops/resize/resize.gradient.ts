/** Resizing and its transposed operation are each other's gradients. */
import { defineGradient, type GradientRule } from '../../autograd/gradient.ts';
import { resize, resizeGradient } from './resize.ts';

export const resizeGradients: readonly GradientRule[] = [
  defineGradient(resize, ({ inputs: { x }, dy, options: { mode, alignCorners } }) => ({
    x: resizeGradient({ dy }, { size: x.shape.slice(2), mode, alignCorners }),
  })),
  defineGradient(resizeGradient, ({ inputs, dy, options: { mode, alignCorners } }) => ({
    dy: resize({ x: dy }, { size: inputs.dy.shape.slice(2), mode, alignCorners }),
  })),
];
