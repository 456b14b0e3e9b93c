/** A case in, a segmentation out: model folders, sliding windows, restoration. */
export { ModelError, PredictionError } from './errors.ts';
export { patchOf, type Fold, type Model } from './model/model.ts';
export { pretrainedWeights, type BuildNetwork } from './model/checkpoint-weights.ts';
export { loadModel, type LoadModelOptions } from './model/load-model.ts';
export {
  encodeNnunetCheckpoint,
  type NnunetCheckpoint,
  type NnunetLog,
  type NnunetTrainingState,
} from './model/nnunet-checkpoint.ts';
export {
  plannedPrediction,
  plannedPreparation,
  type PlannedCase,
  type PlannedPrediction,
  type PredictionMemory,
} from './memory/prediction-memory.ts';
export { memoryFolder, type ModelFolder } from './model/model-folder.ts';
export { preprocessSettings } from './model/preprocess-settings.ts';
export { openPredictor, predict, type Predictor, type PredictorOptions, type PreparedImage } from './predict.ts';
export type { PredictOptions, Prediction } from './predict-options.ts';
export { oneHotLabels } from './segmentation/one-hot.ts';
export { probabilitiesOf } from './segmentation/probabilities.ts';
export type { ChannelStore, OpenStore } from './segmentation/stored-logits.ts';
export { gaussianWeights } from './window/gaussian.ts';
export { padding, windowStarts } from './window/placement.ts';
export {
  placements,
  slidingSlabs,
  slidingWindow,
  subsets,
  type Slab,
  type WindowSettings,
} from './window/sliding-window.ts';
export { cutWindow, type HostImage, type Placement } from './window/voxel-box.ts';
