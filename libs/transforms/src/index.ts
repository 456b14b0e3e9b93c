/** Pure, recorded, invertible changes of a case. */
export { TransformError } from './errors.ts';
export { keyOf, sampleClassLocations, type ClassLocations } from './nnunet/class-locations.ts';
export { preprocess, type PreprocessOptions, type Preprocessed } from './nnunet/preprocess.ts';
export { newShape, resampleData, resampleLabels, separateAxis } from './nnunet/resampling.ts';
export { restoreLogits, restoreSegmentation, restoreVoxels, type Decision } from './nnunet/restore.ts';
export type { ForegroundIntensities, NormalizationScheme, PreprocessProperties, PreprocessSettings, ResamplingSettings } from './nnunet/settings.ts';
