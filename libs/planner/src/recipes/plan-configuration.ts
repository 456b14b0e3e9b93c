/**
 * One configuration: patch, network and batch for a spacing and a memory target.
 *
 * Source: nnU-Net v2 (Isensee 2021), `get_plans_for_configuration`.
 */
import { roundHalfEven } from '../fingerprint/statistics.ts';
import type { ArchitectureEntry, ConfigurationEntry } from '../plans/plans-file.ts';
import type { Explain } from './explanation.ts';
import { featureMapValues } from './feature-maps.ts';
import type { PlannerSettings } from './planner-settings.ts';
import { type Topology, topologyFor } from './topology.ts';

const FIRST_FEATURES = 32;
const MOST_FEATURES = { 2: 512, 3: 320 } as const;
const REFERENCE_BATCH = { 2: 12, 3: 2 } as const;
const SMALLEST_BATCH = 2;
/** The first patch is cut from a cube of this edge (3D) or a square (2D), in voxels of the mean spacing. */
const FIRST_EDGE = { 2: 2048, 3: 256 } as const;

/** What does not change from one configuration to the next. */
export interface Surroundings {
  readonly settings: PlannerSettings;
  readonly gpuMemoryTargetGb: number;
  /** Entries in dataset.json's `labels`: what the reference takes for the number of outputs. */
  readonly labelEntries: number;
  readonly normalizationSchemes: readonly string[];
  readonly useMaskForNorm: readonly boolean[];
  readonly channelNames: readonly string[];
  readonly medianRelativeSize: number;
  readonly preprocessorName: string;
}

export interface ConfigurationInput {
  /** Millimetres, transposed; two or three numbers. */
  readonly spacing: readonly number[];
  /** Median image size at that spacing, in voxels; may have halves. */
  readonly medianShape: readonly number[];
  readonly dataIdentifier: string;
  /** Voxels of the whole data set at that spacing. */
  readonly datasetVoxels: number;
}

/** All of the entry but `batch_dice` and the stages, which depend on the other configurations. */
export function planConfiguration(
  input: ConfigurationInput,
  around: Surroundings,
  explain: Explain = () => {},
): ConfigurationEntry {
  const { spacing, medianShape } = input;
  const { settings } = around;
  const dimensions = spacing.length as 2 | 3;
  const first = firstPatch(spacing, medianShape);
  const reference = settings.referenceEstimate[dimensions] * (around.gpuMemoryTargetGb / settings.referenceGb);
  const fitted = fitPatch(input, around, first, reference);
  const { topology, estimate } = fitted;

  const referenceBatch = REFERENCE_BATCH[dimensions];
  const byMemory = roundHalfEven((reference / estimate) * referenceBatch);
  const byDataset = roundHalfEven((input.datasetVoxels * settings.datasetShare) / product(topology.patch));
  const batch = Math.max(Math.min(byMemory, byDataset), SMALLEST_BATCH);

  const memory = { gpu_memory_target_gb: around.gpuMemoryTargetGb, feature_map_limit: reference };
  explain('median_image_size_in_voxels', 'median over cases of the size at this spacing', { spacing });
  explain(
    'patch_size',
    'isotropic box in mm, limited to the median size, padded to the divisor; the axis largest relative to the median shrinks until the feature maps fit',
    {
      first_patch: first,
      median_shape: medianShape,
      divisible_by: topology.divisibleBy,
      shrunk: fitted.steps,
      feature_maps: estimate,
      ...memory,
    },
  );
  explain('batch_size', 'what fits in memory, at most the allowed share of the data set, at least 2', {
    fits_in_memory: byMemory,
    dataset_limit: byDataset,
    dataset_share: settings.datasetShare,
    dataset_voxels: input.datasetVoxels,
    feature_maps: estimate,
    ...memory,
  });
  explain('normalization_schemes', 'by channel name; z-score for a name without a scheme of its own', {
    channel_names: around.channelNames,
  });
  explain('use_mask_for_norm', 'z-score inside the non-zero mask if cropping leaves less than 0.75 of the voxels', {
    median_relative_size_after_cropping: around.medianRelativeSize,
  });
  const from = { spacing, patch_size: topology.patch };
  explain(
    'architecture.arch_kwargs.strides',
    'halve every axis of 8 or more voxels whose spacing is below twice the finest such axis',
    from,
  );
  explain(
    'architecture.arch_kwargs.kernel_sizes',
    'kernel 3 along an axis once its spacing is below twice the finest, 1 before; the last stage always 3',
    from,
  );
  explain(
    'architecture.arch_kwargs.features_per_stage',
    `${FIRST_FEATURES} features, doubled per stage up to ${MOST_FEATURES[dimensions]}`,
    { stages: topology.strides.length },
  );

  return {
    data_identifier: input.dataIdentifier,
    preprocessor_name: around.preprocessorName,
    batch_size: batch,
    patch_size: topology.patch,
    median_image_size_in_voxels: medianShape,
    spacing,
    normalization_schemes: around.normalizationSchemes,
    use_mask_for_norm: around.useMaskForNorm,
    ...resampling(settings.resampling),
    architecture: architecture(topology, settings, dimensions),
  };
}

function firstPatch(spacing: readonly number[], medianShape: readonly number[]): number[] {
  const dimensions = spacing.length as 2 | 3;
  const perMm = spacing.map((s) => 1 / s);
  const scale = (FIRST_EDGE[dimensions] ** dimensions / product(perMm)) ** (1 / dimensions);
  return perMm.map((r, axis) => Math.min(roundHalfEven(r * scale), medianShape[axis]!));
}

