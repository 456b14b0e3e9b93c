/** All scores of one case: the reference's overlap counts, and in millimetres the surfaces and volumes beyond them. */
import { type Box, cutBox, type PerAxis, tightBox } from '@voxelwise/volume';
import { type LabelOrRegion, LabelPairs } from '../overlap/confusion.ts';
import { normalizedSurfaceDice } from '../surface/surface-dice.ts';
import { averageSymmetricSurfaceDistance, hausdorffDistance, surfaceDistances } from '../surface/surface-distances.ts';
import { relativeVolumeError, volumeErrorMm3 } from '../surface/volume-error.ts';
import { type ReferenceScores, scoreKey, scoreLabels } from './summary.ts';

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
  const overlap = scoreLabels(prediction, reference, labels, ignoreLabel);
  const pairs = new LabelPairs(prediction, reference, ignoreLabel);
  const scored = labels.map((label): [string, ReferenceScores] => {
    const masks = labelMasks(prediction, reference, { label, shape, ignoreLabel });
    const distances = surfaceDistances(masks, { spacingMm });
    const counts = pairs.confusion(label);
    const beyond = {
      HD: hausdorffDistance(distances),
      HD95: hausdorffDistance(distances, { percentile: 95 }),
      ASSD: averageSymmetricSurfaceDistance(distances),
      SurfaceDice: normalizedSurfaceDice(masks, { toleranceMm, spacingMm }),
      VolumeErrorMm3: volumeErrorMm3(counts, spacingMm),
      RelativeVolumeError: relativeVolumeError(counts),
    } satisfies Record<(typeof surfaceScores)[number], number>;
    return [scoreKey(label), { ...overlap[scoreKey(label)]!, ...beyond }];
  });
  return Object.fromEntries(scored);
}

interface MaskOptions {
  readonly label: LabelOrRegion;
  readonly shape: PerAxis;
  readonly ignoreLabel: number | undefined;
}

/** Masks of one class or region, cut to the box around both (but never to a single slice of several). */
function labelMasks(
  prediction: ArrayLike<number>,
  reference: ArrayLike<number>,
  { label, shape, ignoreLabel }: MaskOptions,
): { prediction: Uint8Array; reference: Uint8Array; shape: PerAxis } {
  const members = new Set(typeof label === 'number' ? [label] : label);
  const mask = (map: ArrayLike<number>): Uint8Array => {
    const inside = new Uint8Array(map.length);
    for (let i = 0; i < inside.length; i++) if (members.has(map[i]!) && reference[i] !== ignoreLabel) inside[i] = 1;
    return inside;
  };
  const [p, r] = [mask(prediction), mask(reference)];
  const tight = tightBox(
    p.map((v, i) => v | r[i]!),
    shape,
  );
  if (tight === undefined || shape[0] === 1) return { prediction: p, reference: r, shape };
  // One slice of a volume has a surface above and below it; two slices keep it from being taken for a 2D image.
  const box: Box = { ...tight, start: [Math.max(tight.start[0] - 1, 0), tight.start[1], tight.start[2]] };
  const grown: Box = box.end[0] - box.start[0] > 1 ? box : { ...box, end: [box.end[0] + 1, box.end[1], box.end[2]] };
  const cut = [0, 1, 2].map((axis) => grown.end[axis]! - grown.start[axis]!) as [number, number, number];
  return { prediction: cutBox(p, 1, shape, grown), reference: cutBox(r, 1, shape, grown), shape: cut };
}
