/** How good a segmentation is, in millimetres. */
export { casesWhere } from './comparison/cases-where.ts';
export {
  type CompareOptions,
  comparePaired,
  compareSummaries,
  type Comparison,
  type IntegerSource,
} from './comparison/compare-models.ts';
export { type Spread, type Stability, stability, type StabilityOptions } from './comparison/stability.ts';
export { ScoreError, SummaryError } from './errors.ts';
export { type Confusion, type LabelOrRegion, LabelPairs } from './overlap/confusion.ts';
export {
  confusionRates,
  dice,
  diceOrEmpty,
  type EmptyReference,
  generalizedDice,
  intersectionOverUnion,
  iouOrEmpty,
  type Reduced,
  reduceScores,
  type Reduction,
} from './overlap/overlap.ts';
export { scoreCase, type ScoreCaseOptions, surfaceScores } from './summary/score-case.ts';
export { mostScoreBytes, scoreBytes } from './summary/score-memory.ts';
export {
  type CaseScores,
  readSummary,
  type ReferenceScores,
  referenceSummary,
  scoreKey,
  scoreLabels,
  summarize,
  type Summary,
  writeSummary,
} from './summary/summary.ts';
export type { MaskPair } from './surface/masks.ts';
export { normalizedSurfaceDice, type SurfaceDiceOptions } from './surface/surface-dice.ts';
export {
  averageSurfaceDistance,
  averageSymmetricSurfaceDistance,
  hausdorffDistance,
  type HausdorffOptions,
  type SurfaceDistanceOptions,
  surfaceDiceOfVoxels,
  type SurfaceDistances,
  surfaceDistances,
} from './surface/surface-distances.ts';
export { relativeVolumeError, volumeErrorMm3 } from './surface/volume-error.ts';
