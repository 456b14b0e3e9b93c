/** Average pooling spreads a gradient over its window; max pooling hands it to the winner. */
import { defineGradient, type GradientRule } from '../../autograd/gradient.ts';
import { avgPool, avgPoolGradient, maxPool, maxPoolGradient } from './pool.ts';

export const poolGradients: readonly GradientRule[] = [
  defineGradient(avgPool, ({ inputs: { x }, dy, options }) => ({
    x: avgPoolGradient({ dy }, { ...options, size: x.shape.slice(2) }),
  })),
  defineGradient(avgPoolGradient, ({ dy, options: { size: _, ...options } }) => ({ dy: avgPool({ x: dy }, options) })),
  defineGradient(maxPool, ({ inputs: { x }, dy, options }) => ({ x: maxPoolGradient({ x, dy }, options) })),
];
