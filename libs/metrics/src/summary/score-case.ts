/** All scores of one case: the reference's overlap counts, and in millimetres the surfaces and volumes beyond them. */
import type { PerAxis } from '@voxelwise/volume';
import { type LabelOrRegion, LabelPairs } from '../overlap/confusion.ts';
import { SurfaceBuffers } from '../surface/surface-buffers.ts';
import { surfaceDiceOf } from '../surface/surface-dice.ts';
import { averageSymmetricSurfaceDistance, distancesBetween, hausdorffOfSorted } from '../surface/surface-distances.ts';
import { relativeVolumeError, volumeErrorMm3 } from '../surface/volume-error.ts';
import { LabelMaskCutter } from './label-masks.ts';
import { type ReferenceScores, scoreKey, scorePairs } from './summary.ts';

export interface ScoreCaseOptions {
  /** Classes and regions to score. */
  readonly labels: readonly LabelOrRegion[];
  readonly ignoreLabel?: number;
  /** [z, y, x] */
  readonly shape: PerAxis;
  readonly spacingMm: PerAxis;
  /** Tolerance of the surface Dice. Default 1 mm. */
  readonly toleranceMm?: number;
}

/** The names scored beyond the reference; distances in mm, volumes in mm³. */
export const surfaceScores = ['HD', 'HD95', 'ASSD', 'SurfaceDice', 'VolumeErrorMm3', 'RelativeVolumeError'] as const;

/**
 * Scores a prediction [z, y, x] against a reference on the same grid, by class or region.
 *
 * A class in one map only: distances are Infinity and the surface Dice 0; in neither: both NaN. Voxels whose reference
 * is the ignore label count for nothing. Throws: ScoreError.
 */
export function scoreCase(
  prediction: ArrayLike<number>,
  reference: ArrayLike<number>,
  options: ScoreCaseOptions,
): Record<string, ReferenceScores> {
  const { labels, ignoreLabel, shape, spacingMm, toleranceMm = 1 } = options;
  const pairs = new LabelPairs(prediction, reference, ignoreLabel);
  const overlap = scorePairs(pairs, labels);
  const cutter = new LabelMaskCutter(prediction, reference, shape, ignoreLabel);
  const buffers = new SurfaceBuffers();
  buffers.reserve(labels.map((label) => cutter.boxShape(label)));
  const scored = labels.map((label): [string, ReferenceScores] => {
    const masks = cutter.masks(label, buffers);
    const distances = distancesBetween(masks, { spacingMm }, buffers);
    // In the order of the voxels, before they are sorted: sums of floats depend on it.
    const ASSD = averageSymmetricSurfaceDistance(distances);
    distances.predictionToReference.sort();
    distances.referenceToPrediction.sort();
    const counts = pairs.confusion(label);
    const beyond = {
      HD: hausdorffOfSorted(distances),
      HD95: hausdorffOfSorted(distances, { percentile: 95 }),
      ASSD,
      SurfaceDice: surfaceDiceOf(masks, { toleranceMm, spacingMm }, buffers),
      VolumeErrorMm3: volumeErrorMm3(counts, spacingMm),
      RelativeVolumeError: relativeVolumeError(counts),
    } satisfies Record<(typeof surfaceScores)[number], number>;
    return [scoreKey(label), { ...overlap[scoreKey(label)]!, ...beyond }];
  });
  return Object.fromEntries(scored);
}
