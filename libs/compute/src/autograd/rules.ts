/** The table of derivatives: one line per operation. */
import { attentionRule } from '../ops/attention/attention.gradient.ts';
import { convGradient, convInputGradientGradient, convWeightGradientGradient } from '../ops/conv/conv.gradient.ts';
import { convTransposeGradient } from '../ops/conv-transpose/conv-transpose.gradient.ts';
import { instanceNormGradientRule } from '../ops/instance-norm/instance-norm.gradient.ts';
import { layerNormRule } from '../ops/layer-norm/layer-norm.gradient.ts';
import { copyGradients } from '../ops/copy/copy.gradient.ts';
import { diceBinaryCrossEntropyRule } from '../ops/dice-binary-cross-entropy/dice-binary-cross-entropy.gradient.ts';
import { diceCrossEntropyRule } from '../ops/dice-cross-entropy/dice-cross-entropy.gradient.ts';
import { matmulGradient } from '../ops/matmul/matmul.gradient.ts';
import { pointwiseGradients } from '../ops/pointwise/pointwise.gradient.ts';
import { poolGradients } from '../ops/pool/pool.gradient.ts';
import { reduceGradients } from '../ops/reduce/reduce.gradient.ts';
import { resizeGradients } from '../ops/resize/resize.gradient.ts';
import { softmaxGradients } from '../ops/softmax/softmax.gradient.ts';
import { topMeanRule } from '../ops/top-mean/top-mean.gradient.ts';
import { voxelCrossEntropyRule } from '../ops/voxel-cross-entropy/voxel-cross-entropy.gradient.ts';
import type { GradientRule } from './gradient.ts';

export const rules: readonly GradientRule[] = [
  convGradient,
  convInputGradientGradient,
  convWeightGradientGradient,
  convTransposeGradient,
  instanceNormGradientRule,
  layerNormRule,
  ...pointwiseGradients,
  ...copyGradients,
  ...reduceGradients,
  ...softmaxGradients,
  diceCrossEntropyRule,
  diceBinaryCrossEntropyRule,
  voxelCrossEntropyRule,
  topMeanRule,
  ...resizeGradients,
  ...poolGradients,
  matmulGradient,
  attentionRule,
];
