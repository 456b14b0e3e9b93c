/** Differences in size. */
import type { PerAxis } from '@voxelwise/volume';
import type { Confusion } from '../overlap/confusion.ts';

/** Predicted volume minus reference volume, in mm³ (1000 mm³ are 1 ml). */
export function volumeErrorMm3({ falsePositives, falseNegatives }: Confusion, spacingMm: PerAxis): number {
  return (falsePositives - falseNegatives) * spacingMm[0] * spacingMm[1] * spacingMm[2];
}

/** The same as a share of the reference volume; Infinity if only the prediction has any, NaN if neither has. */
export function relativeVolumeError({ truePositives, falsePositives, falseNegatives }: Confusion): number {
  return (falsePositives - falseNegatives) / (truePositives + falseNegatives);
}
