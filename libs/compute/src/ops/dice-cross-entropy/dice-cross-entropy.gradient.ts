/** The gradient of Dice plus cross-entropy with respect to the logits: its own fused kernel. */
import { defineGradient, type GradientRule } from '../../autograd/gradient.ts';
import { diceCrossEntropyGradient as gradientOf, diceCrossEntropyWithSums } from './dice-cross-entropy.ts';

export const diceCrossEntropyRule: GradientRule = defineGradient(
  diceCrossEntropyWithSums,
  ({ inputs: { logits, target, weight }, outputs: [, sums], dys: [dy], options }) => ({
    logits: dy && gradientOf({ logits, target, weight, sums, dy }, options),
  }),
);
