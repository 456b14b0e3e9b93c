/** The gradient of cross-entropy per voxel: softmax minus target, times what flows back. */
import { defineGradient, type GradientRule } from '../../autograd/gradient.ts';
import { voxelCrossEntropy, voxelCrossEntropyGradient } from './voxel-cross-entropy.ts';

export const voxelCrossEntropyRule: GradientRule = defineGradient(voxelCrossEntropy, ({ inputs, dy, options }) => ({
  logits: voxelCrossEntropyGradient({ ...inputs, dy }, options),
}));
