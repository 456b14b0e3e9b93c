/** The table of derivatives: one line per operation. */
import type { GradientRule } from './gradient.ts';

export const rules: readonly GradientRule[] = [];
