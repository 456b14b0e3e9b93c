/**
 * The plans file, key for key as nnU-Net v2 writes it (`nnUNetPlans.json`): our on-disk plan.
 *
 * Spatial values are in transposed array order, slowest axis first; 2D configurations have two numbers.
 */
import type { IntensityProperties } from '../fingerprint/fingerprint.ts';

export interface ArchitectureArguments {
  readonly n_stages: number;
  readonly features_per_stage: readonly number[];
  readonly conv_op: string;
  readonly kernel_sizes: readonly (readonly number[])[];
  readonly strides: readonly (readonly number[])[];
  /** PlainConvUNet: convolutions per encoder stage. */
  readonly n_conv_per_stage?: readonly number[] | number;
  /** ResidualEncoderUNet: residual blocks per encoder stage. */
  readonly n_blocks_per_stage?: readonly number[] | number;
  readonly n_conv_per_stage_decoder: readonly number[] | number;
  readonly conv_bias: boolean;
  readonly norm_op: string | null;
  readonly norm_op_kwargs: Readonly<Record<string, unknown>> | null;
  readonly dropout_op: string | null;
  readonly dropout_op_kwargs: Readonly<Record<string, unknown>> | null;
  readonly nonlin: string | null;
  readonly nonlin_kwargs: Readonly<Record<string, unknown>> | null;
  readonly [more: string]: unknown;
}

export interface ArchitectureEntry {
  readonly network_class_name: string;
  readonly arch_kwargs: ArchitectureArguments;
  readonly _kw_requires_import: readonly string[];
}

export interface ResamplingArguments {
  readonly is_seg: boolean;
  readonly order?: number;
  readonly order_z?: number;
  readonly force_separate_z?: boolean | null;
  readonly [more: string]: unknown;
}

/** One entry of `configurations`, as it stands in the file: anything may be inherited. */
export interface ConfigurationEntry {
  readonly inherits_from?: string;
  readonly data_identifier?: string;
  readonly preprocessor_name?: string;
  readonly batch_size?: number;
  readonly patch_size?: readonly number[];
  readonly median_image_size_in_voxels?: readonly number[];
  readonly spacing?: readonly number[];
  readonly normalization_schemes?: readonly string[];
  readonly use_mask_for_norm?: readonly boolean[];
  readonly resampling_fn_data?: string;
  readonly resampling_fn_seg?: string;
  readonly resampling_fn_data_kwargs?: ResamplingArguments;
  readonly resampling_fn_seg_kwargs?: ResamplingArguments;
  readonly resampling_fn_probabilities?: string;
  readonly resampling_fn_probabilities_kwargs?: ResamplingArguments;
  readonly architecture?: ArchitectureEntry;
  readonly batch_dice?: boolean;
  readonly next_stage?: string | readonly string[];
  readonly previous_stage?: string;
  /** This project's own settings for the configuration (learning rate, steps, mirroring …); nnU-Net ignores them. */
  readonly voxelwise?: Readonly<Record<string, unknown>>;
  readonly [more: string]: unknown;
}

export interface PlansFile {
  readonly dataset_name: string;
  readonly plans_name: string;
  readonly original_median_spacing_after_transp: readonly number[];
  readonly original_median_shape_after_transp: readonly number[];
  readonly image_reader_writer: string;
  readonly transpose_forward: readonly number[];
  readonly transpose_backward: readonly number[];
  readonly configurations: Readonly<Record<string, ConfigurationEntry>>;
  readonly experiment_planner_used: string;
  readonly label_manager?: string;
  readonly foreground_intensity_properties_per_channel: Readonly<Record<string, IntensityProperties>>;
  readonly [more: string]: unknown;
}
