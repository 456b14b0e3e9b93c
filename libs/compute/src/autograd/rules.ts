/** The table of derivatives: one line per operation. */
import { convGradient, convInputGradientGradient, convWeightGradientGradient } from '../ops/conv/conv.gradient.ts';
import { convTransposeGradient } from '../ops/conv-transpose/conv-transpose.gradient.ts';
import { instanceNormGradientRule } from '../ops/instance-norm/instance-norm.gradient.ts';
import type { GradientRule } from './gradient.ts';

export const rules: readonly GradientRule[] = [convGradient, convInputGradientGradient, convWeightGradientGradient, convTransposeGradient, instanceNormGradientRule];
