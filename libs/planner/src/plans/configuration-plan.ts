/**
 * One configuration, ready to be carried out: plans file and data set description, resolved and checked.
 *
 * Plain JSON. Spatial values are in transposed order, as in the plans file.
 */
import { networkConfig, type NetworkConfig } from '@voxelwise/nets';
import { channelNames, checkDatasetJson, type DatasetJson } from '../dataset/dataset-json.ts';
import { PlanError } from '../errors.ts';
import type { IntensityProperties } from '../fingerprint/fingerprint.ts';
import { type LabelScheme, labelScheme } from '../labels/label-scheme.ts';
import { isFolderName } from './folder-name.ts';
import { resolveConfiguration } from './inheritance.ts';
import type { ConfigurationEntry, PlansFile, ResamplingArguments } from './plans-file.ts';

export const normalizations = [
  'CTNormalization',
  'NoNormalization',
  'ZScoreNormalization',
  'RescaleTo01Normalization',
  'RGBTo01Normalization',
] as const;
export type Normalization = (typeof normalizations)[number];

export interface ChannelPlan {
  readonly name: string;
  readonly normalization: Normalization;
  /** Statistics come from the non-zero mask only, and only its voxels change. */
  readonly useMask: boolean;
  /** Of the data set's foreground; CT normalization needs them. */
  readonly intensities?: IntensityProperties;
}

export interface ResamplingPlan {
  /** `spline`: scikit-image's semantics, the default; `torch`: linear interpolation as PyTorch does it. */
  readonly method: 'spline' | 'torch';
  readonly order: number;
  /** Order along the coarse axis when it is resampled apart. */
  readonly orderZ: number;
  /** null: decided by the spacings. */
  readonly forceSeparateZ: boolean | null;
  /** `torch`: how indicators of labels decide. */
  readonly labelRule: 'most' | 'above half';
}

export interface ConfigurationPlan {
  /** "3d_fullres" */
  readonly name: string;
  readonly datasetName: string;
  readonly plansName: string;
  readonly dataIdentifier: string;
  readonly dimensions: 2 | 3;
  readonly transposeForward: readonly number[];
  readonly transposeBackward: readonly number[];
  /** mm; two numbers in 2D, where the slices keep their own distance. */
  readonly spacing: readonly number[];
  readonly patchSize: readonly number[];
  readonly medianShape: readonly number[];
  readonly batchSize: number;
  readonly batchDice: boolean;
  readonly channels: readonly ChannelPlan[];
  readonly labels: LabelScheme;
  readonly resampling: {
    readonly data: ResamplingPlan;
    readonly labels: ResamplingPlan;
    readonly probabilities: ResamplingPlan;
  };
  /** Input channels count the one-hot labels of a previous stage. */
  readonly network: NetworkConfig;
  readonly previousStage?: string;
  readonly nextStages: readonly string[];
  readonly imageReaderWriter: string;
  readonly fileEnding: string;
  /** This project's own settings, as the file holds them. */
  readonly voxelwise: Readonly<Record<string, unknown>>;
}

/** Throws: PlanError, LabelsError, NetworkError, naming configuration and field. */
export function configurationPlan(plans: PlansFile, dataset: DatasetJson, name: string): ConfigurationPlan {
  checkDatasetJson(dataset);
  const entry = resolveConfiguration(plans.configurations, name);
  const check = checker(entry, name);
  const dimensions = check.patch();
  const labels = labelScheme(dataset.labels, dataset.regions_class_order);
  const channels = channelPlans(plans, dataset, check);
  const previous = entry.previous_stage;
  if (typeof entry.architecture !== 'object' || entry.architecture === null) check.fail('architecture', 'the network');
  const network = networkConfig(entry.architecture!, {
    inputChannels: channels.length + (previous === undefined ? 0 : labels.foregroundLabels.length),
    outputChannels: labels.outputChannels,
  });
  check.names(plans);
  check.divisible(network.strides);
  return {
    name,
    datasetName: plans.dataset_name,
    plansName: plans.plans_name,
    dataIdentifier: entry.data_identifier ?? `${plans.plans_name}_${name}`,
    dimensions,
    transposeForward: plans.transpose_forward,
    transposeBackward: plans.transpose_backward,
    spacing: check.numbers('spacing', dimensions, (n) => n > 0),
    patchSize: entry.patch_size!,
    medianShape: check.numbers('median_image_size_in_voxels', dimensions, (n) => n > 0),
    batchSize: check.batch(),
    batchDice: check.flag('batch_dice'),
    channels,
    labels,
    resampling: {
      data: resamplingPlan(entry.resampling_fn_data, entry.resampling_fn_data_kwargs, 3, check),
      labels: resamplingPlan(entry.resampling_fn_seg, entry.resampling_fn_seg_kwargs, 1, check),
      probabilities: resamplingPlan(
        entry.resampling_fn_probabilities,
        entry.resampling_fn_probabilities_kwargs,
        1,
        check,
      ),
    },
    network,
    ...(previous === undefined ? {} : { previousStage: previous }),
    nextStages: [entry.next_stage ?? []].flat(),
    imageReaderWriter: plans.image_reader_writer,
    fileEnding: dataset.file_ending,
    voxelwise: check.settings(),
  };
}

/** Names of the configurations in a plans file, those that only exist to be inherited from included. */
export function configurationNames(plans: PlansFile): readonly string[] {
  return Object.keys(plans.configurations);
}

