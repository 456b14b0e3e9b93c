/** What losses on overlap share: how logits become probabilities, which classes count, how results are put together. */
import { oneHot, scaleOffset, sigmoid, slice, softmax, sum, tensor, mean, mul, type Tensor } from '@voxelwise/compute';

export interface OverlapOptions {
  readonly activation: 'softmax' | 'sigmoid' | 'none';
  /** Whether channel 0 counts; a single channel always does. */
  readonly includeBackground: boolean;
  /** Sum over the batch before the ratio; else one ratio per sample. */
  readonly batch: boolean;
  readonly smoothNumerator: number;
  readonly smoothDenominator: number;
  readonly reduction: 'mean' | 'sum' | 'none';
  /** One factor per counted class on its loss; not renormalised. */
  readonly weight?: readonly number[] | undefined;
}

export const OVERLAP: OverlapOptions = {
  activation: 'softmax',
  includeBackground: true,
  batch: false,
  smoothNumerator: 1e-5,
  smoothDenominator: 1e-5,
  reduction: 'mean',
};

export const plus = (x: Tensor, offset: number): Tensor => scaleOffset({ x }, { offset });
export const times = (x: Tensor, scale: number): Tensor => scaleOffset({ x }, { scale });
/** 1 - x. */
export const complement = (x: Tensor): Tensor => scaleOffset({ x }, { scale: -1, offset: 1 });

export function activated(logits: Tensor, activation: OverlapOptions['activation']): Tensor {
  return activation === 'softmax' ? softmax({ x: logits }) : activation === 'sigmoid' ? sigmoid({ x: logits }) : logits;
}

/** Labels i32 [N, 1, ...] become channels like those of the logits; channels stay. */
export function channelsOf(target: Tensor, logits: Tensor): Tensor {
  return target.dtype === 'i32' ? oneHot({ labels: target }, { classes: logits.shape[1]! }) : target;
}

/** Without channel 0, where it is not to count and there are others. */
export function counted(x: Tensor, includeBackground: boolean): Tensor {
  if (includeBackground || x.shape[1] === 1) return x;
  return slice(
    { x },
    { start: x.shape.map((_, axis) => (axis === 1 ? 1 : 0)), size: x.shape.map((n, axis) => (axis === 1 ? n - 1 : n)) },
  );
}

/** Sums over space, and over the batch where asked; axes stay as one: [N or 1, K, 1, ...]. */
export function sumsOf(x: Tensor, batch: boolean): Tensor {
  const space = [...x.shape.keys()].slice(2);
  return sum({ x }, { axes: batch ? [0, ...space] : space, keepDims: true });
}

/** Weighs the classes of [.., K, 1, ...] and reduces. */
export function reduced(loss: Tensor, { weight, reduction }: Pick<OverlapOptions, 'weight' | 'reduction'>): Tensor {
  const weighed = weight === undefined ? loss : mul({ a: loss, b: classFactors(loss, weight) });
  return reduction === 'none' ? weighed : reduction === 'sum' ? sum({ x: weighed }) : mean({ x: weighed });
}

/** One number per class, shaped to broadcast over `like`. */
export function classFactors(like: Tensor, factors: readonly number[]): Tensor {
  return tensor(
    like.device,
    factors,
    like.shape.map((_, axis) => (axis === 1 ? factors.length : 1)),
  );
}
