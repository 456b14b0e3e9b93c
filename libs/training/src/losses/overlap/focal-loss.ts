/**
 * Focal loss: cross-entropy weighed down where the prediction is sure and right.
 *
 * The sigmoid form is the mean over all elements of bce · (1 - p_t)^γ · α_t; the softmax form of -(1 - p)^γ log p · g, over all
 * elements too (so K times smaller than a mean over voxels).
 * Source: Lin 2017; MONAI's FocalLoss.
 */
import {
  abs,
  add,
  exp,
  log,
  logSoftmax,
  mean,
  minimum,
  mul,
  neg,
  power,
  relu,
  sub,
  sum,
  tensor,
  type Tensor,
} from '@voxelwise/compute';
import { channelsOf, classFactors, complement, counted, plus, times } from './overlap-options.ts';

export interface FocalOptions {
  readonly gamma: number;
  /** Weight of the positive elements, 1 - alpha of the negative ones (softmax: of the classes but 0, and of 0). Absent: 1 for all. */
  readonly alpha?: number | undefined;
  readonly softmax: boolean;
  readonly includeBackground: boolean;
  readonly weight?: readonly number[] | undefined;
  /** `sum`: over samples and classes, of the means over space. */
  readonly reduction: 'mean' | 'sum';
}

/** log(1 + e^-|x|). */
const softness = (x: Tensor): Tensor => log({ x: plus(exp({ x: neg({ x: abs({ x }) }) }), 1) });

/** log of the sigmoid. */
function logSigmoid(x: Tensor): Tensor {
  return sub({ a: minimum({ a: x, b: tensor(x.device, [0], []) }), b: softness(x) });
}

/** Binary cross-entropy on logits, per element. */
export function binaryCrossEntropyMap(logits: Tensor, target: Tensor): Tensor {
  return add({ a: sub({ a: relu({ x: logits }), b: mul({ a: logits, b: target }) }), b: softness(logits) });
}

export function focalLoss(logits: Tensor, target: Tensor, given: Partial<FocalOptions> = {}): Tensor {
  const options = { gamma: 2, softmax: false, includeBackground: true, reduction: 'mean' as const, ...given };
  const g = counted(channelsOf(target, logits), options.includeBackground);
  const z = counted(logits, options.includeBackground);
  let loss = options.softmax ? softmaxForm(z, g, options) : sigmoidForm(z, g, options);
  if (options.weight !== undefined) loss = mul({ a: loss, b: classFactors(loss, options.weight) });
  if (options.reduction === 'mean') return mean({ x: loss });
  return sum({ x: mean({ x: loss }, { axes: [...loss.shape.keys()].slice(2) }) });
}

function sigmoidForm(z: Tensor, g: Tensor, { gamma, alpha }: Pick<FocalOptions, 'gamma' | 'alpha'>): Tensor {
  // (1 - p_t)^γ = exp(γ log sigmoid(-z (2g - 1)))
  const modulator = exp({ x: times(logSigmoid(neg({ x: mul({ a: z, b: plus(times(g, 2), -1) }) })), gamma) });
  const loss = mul({ a: modulator, b: binaryCrossEntropyMap(z, g) });
  return alpha === undefined ? loss : mul({ a: loss, b: plus(times(g, 2 * alpha - 1), 1 - alpha) });
}

function softmaxForm(z: Tensor, g: Tensor, { gamma, alpha }: Pick<FocalOptions, 'gamma' | 'alpha'>): Tensor {
  const logP = logSoftmax({ x: z });
  const unsure = gamma === 0 ? undefined : power({ x: complement(exp({ x: logP })) }, { exponent: gamma });
  const surprise = neg({ x: mul({ a: logP, b: g }) });
  const loss = unsure === undefined ? surprise : mul({ a: unsure, b: surprise });
  if (alpha === undefined) return loss;
  return mul({
    a: loss,
    b: classFactors(
      loss,
      Array.from({ length: z.shape[1]! }, (_, c) => (c === 0 ? 1 - alpha : alpha)),
    ),
  });
}
