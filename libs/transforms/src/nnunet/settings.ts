/** What nnU-Net's preprocessing needs to know: the part of a configuration of its plans that concerns this library. */
import type { PerAxis } from '@voxelwise/volume';
import type { TorchLabelRule } from './torch-labels.ts';

/** As named in the plans. */
export type NormalizationScheme =
  'ZScoreNormalization' | 'CTNormalization' | 'RescaleTo01Normalization' | 'RGBTo01Normalization' | 'NoNormalization';

/** Foreground intensities of one channel over the whole data set. */
export interface ForegroundIntensities {
  readonly mean: number;
  readonly std: number;
  readonly percentile_00_5: number;
  readonly percentile_99_5: number;
}

export interface ResamplingSettings {
  readonly order: 0 | 1 | 3;
  /** null: decided by the spacing (one axis more than three times as coarse as the finest). */
  readonly forceSeparateZ: boolean | null;
  /** Labels resized as PyTorch interpolates, on the host; absent: as scikit-image does, on the device. */
  readonly torchLabels?: TorchLabelRule;
}

export interface PreprocessSettings {
  /** Array axis of the file for each axis of the preprocessed image. */
  readonly transposeForward: PerAxis;
  /** Millimetres, transposed order. Two numbers (2D): the first axis keeps the case's own spacing. */
  readonly spacing: readonly number[];
  /** One per channel. */
  readonly normalizationSchemes: readonly NormalizationScheme[];
  /** One per channel: z-score over the non-zero region only. */
  readonly useMaskForNormalization: readonly boolean[];
  /** One per channel; needed by CTNormalization. */
  readonly foregroundIntensities?: readonly ForegroundIntensities[];
  /** Default: data order 3, probabilities order 1, separation decided by the spacing. */
  readonly resampling?: {
    readonly data?: ResamplingSettings;
    readonly labels?: ResamplingSettings;
    readonly probabilities?: ResamplingSettings;
  };
  /** Foreground labels or regions whose voxels are sampled; absent: no class locations. */
  readonly foreground?: readonly (number | readonly number[])[];
  /** With an ignore label: all other labels, background included; their voxels are sampled under the key `(-1, …)`. */
  readonly annotated?: readonly number[];
}

/** What is remembered of a case for the way back; plain JSON but for the class locations. Spatial values in transposed order. */
export interface PreprocessProperties {
  /** Millimetres in the file's array order. */
  readonly spacing: PerAxis;
  readonly transposeForward: PerAxis;
  readonly shapeBeforeCropping: PerAxis;
  /** Half-open. */
  readonly box: { readonly start: PerAxis; readonly end: PerAxis };
  readonly shapeAfterCropping: PerAxis;
  /** Of the preprocessed image. */
  readonly shape: PerAxis;
  /** Millimetres that the resampling aimed at. */
  readonly targetSpacing: PerAxis;
}