interface Fitted {
  readonly topology: Topology;
  readonly estimate: number;
  /** The patches tried before this one. */
  readonly steps: readonly (readonly number[])[];
}

/** Shrinks the patch, one divisor at a time, until the estimate is within the reference. */
function fitPatch(
  input: ConfigurationInput,
  around: Surroundings,
  first: readonly number[],
  reference: number,
): Fitted {
  const { spacing } = input;
  const { settings, labelEntries } = around;
  const dimensions = spacing.length as 2 | 3;
  const estimateOf = (topology: Topology): number =>
    featureMapValues(
      {
        kind: settings.kind,
        strides: topology.strides,
        features: features(topology, dimensions),
        encoder: topology.strides.map((_, stage) => settings.encoder(stage)),
        decoder: topology.strides.slice(1).map(() => settings.decoder),
        outputChannels: labelEntries,
      },
      topology.patch,
    );
  const share = settings.shrinksPerBatchOfTwo ? 2 / REFERENCE_BATCH[dimensions] : 1;
  const steps: (readonly number[])[] = [];
  let topology = topologyFor(spacing, first);
  let estimate = estimateOf(topology);
  while (estimate * share > reference) {
    steps.push(topology.patch);
    const smaller = shrink(topology, input, steps);
    if (smaller === undefined) break;
    topology = smaller;
    estimate = estimateOf(topology);
  }
  return { topology, estimate, steps };
}

/** The next patch that was not tried before, or undefined when no axis can give any more. */
function shrink(
  topology: Topology,
  input: ConfigurationInput,
  tried: readonly (readonly number[])[],
): Topology | undefined {
  const { patch, divisibleBy } = topology;
  const { spacing, medianShape } = input;
  // The axis largest relative to the image; of equals the last one.
  const axes = [...patch.keys()].sort((a, b) => patch[a]! / medianShape[a]! - patch[b]! / medianShape[b]!).reverse();
  for (const axis of axes) {
    const once = patch.map((n, i) => (i === axis ? n - divisibleBy[i]! : n));
    // The reference would take an axis to nothing here; we go on with the next axis instead.
    if (once[axis]! < 1) continue;
    const step = topologyFor(spacing, once).divisibleBy[axis]!;
    const smaller = topologyFor(
      spacing,
      patch.map((n, i) => (i === axis ? n - step : n)),
    );
    if (!tried.some((before) => before.every((n, i) => n === smaller.patch[i]))) return smaller;
  }
  return undefined;
}

function features(topology: Topology, dimensions: 2 | 3): number[] {
  return topology.strides.map((_, stage) => Math.min(MOST_FEATURES[dimensions], FIRST_FEATURES * 2 ** stage));
}

function architecture(topology: Topology, settings: PlannerSettings, dimensions: 2 | 3): ArchitectureEntry {
  const encoder = topology.strides.map((_, stage) => settings.encoder(stage));
  return {
    network_class_name: `dynamic_network_architectures.architectures.unet.${settings.kind}`,
    arch_kwargs: {
      n_stages: topology.strides.length,
      features_per_stage: features(topology, dimensions),
      conv_op: `torch.nn.modules.conv.Conv${dimensions}d`,
      kernel_sizes: topology.kernels,
      strides: topology.strides,
      ...(settings.kind === 'PlainConvUNet' ? { n_conv_per_stage: encoder } : { n_blocks_per_stage: encoder }),
      n_conv_per_stage_decoder: topology.strides.slice(1).map(() => settings.decoder),
      conv_bias: true,
      norm_op: `torch.nn.modules.instancenorm.InstanceNorm${dimensions}d`,
      norm_op_kwargs: { eps: 1e-5, affine: true },
      dropout_op: null,
      dropout_op_kwargs: null,
      nonlin: 'torch.nn.LeakyReLU',
      nonlin_kwargs: { inplace: true },
    },
    _kw_requires_import: ['conv_op', 'norm_op', 'dropout_op', 'nonlin'],
  };
}

/** Functions and their arguments as the reference names them. */
function resampling(
  how: PlannerSettings['resampling'] = 'spline',
): Pick<
  ConfigurationEntry,
  | 'resampling_fn_data'
  | 'resampling_fn_seg'
  | 'resampling_fn_data_kwargs'
  | 'resampling_fn_seg_kwargs'
  | 'resampling_fn_probabilities'
  | 'resampling_fn_probabilities_kwargs'
> {
  const name = how === 'spline' ? 'resample_data_or_seg_to_shape' : 'resample_torch_fornnunet';
  const kwargs = (isSeg: boolean, order: number): NonNullable<ConfigurationEntry['resampling_fn_data_kwargs']> =>
    how === 'spline'
      ? { is_seg: isSeg, order, order_z: 0, force_separate_z: null }
      : {
          is_seg: isSeg,
          force_separate_z: how === 'torch' ? false : null,
          memefficient_seg_resampling: false,
          ...(how === 'torch' ? {} : { separate_z_anisotropy_threshold: 3 }),
        };
  return {
    resampling_fn_data: name,
    resampling_fn_seg: name,
    resampling_fn_data_kwargs: kwargs(false, 3),
    resampling_fn_seg_kwargs: kwargs(true, 1),
    resampling_fn_probabilities: name,
    resampling_fn_probabilities_kwargs: kwargs(false, 1),
  };
}

function product(values: readonly number[]): number {
  return values.reduce((a, b) => a * b, 1);
}
