/** Pure, recorded, invertible changes of a case. */
export { TransformError } from './errors.ts';
export { keyOf, sampleClassLocations, type ClassLocations } from './nnunet/class-locations.ts';
export { preprocess, type PreprocessOptions, type Preprocessed } from './nnunet/preprocess.ts';
export { newShape, resampleData, resampleLabels, separateAxis } from './nnunet/resampling.ts';
export { restoreLogits, restoreSegmentation, restoreVoxels, type Decision } from './nnunet/restore.ts';
export type { ForegroundIntensities, NormalizationScheme, PreprocessProperties, PreprocessSettings, ResamplingSettings } from './nnunet/settings.ts';
export { withProbability, type Maybe } from './compose/with-probability.ts';
export type { Applied, Application, Placement, Points, Range, Sampling, Scene, Transform } from './contract/transform.ts';
export { nnunetAugmentation, nnunetIntensityAugmentation, type AugmentationRecord, type Cut, type NnunetAugmentation, type NnunetAugmentationSettings } from './nnunet/augmentation/augmentation.ts';
export { mirror } from './nnunet/augmentation/mirror.ts';
export { nnunetSpatial, type NnunetSpatialSettings } from './nnunet/augmentation/spatial.ts';
export { nnunetBlur, nnunetBrightness, nnunetContrast, nnunetGamma, nnunetLowResolution, nnunetMask, nnunetNoise, nnunetOutsideToBackground } from './nnunet/augmentation/intensity.ts';
export { deepSupervisionScales, deepSupervisionTargets } from './nnunet/augmentation/targets.ts';
