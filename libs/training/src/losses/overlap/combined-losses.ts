/** Sums of losses: Dice with cross-entropy, Dice or generalized Dice with focal loss, and deep supervision. */
import {
  add,
  crossEntropy,
  logSoftmax,
  mean,
  mul,
  neg,
  resize,
  sum,
  tensor,
  voxelCrossEntropy,
  type Tensor,
} from '@voxelwise/compute';
import { diceLoss, generalizedDiceLoss, type DiceLossOptions, type GeneralizedDiceOptions } from './dice-loss.ts';
import { binaryCrossEntropyMap, focalLoss } from './focal-loss.ts';
import { channelsOf, classFactors, times } from './overlap-options.ts';

export interface DiceCrossEntropyLossOptions extends DiceLossOptions {
  readonly diceWeight: number;
  readonly crossEntropyWeight: number;
  /** Share of the target spread evenly over the classes; only for label maps without class weights. */
  readonly labelSmoothing: number;
}

/**
 * Dice plus cross-entropy. The cross-entropy is over classes for a label map, over the softmax of the logits for channels
 * (even with a sigmoid Dice, as MONAI has it), binary for a single channel. `weight` has one factor per class of the logits.
 */
export function diceCrossEntropyLoss(
  logits: Tensor,
  target: Tensor,
  given: Partial<DiceCrossEntropyLossOptions> = {},
): Tensor {
  const { diceWeight = 1, crossEntropyWeight = 1, labelSmoothing = 0, weight, ...rest } = given;
  const ofDice = weight !== undefined && given.includeBackground === false ? weight.slice(1) : weight;
  const dice = diceLoss(logits, target, { ...rest, ...(ofDice === undefined ? {} : { weight: ofDice }) });
  return add({
    a: times(dice, diceWeight),
    b: times(entropyTerm(logits, target, weight, labelSmoothing), crossEntropyWeight),
  });
}

function entropyTerm(
  logits: Tensor,
  target: Tensor,
  weight: readonly number[] | undefined,
  labelSmoothing: number,
): Tensor {
  if (logits.shape[1] === 1) return mean({ x: binaryCrossEntropyMap(logits, target) });
  if (target.dtype === 'i32') {
    if (labelSmoothing > 0) return mean({ x: voxelCrossEntropy({ logits, target }, { labelSmoothing }) });
    return crossEntropy({ logits, target, weight: weight && tensor(logits.device, weight, [weight.length]) });
  }
  const surprise = neg({ x: mul({ a: target, b: logSoftmax({ x: logits }) }) });
  const weighed = weight === undefined ? surprise : mul({ a: surprise, b: classFactors(surprise, weight) });
  return mean({ x: sum({ x: weighed }, { axes: [1] }) });
}

interface FocalShare {
  readonly gamma: number;
  readonly alpha?: number | undefined;
  /** Factor on the focal term. */
  readonly focalWeight: number;
  readonly diceWeight: number;
}

/** Dice on probabilities plus the sigmoid form of focal loss on the logits. */
export function diceFocalLoss(
  logits: Tensor,
  target: Tensor,
  given: Partial<DiceLossOptions & FocalShare> = {},
): Tensor {
  return withFocal(logits, target, given, diceLoss);
}

export function generalizedDiceFocalLoss(
  logits: Tensor,
  target: Tensor,
  given: Partial<GeneralizedDiceOptions & FocalShare> = {},
): Tensor {
  return withFocal(logits, target, given, generalizedDiceLoss);
}

function withFocal<
  O extends FocalShare & { readonly includeBackground: boolean; readonly weight?: readonly number[] | undefined },
>(
  logits: Tensor,
  target: Tensor,
  given: Partial<O>,
  overlap: (logits: Tensor, target: Tensor, options: Partial<O>) => Tensor,
): Tensor {
  const { gamma = 2, alpha, focalWeight = 1, diceWeight = 1, includeBackground = true, weight } = given;
  // One-hot once, and with the background: both terms drop it themselves.
  const channels = channelsOf(target, logits);
  const focal = focalLoss(logits, channels, {
    gamma,
    includeBackground,
    ...(alpha === undefined ? {} : { alpha }),
    ...(weight === undefined ? {} : { weight }),
  });
  return add({ a: times(overlap(logits, channels, given), diceWeight), b: times(focal, focalWeight) });
}

/** Weights of deep supervision's levels, full resolution first; unlike nnU-Net's they are not normalised. */
export function levelWeights(levels: number, mode: 'exp' | 'same' | 'two'): readonly number[] {
  return Array.from({ length: levels }, (_, level) =>
    mode === 'same' ? 1 : mode === 'two' ? (level === 0 ? 1 : 0.5) : Math.max(0.5 ** level, 0.0625),
  );
}

/** The weighted sum of a loss over outputs of falling resolution; the target (f32 channels or labels as f32) shrinks by the nearest voxel. */
export function overLevels(
  outputs: readonly Tensor[],
  target: Tensor,
  weights: readonly number[],
  loss: (logits: Tensor, target: Tensor) => Tensor,
): Tensor {
  return outputs
    .map((logits, level) =>
      times(
        loss(logits, resize({ x: target }, { size: logits.shape.slice(2), mode: 'nearestExact' })),
        weights[level]!,
      ),
    )
    .reduce((total, term) => add({ a: total, b: term }));
}
