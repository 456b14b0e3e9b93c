/** Focal loss: cross-entropy in which voxels that are right already count little. Source: Lin et al., ICCV 2017. */
import {
  clamp,
  div,
  exp,
  mean,
  mul,
  neg,
  power,
  scaleOffset,
  sub,
  sum,
  tensor,
  cast,
  less,
  voxelCrossEntropy,
  type Tensor,
} from '@voxelwise/compute';

/** Mean over voxels with a label of (1 - p)^γ · (-log p), p the probability of the label. */
export function focal(
  logits: Tensor,
  target: Tensor,
  { gamma, ignoreLabel }: { readonly gamma: number; readonly ignoreLabel: number | null },
): Tensor {
  const surprise = voxelCrossEntropy({ logits, target }, { ignoreLabel });
  const wrong = clamp(
    { x: scaleOffset({ x: exp({ x: neg({ x: surprise }) }) }, { scale: -1, offset: 1 }) },
    { low: 1e-6, high: 1 },
  );
  const terms = mul({ a: power({ x: wrong }, { exponent: gamma }), b: surprise });
  if (ignoreLabel === null) return mean({ x: terms });
  const one = tensor(logits.device, [1], []);
  const ignored = less({ a: cast({ x: target }, { dtype: 'f32' }), b: tensor(logits.device, [0], []) });
  return div({
    a: sum({ x: terms }),
    b: clamp({ x: sum({ x: sub({ a: one, b: ignored }) }) }, { low: 1, high: 1e30 }),
  });
}
