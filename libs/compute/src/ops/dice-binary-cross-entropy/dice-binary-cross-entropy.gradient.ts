/** The gradient of Dice plus binary cross-entropy with respect to the logits: its own fused kernel. */
import { defineGradient, type GradientRule } from '../../autograd/gradient.ts';
import {
  diceBinaryCrossEntropyGradient as gradientOf,
  diceBinaryCrossEntropyWithSums,
} from './dice-binary-cross-entropy.ts';

export const diceBinaryCrossEntropyRule: GradientRule = defineGradient(
  diceBinaryCrossEntropyWithSums,
  ({ inputs: { logits, target }, outputs: [, sums], dys: [dy], options }) => ({
    logits: dy && gradientOf({ logits, target, sums, dy }, options),
  }),
);
