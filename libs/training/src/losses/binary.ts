/** Regions as questions of yes or no: every region's channel becomes a picture of two classes. */
import { cast, concat, mul, reshape, scaleOffset, slice, zeros, type Tensor } from '@voxelwise/compute';

/**
 * A softmax of [0, x] is a sigmoid of x: what compares labels compares regions too. Where the mask is 0, the label is -1.
 *
 * Shape: logits [N, R, …] and target [N, R(+1), …] -> [N · R, 2, …] and [N · R, 1, …].
 */
export function yesOrNo(logits: Tensor, target: Tensor): { readonly logits: Tensor; readonly target: Tensor } {
  const [samples, regions, ...space] = logits.shape as readonly [number, number, ...number[]];
  const rows = [samples * regions, 1, ...space];
  const yes = reshape({ x: logits }, { shape: rows });
  const channels = (from: number, count: number): Tensor =>
    slice(
      { x: target },
      {
        start: target.shape.map((_, axis) => (axis === 1 ? from : 0)),
        size: target.shape.map((n, axis) => (axis === 1 ? count : n)),
      },
    );
  return {
    logits: concat({ no: zeros(logits.device, rows), yes }, { axis: 1 }),
    target: reshape({ x: masked(channels, regions, target.shape[1]! > regions) }, { shape: rows }),
  };
}

/** (t + 1) · mask - 1: the truth where it is known, else -1. */
function masked(channels: (from: number, count: number) => Tensor, regions: number, hasMask: boolean): Tensor {
  const truth = channels(0, regions);
  if (!hasMask) return truth;
  const known = mul({
    a: scaleOffset({ x: cast({ x: truth }, { dtype: 'f32' }) }, { scale: 1, offset: 1 }),
    b: cast({ x: channels(regions, 1) }, { dtype: 'f32' }),
  });
  return cast({ x: scaleOffset({ x: known }, { scale: 1, offset: -1 }) }, { dtype: 'i32' });
}
