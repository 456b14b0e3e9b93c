/** The gradient of the mean of the greatest elements: even over them. */
import { defineGradient, type GradientRule } from '../../autograd/gradient.ts';
import { topMeanGradient, topMeanWithThreshold } from './top-mean.ts';

export const topMeanRule: GradientRule = defineGradient(
  topMeanWithThreshold,
  ({ inputs: { x }, outputs: [, kept], dys: [dy], options }) => ({
    x: dy && topMeanGradient({ x, kept, dy }, options),
  }),
);
