/** A case in, a segmentation out: model folders, sliding windows, restoration. */
export type { Fold, Model, ModelFolder } from './model/model.ts';
export type { PredictOptions, Prediction } from './predict-options.ts';
