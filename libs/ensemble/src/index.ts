/** Choose among models and merge them. */
export { type Best, type Candidate, chooseBest, type CrossValidation, findBest } from './choice/find-best.ts';
export {
  inferenceInformation,
  type InferenceInformation,
  type InferenceInformationOptions,
  inferenceInstructions,
  type InstructionsOptions,
  readInferenceInformation,
  writeInferenceInformation,
} from './choice/inference-information.ts';
export { ensembleName, type FoldName, type ModelIdentity, modelName, parseModelName } from './choice/model-names.ts';
export { EnsembleError } from './errors.ts';
export type { LabelMap } from './label-map.ts';
export { meanChannels, meanProbabilities, RunningSegmentation, segmentProbabilities, vote } from './merge/merge.ts';
export {
  determinePostprocessing,
  type JudgedCase,
  type Postprocessing,
} from './postprocessing/determine-postprocessing.ts';
export { applyPostprocessing, type KeepLargest } from './postprocessing/keep-largest.ts';
export { readPostprocessing, writePostprocessing } from './postprocessing/postprocessing-file.ts';
