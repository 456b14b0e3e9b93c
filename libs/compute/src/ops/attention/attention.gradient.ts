/** The gradient of attention, from the probabilities computed again; what is returned beside the result carries none. */
import { defineGradient, type GradientRule } from '../../autograd/gradient.ts';
import { attentionGradient, attentionWithSums } from './attention.ts';

export const attentionRule: GradientRule = defineGradient(
  attentionWithSums,
  ({ inputs, outputs: [y, sums], dy, options, wants }) => {
    const [q, k, v, bias] = attentionGradient(
      { ...inputs, y: y!, sums: sums!, dy },
      { ...options, biasGradient: wants('bias') },
    );
    return { q, k, v, bias };
  },
);
