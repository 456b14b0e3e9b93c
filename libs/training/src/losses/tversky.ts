/**
 * Tversky loss: Dice with false positives and false negatives weighed apart, for structures that are missed too easily.
 * Source: Salehi et al., "Tversky loss function for image segmentation", 2017.
 */
import {
  add,
  cast,
  div,
  mean,
  mul,
  oneHot,
  scaleOffset,
  sigmoid,
  slice,
  softmax,
  sub,
  sum,
  type Tensor,
} from '@voxelwise/compute';

export interface TverskyOptions {
  /** Weight of false positives. */
  readonly alpha: number;
  /** Weight of false negatives. */
  readonly beta: number;
  readonly batchDice: boolean;
  readonly smooth: number;
}

/** Labels: all classes but the background; voxels whose target is negative count nothing. Returns minus the mean index. */
export function tverskyOfLabels(logits: Tensor, target: Tensor, options: TverskyOptions): Tensor {
  const classes = logits.shape[1]!;
  const foreground = (x: Tensor): Tensor =>
    slice(
      { x },
      {
        start: logits.shape.map((_, axis) => (axis === 1 ? 1 : 0)),
        size: logits.shape.map((n, axis) => (axis === 1 ? classes - 1 : n)),
      },
    );
  const hot = oneHot({ labels: target }, { classes });
  // A voxel that is ignored has no class, so the sum over classes is its mask.
  const counted = sum({ x: hot }, { axes: [1], keepDims: true });
  return tversky(mul({ a: foreground(softmax({ x: logits }, { axis: 1 })), b: counted }), foreground(hot), options);
}

/** Regions: every channel stands alone; a target channel more than regions is a mask. */
export function tverskyOfRegions(logits: Tensor, target: Tensor, options: TverskyOptions): Tensor {
  const regions = logits.shape[1]!;
  const channels = (from: number, count: number): Tensor =>
    slice(
      { x: cast({ x: target }, { dtype: 'f32' }) },
      {
        start: target.shape.map((_, axis) => (axis === 1 ? from : 0)),
        size: target.shape.map((n, axis) => (axis === 1 ? count : n)),
      },
    );
  const masked = target.shape[1]! > regions;
  const within = (x: Tensor): Tensor => (masked ? mul({ a: x, b: channels(regions, 1) }) : x);
  return tversky(within(sigmoid({ x: logits })), within(channels(0, regions)), options);
}

/** index = (TP + s) / (TP + α FP + β FN + s) = (TP + s) / ((1 - α - β) TP + α Σp + β Σg + s). */
function tversky(predicted: Tensor, truth: Tensor, { alpha, beta, batchDice, smooth }: TverskyOptions): Tensor {
  const axes = predicted.shape.map((_, axis) => axis).filter((axis) => axis > 1 || (batchDice && axis === 0));
  const overlap = sum({ x: mul({ a: predicted, b: truth }) }, { axes });
  const masses = add({
    a: scaleOffset({ x: sum({ x: predicted }, { axes }) }, { scale: alpha, offset: 0 }),
    b: scaleOffset({ x: sum({ x: truth }, { axes }) }, { scale: beta, offset: smooth }),
  });
  const bottom = sub({ a: masses, b: scaleOffset({ x: overlap }, { scale: alpha + beta - 1, offset: 0 }) });
  return scaleOffset(
    { x: mean({ x: div({ a: scaleOffset({ x: overlap }, { scale: 1, offset: smooth }), b: bottom }) }) },
    { scale: -1, offset: 0 },
  );
}
