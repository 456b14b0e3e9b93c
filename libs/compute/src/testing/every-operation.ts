/** Every operation of this library, those included that only others call. */
import type { Op } from '../op/op.ts';
import { attentionGradient, attentionWithSums } from '../ops/attention/attention.ts';
import { diceCrossEntropyGradient, diceCrossEntropyWithSums } from '../ops/dice-cross-entropy/dice-cross-entropy.ts';
import {
  diceBinaryCrossEntropyGradient,
  diceBinaryCrossEntropyWithSums,
} from '../ops/dice-binary-cross-entropy/dice-binary-cross-entropy.ts';
import * as ops from '../ops/index.ts';
import { layerNormGradient, layerNormWithMoments } from '../ops/layer-norm/layer-norm.ts';
import { avgPoolGradient, maxPoolGradient } from '../ops/pool/pool.ts';
import { resizeGradient } from '../ops/resize/resize.ts';
import { topMeanGradient, topMeanWithThreshold } from '../ops/top-mean/top-mean.ts';
import { voxelCrossEntropyGradient } from '../ops/voxel-cross-entropy/voxel-cross-entropy.ts';

/* eslint-disable-next-line @typescript-eslint/no-explicit-any -- operations of every signature are tested */
export type TestedOp = Op<any, any, any>;

/** Operations that return something for their gradient alone beside the result. */
export const withSums: readonly unknown[] = [
  attentionWithSums,
  layerNormWithMoments,
  diceCrossEntropyWithSums,
  diceBinaryCrossEntropyWithSums,
  topMeanWithThreshold,
];

/** Where an order of NaN is not defined. */
export const withoutNonFinite: readonly unknown[] = [topMeanWithThreshold, topMeanGradient];

const inner: readonly unknown[] = [
  ...withSums,
  attentionGradient,
  layerNormGradient,
  diceCrossEntropyGradient,
  diceBinaryCrossEntropyGradient,
  topMeanGradient,
  voxelCrossEntropyGradient,
  avgPoolGradient,
  maxPoolGradient,
  resizeGradient,
];

export const everyOperation: readonly TestedOp[] = [
  ...new Set([...(Object.values(ops) as unknown[]), ...inner]),
].filter((candidate): candidate is TestedOp => typeof candidate === 'function' && 'kernels' in candidate);
