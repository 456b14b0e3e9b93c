/** Derivative of layer normalization: one operation that returns all three gradients. The moments carry none. */
import { defineGradient } from '../../autograd/gradient.ts';
import { layerNormGradient, layerNormWithMoments } from './layer-norm.ts';

export const layerNormRule = defineGradient(
  layerNormWithMoments,
  ({ inputs: { x, scale, shift }, options, outputs, dy }) => {
    const [dx, dscale, dshift] = layerNormGradient({ x, scale, dy, moments: outputs[1]! }, options);
    return { x: dx, scale: scale && dscale, shift: shift && dshift };
  },
);
