/** Derivative of instance normalization: one operation that returns all three gradients. */
import { defineGradient } from '../../autograd/gradient.ts';
import { zeros } from '../../tensor/tensor.ts';
import { instanceNormGradient, instanceNormWithMoments } from './instance-norm.ts';

export const instanceNormGradientRule = defineGradient(
  instanceNormWithMoments,
  ({ inputs: { x, scale, shift }, options, outputs, dys }) => {
    const dy = dys[0] ?? zeros(x.device, x.shape);
    const [dx, dscale, dshift] = instanceNormGradient(
      { x, scale, shift, dy, moments: outputs[1]!, dmoments: dys[1] },
      options,
    );
    return { x: dx, scale: scale && dscale, shift: shift && dshift };
  },
);
