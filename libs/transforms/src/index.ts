/** Pure, recorded, invertible changes of a case. */
export { catalogue, replay } from './catalogue.ts';
export { oneOf, only, run, sequence, someOf, type Chosen, type SequenceParameters } from './compose/sequence.ts';
export { withProbability, type Maybe } from './compose/with-probability.ts';
export type {
  Applied,
  Application,
  Placement,
  Points,
  Range,
  Sampling,
  Scene,
  Transform,
} from './contract/transform.ts';
export { TransformError } from './errors.ts';
export { contrastAboutMean, gammaCurve, noise, sharpen, smooth, type SmoothSettings } from './intensity/curves.ts';
export { erfTaps, sampledTaps, scaleSpaceTaps } from './intensity/gaussian-taps.ts';
export {
  equalize,
  histogramShift,
  matchHistogram,
  savitzkyGolay,
  signedPower,
  softClipPercentiles,
  standardizeHistogram,
  threshold,
  trainLandmarks,
} from './intensity/histogram.ts';
export { median } from './intensity/median-filter.ts';
export { bias, biasField, ghosting, gibbs, kSpaceSpike, spike, swap } from './intensity/mri-artifacts.ts';
export { coarseDropout } from './intensity/dropout.ts';
export { motion } from './intensity/motion.ts';
export {
  clamp,
  clipPercentiles,
  intensityRange,
  minMax,
  percentileRange,
  scale,
  shift,
  shiftByDeviation,
  zScore,
} from './intensity/range.ts';
export {
  contour,
  decide,
  fillLabelHoles,
  keepLargest,
  labelMask,
  oneHotLabels,
  regionChannels,
  remap,
  removeLabels,
  removeSmall,
  selectLabels,
  sequentialLabels,
} from './labels/labels.ts';
export { PatchAggregator, patchStarts, type Merging, type PatchGridSettings } from './loading/patch-grid.ts';
export { activate, binarize, round, sobel } from './post/activations.ts';
export { meanOfPredictions, voteOfPredictions } from './post/ensembles.ts';
export { torchio2Motion } from './intensity/torchio-2-motion.ts';
export { torchio2Affine, torchio2Anisotropy, torchio2ControlGrid } from './spatial/torchio-2.ts';
export { maskBy } from './intensity/mask.ts';
export { monaiElastic } from './spatial/monai-elastic.ts';
export { monaiElastic2d } from './spatial/monai-elastic-2d.ts';
export { hoverMaps } from './labels/hover-maps.ts';
export { n4, n4Field, type N4Parameters } from './intensity/n4.ts';
export { monaiRemoveSmall } from './labels/monai-small.ts';
export { cache, type Cache, type CacheSettings, type CacheStore } from './loading/cache.ts';
export { prefetch, type PrefetchOptions } from './loading/prefetch.ts';
export { loadInWorkers, serveMaker, type LoadOptions, type MakerWorker } from './loading/workers.ts';
export {
  nnunetAugmentation,
  nnunetIntensityAugmentation,
  type AugmentationRecord,
  type Cut,
  type NnunetAugmentation,
  type NnunetAugmentationSettings,
} from './nnunet/augmentation/augmentation.ts';
export {
  nnunetBlur,
  nnunetBrightness,
  nnunetContrast,
  nnunetGamma,
  nnunetLowResolution,
  nnunetMask,
  nnunetNoise,
  nnunetOutsideToBackground,
} from './nnunet/augmentation/intensity.ts';
export { nnunetBlankBoxes, nnunetMedian, nnunetSharpen, nnunetShift } from './nnunet/augmentation/artifacts.ts';
export { nnunetBrightnessSpot, nnunetGammaSpot } from './nnunet/augmentation/local.ts';
export { equalAxes, randomQuarterTurns, randomTranspose } from './nnunet/augmentation/quarter-turns.ts';
export { mirror } from './nnunet/augmentation/mirror.ts';
export { nnunetSpatial, type NnunetSpatialSettings } from './nnunet/augmentation/spatial.ts';
export {
  applyCascade,
  previousStageChannels,
  sampleCascade,
  type CascadeRecord,
} from './nnunet/augmentation/cascade.ts';
export { ballOffsets, binaryOperator, type BinaryOperator } from './nnunet/augmentation/morphology.ts';
export { deepSupervisionScales, deepSupervisionTargets } from './nnunet/augmentation/targets.ts';
export { keyOf, sampleClassLocations, type ClassLocations } from './nnunet/class-locations.ts';
export { preprocess, type PreprocessOptions, type Preprocessed } from './nnunet/preprocess.ts';
export { newShape, resampleData, resampleLabels, separateAxis } from './nnunet/resampling.ts';
export { restoreLogits, restoreSegmentation, restoreVoxels, type Decision } from './nnunet/restore.ts';
export type {
  ForegroundIntensities,
  NormalizationScheme,
  PreprocessProperties,
  PreprocessSettings,
  ResamplingSettings,
} from './nnunet/settings.ts';
export {
  affine,
  monaiAffine,
  monaiAffineMatrix,
  rotate,
  torchioAffine,
  torchioAffineMatrix,
} from './spatial/affine.ts';
export { anisotropy } from './spatial/anisotropy.ts';
export {
  borderPad,
  centerCrop,
  cropForeground,
  pad,
  padOrCrop,
  padToMultiple,
  scaleCrop,
  spatialCrop,
  torchioCropOrPad,
} from './spatial/crop-pad.ts';
export { controlGrid, elastic, gridDistortion } from './spatial/elastic.ts';
export { flip, rotate90, transpose } from './spatial/index-moves.ts';
export {
  anyBox,
  balancedCenters,
  balancedCrop,
  balancedCrops,
  boxAround,
  classCenters,
  classIndices,
  cropDraw,
  foregroundIndices,
  randomCrop,
  weightedCenters,
  type CropDraw,
} from './spatial/random-crops.ts';
export { resize, zoom } from './spatial/resize.ts';
export { coveringShape, orientation, resample, spacing, type SpacingSettings } from './spatial/spacing.ts';
export { upload } from './contract/upload.ts';