function channelPlans(plans: PlansFile, dataset: DatasetJson, check: Checker): ChannelPlan[] {
  const names = channelNames(dataset);
  const { normalization_schemes: schemes, use_mask_for_norm: masks } = check.entry;
  if (schemes?.length !== names.length)
    check.fail('normalization_schemes', `one for each of the ${names.length} channels of dataset.json`);
  if (masks?.length !== names.length)
    check.fail('use_mask_for_norm', `one for each of the ${names.length} channels of dataset.json`);
  return names.map((name, channel) => {
    const normalization = normalizations.find((known) => known === schemes![channel]);
    if (normalization === undefined) check.fail('normalization_schemes', `from ${normalizations.join(', ')}`);
    const intensities = plans.foreground_intensity_properties_per_channel[String(channel)];
    if (normalization === 'CTNormalization' && intensities === undefined)
      throw new PlanError(
        `plans: channel ${channel} (${name}) is normalized as CT, but "foreground_intensity_properties_per_channel" has no "${channel}".`,
        { channel },
      );
    return {
      name,
      normalization: normalization!,
      useMask: masks![channel]!,
      ...(intensities === undefined ? {} : { intensities }),
    };
  });
}

const RESAMPLING = {
  resample_data_or_seg_to_shape: 'spline',
  resample_torch_fornnunet: 'torch',
} as const;

function resamplingPlan(
  name: string | undefined,
  given: ResamplingArguments | undefined,
  order: number,
  check: Checker,
): ResamplingPlan {
  const known = name ?? 'resample_data_or_seg_to_shape';
  if (!Object.hasOwn(RESAMPLING, known))
    throw new PlanError(
      `plans: configuration ${check.name}: no resampling is called "${known}". Known: ${Object.keys(RESAMPLING).join(', ')}.`,
      {
        configuration: check.name,
        resampling: known,
      },
    );
  for (const [field, value] of Object.entries({
    mode: 'linear',
    aniso_axis_mode: 'nearest-exact',
    separate_z_anisotropy_threshold: 3,
  }))
    if (given?.[field] !== undefined && given[field] !== value)
      throw new PlanError(
        `plans: configuration ${check.name}: ${known} with ${field} ${JSON.stringify(given[field])}; here it is ${JSON.stringify(value)}.`,
        { configuration: check.name, field },
      );
  return {
    method: RESAMPLING[known as keyof typeof RESAMPLING],
    order: given?.order ?? order,
    orderZ: given?.order_z ?? 0,
    forceSeparateZ: given?.force_separate_z ?? null,
    labelRule: given?.['memefficient_seg_resampling'] === true ? 'above half' : 'most',
  };
}

type Checker = ReturnType<typeof checker>;

function checker(entry: ConfigurationEntry, name: string) {
  const fail = (field: string, expected: string): never => {
    const came = (JSON.stringify(entry[field]) ?? 'nothing').slice(0, 80);
    throw new PlanError(`plans: configuration ${name}: "${field}" must be ${expected}, came ${came}.`, {
      configuration: name,
      field,
    });
  };
  const numbers = (field: string, length: number, accepts: (n: number) => boolean): readonly number[] => {
    const value = entry[field];
    const fits =
      Array.isArray(value) && value.length === length && value.every((n) => Number.isFinite(n) && accepts(n as number));
    if (!fits) fail(field, `${length} positive numbers`);
    return value as readonly number[];
  };
  return {
    entry,
    name,
    fail,
    numbers,
    patch(): 2 | 3 {
      const length = entry.patch_size?.length;
      if (length !== 2 && length !== 3) fail('patch_size', 'two or three positive whole numbers');
      numbers('patch_size', length!, (n) => Number.isInteger(n) && n > 0);
      return length as 2 | 3;
    },
    flag(field: string): boolean {
      const value = entry[field] ?? false;
      if (typeof value !== 'boolean') fail(field, 'true or false');
      return value as boolean;
    },
    settings(): Readonly<Record<string, unknown>> {
      const { voxelwise = {} } = entry;
      if (typeof voxelwise !== 'object' || voxelwise === null) fail('voxelwise', 'an object of settings');
      return voxelwise;
    },
    /** What becomes part of a path, or names code that is not here. */
    names(plans: PlansFile): void {
      const { data_identifier: folder = 'default', preprocessor_name: preprocessor = 'DefaultPreprocessor' } = entry;
      if (!isFolderName(folder)) fail('data_identifier', 'the plain name of a folder');
      if (preprocessor !== 'DefaultPreprocessor')
        fail('preprocessor_name', 'DefaultPreprocessor, the only one there is here');
      const { previous_stage: previous } = entry;
      if (previous !== undefined && !Object.hasOwn(plans.configurations, previous))
        fail('previous_stage', `one of ${Object.keys(plans.configurations).join(', ')}`);
    },
    divisible(strides: readonly (readonly number[])[]): void {
      const by = entry.patch_size!.map((_, axis) => strides.reduce((product, stride) => product * stride[axis]!, 1));
      if (entry.patch_size!.some((n, axis) => n % by[axis]! !== 0))
        fail('patch_size', `multiples of ${by.join(', ')}, what the strides divide it by`);
    },
    batch(): number {
      if (!Number.isInteger(entry.batch_size) || entry.batch_size! < 1) fail('batch_size', 'a whole number from 1 up');
      return entry.batch_size!;
    },
  };
}
