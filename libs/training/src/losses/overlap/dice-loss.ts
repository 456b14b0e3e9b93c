/**
 * Losses on the overlap of prediction and truth: Dice, generalized Dice, Tversky. Compositions of differentiable
 * operations; where a label map is all there is, `diceCrossEntropy` of compute is the fused form of the commonest.
 *
 * Shape: logits f32 [N, K, ...], target i32 labels [N, 1, ...] or f32 channels [N, K, ...] -> f32 [] (or [N, K, 1, ...]).
 * Source: MONAI's DiceLoss, GeneralizedDiceLoss and TverskyLoss; Sudre 2017; Salehi 2017.
 */
import { abs, add, div, equal, max, mul, square, sub, sum, tensor, where, type Tensor } from '@voxelwise/compute';
import {
  activated,
  channelsOf,
  complement,
  counted,
  OVERLAP,
  plus,
  reduced,
  sumsOf,
  times,
  type OverlapOptions,
} from './overlap-options.ts';

export interface DiceLossOptions extends OverlapOptions {
  /** Squares prediction and truth in the denominator. */
  readonly squaredPrediction: boolean;
  /** Intersection over union in place of Dice. */
  readonly jaccard: boolean;
  /** Overlap as (Σ|p| + Σ|g| - Σ|p - g|) / 2, which is exact where the truth lies between 0 and 1. */
  readonly softLabels: boolean;
}

/** 1 - (2 Σpg + s) / (Σp + Σg + s'), per class (and sample). */
export function diceLoss(logits: Tensor, target: Tensor, given: Partial<DiceLossOptions> = {}): Tensor {
  const options = { ...OVERLAP, squaredPrediction: false, jaccard: false, softLabels: false, ...given };
  const { includeBackground, batch, squaredPrediction, jaccard, softLabels, smoothNumerator, smoothDenominator } =
    options;
  const p = counted(activated(logits, options.activation), includeBackground);
  const g = counted(channelsOf(target, logits), includeBackground);
  const size = (x: Tensor): Tensor => sumsOf(squaredPrediction ? square({ x }) : x, batch);
  const masses = add({ a: size(p), b: size(g) });
  const overlap =
    softLabels && !squaredPrediction
      ? times(sub({ a: masses, b: sumsOf(abs({ x: sub({ a: p, b: g }) }), batch) }), 0.5)
      : sumsOf(mul({ a: p, b: g }), batch);
  const numerator = plus(times(overlap, 2), smoothNumerator);
  const denominator = plus(jaccard ? times(sub({ a: masses, b: overlap }), 2) : masses, smoothDenominator);
  return reduced(complement(div({ a: numerator, b: denominator })), options);
}

export interface GeneralizedDiceOptions extends OverlapOptions {
  /** What a class is weighed by: 1 / Σg², 1 / Σg, or nothing. */
  readonly classWeight: 'square' | 'simple' | 'uniform';
}

/** One ratio per sample (or batch) over all classes, small classes weighed up. A class that is absent takes the greatest weight of the others. */
export function generalizedDiceLoss(
  logits: Tensor,
  target: Tensor,
  given: Partial<GeneralizedDiceOptions> = {},
): Tensor {
  const options = { ...OVERLAP, classWeight: 'square' as const, ...given };
  const { includeBackground, batch, classWeight } = options;
  const p = counted(activated(logits, options.activation), includeBackground);
  const g = counted(channelsOf(target, logits), includeBackground);
  const truth = sumsOf(g, batch);
  const weights = weightsOf(truth, classWeight);
  const overClasses = (x: Tensor): Tensor => sum({ x: mul({ a: weights, b: x }) }, { axes: [1], keepDims: true });
  const overlap = overClasses(sumsOf(mul({ a: p, b: g }), batch));
  const masses = overClasses(add({ a: sumsOf(p, batch), b: truth }));
  const ratio = div({
    a: plus(times(overlap, 2), options.smoothNumerator),
    b: plus(masses, options.smoothDenominator),
  });
  return reduced(complement(ratio), options);
}

function weightsOf(truth: Tensor, kind: GeneralizedDiceOptions['classWeight']): Tensor {
  const one = tensor(truth.device, [1], []);
  const zero = tensor(truth.device, [0], []);
  if (kind === 'uniform') return where({ condition: one, a: one, b: truth });
  const absent = equal({ a: truth, b: zero });
  const size = kind === 'square' ? square({ x: truth }) : truth;
  const finite = where({
    condition: absent,
    a: zero,
    b: div({ a: one, b: where({ condition: absent, a: one, b: size }) }),
  });
  return where({ condition: absent, a: max({ x: finite }, { axes: [1], keepDims: true }), b: finite });
}

export interface TverskyOptions extends OverlapOptions {
  /** Weight of what is predicted but not true. */
  readonly alpha: number;
  /** Weight of what is true but not predicted. */
  readonly beta: number;
}

/** 1 - (Σpg + s) / (Σpg + α Σp(1-g) + β Σ(1-p)g + s'). */
export function tverskyLoss(logits: Tensor, target: Tensor, given: Partial<TverskyOptions> = {}): Tensor {
  const options = { ...OVERLAP, alpha: 0.5, beta: 0.5, ...given };
  const p = counted(activated(logits, options.activation), options.includeBackground);
  const g = counted(channelsOf(target, logits), options.includeBackground);
  const overlap = sumsOf(mul({ a: p, b: g }), options.batch);
  const wrong = times(sumsOf(mul({ a: p, b: complement(g) }), options.batch), options.alpha);
  const missed = times(sumsOf(mul({ a: complement(p), b: g }), options.batch), options.beta);
  const denominator = plus(add({ a: overlap, b: add({ a: wrong, b: missed }) }), options.smoothDenominator);
  return reduced(complement(div({ a: plus(overlap, options.smoothNumerator), b: denominator })), options);
}
