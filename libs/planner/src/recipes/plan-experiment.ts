/**
 * Fingerprint and data set description in, plans out: 2d, 3d_fullres, and a low-resolution cascade when the patch sees
 * too little of the image.
 *
 * Source: nnU-Net v2 (Isensee 2021), `ExperimentPlanner.plan_experiment` and the ResEnc planners.
 */
import { channelNames, checkDatasetJson, type DatasetJson } from '../dataset/dataset-json.ts';
import { PlanError } from '../errors.ts';
import { checkFingerprint, type Fingerprint } from '../fingerprint/fingerprint.ts';
import { median, percentile, roundHalfEven } from '../fingerprint/statistics.ts';
import type { ConfigurationEntry, PlansFile } from '../plans/plans-file.ts';
import { type Explain, type Explanation, explanations } from './explanation.ts';
import { imageReaderWriter } from './image-reader.ts';
import { normalizationScheme, usesMask } from './normalization.ts';
import { planConfiguration, type Surroundings } from './plan-configuration.ts';
import { type PlannerSettings, plannerNamed } from './planner-settings.ts';

/** An axis is coarse when its spacing is above this many times the next, and its size below the others' by as much. */
const ANISOTROPY = 3;
const ANISOTROPIC_PERCENTILE = 10;
/** A cascade is planned when the patch covers less than this share of the median image. */
const LOW_RESOLUTION_BELOW = 0.25;
const SPACING_STEP = 1.03;
/** The low resolution is dropped unless it has this many times fewer voxels. */
const LOW_RESOLUTION_GAIN = 2;

export interface PlanExperimentOptions {
  readonly datasetName: string;
  /** Default `ExperimentPlanner`. */
  readonly planner?: string;
  /** GB of GPU memory to plan for. Default: the planner's own. */
  readonly gpuMemoryTargetGb?: number;
  /** Name of the plans, and first part of the preprocessed folders. Default: the planner's own. */
  readonly plansName?: string;
  /** Millimetres in the file's array order (not transposed); replaces the rule. */
  readonly overwriteTargetSpacing?: readonly number[];
  readonly suppressTranspose?: boolean;
  readonly preprocessorName?: string;
  /** Class name of the reader; default: from the data set description and its file ending. */
  readonly imageReaderWriter?: string;
  /** Plans of the same name written before: configurations a user added to them are kept. */
  readonly existing?: PlansFile;
}

export interface PlannedExperiment {
  readonly plans: PlansFile;
  /** One record for each value the planner decided. */
  readonly explanations: readonly Explanation[];
}

/** Throws: PlanError, FingerprintError. */
export function planExperiment(
  fingerprint: Fingerprint,
  dataset: DatasetJson,
  options: PlanExperimentOptions,
): PlannedExperiment {
  checkFingerprint(fingerprint);
  checkDatasetJson(dataset);
  const settings = plannerNamed(options.planner ?? 'ExperimentPlanner');
  const plansName = options.plansName ?? settings.plansName;
  const { list, explain } = explanations();

  const grid = targetGrid(fingerprint, options, explain);
  const around = surroundings(fingerprint, dataset, settings, options, explain);
  const planned = planConfigurations(grid, { around, plansName, numTraining: dataset.numTraining, explain });
  const reader = options.imageReaderWriter ?? imageReaderWriter(dataset, grid.medianShape);
  explain('image_reader_writer', reader, 'given, or else the first reader that knows the file ending', {
    file_ending: dataset.file_ending,
    overwrite: dataset.overwrite_image_reader_writer ?? null,
  });
  const plans: PlansFile = {
    dataset_name: options.datasetName,
    plans_name: plansName,
    original_median_spacing_after_transp: transpose(axisMedians(fingerprint.spacings), grid.forward),
    original_median_shape_after_transp: transpose(axisMedians(fingerprint.shapes_after_crop), grid.forward).map(
      roundHalfEven,
    ),
    image_reader_writer: reader,
    transpose_forward: grid.forward,
    transpose_backward: grid.forward.map((_, axis) => grid.forward.indexOf(axis)),
    configurations: { ...planned, ...addedConfigurations(options.existing, planned) },
    experiment_planner_used: settings.name,
    label_manager: 'LabelManager',
    foreground_intensity_properties_per_channel: fingerprint.foreground_intensity_properties_per_channel,
  };
  return { plans, explanations: list() };
}

/** Resolution and size of the data set in transposed order. */
interface TargetGrid {
  readonly spacing: readonly number[];
  readonly medianShape: readonly number[];
  readonly forward: readonly number[];
}

function targetGrid(fingerprint: Fingerprint, options: PlanExperimentOptions, explain: Explain): TargetGrid {
  const { shapes_after_crop: shapes, spacings } = fingerprint;
  const target = targetSpacing(fingerprint, options.overwriteTargetSpacing, explain);
  const coarsest = argMax(target);
  const forward = options.suppressTranspose ? [0, 1, 2] : [coarsest, ...[0, 1, 2].filter((axis) => axis !== coarsest)];
  explain(
    'transpose_forward',
    forward,
    options.suppressTranspose ? 'transposing was suppressed' : 'the axis of the coarsest target spacing comes first',
    {
      target_spacing: target,
    },
  );
  const resampled = spacings.map((spacing, i) =>
    target.map((t, axis) => roundHalfEven((spacing[axis]! / t) * shapes[i]![axis]!)),
  );
  return {
    spacing: transpose(target, forward),
    medianShape: transpose(axisMedians(resampled).map(atLeastOneVoxel), forward),
    forward,
  };
}

function targetSpacing(fingerprint: Fingerprint, overwrite: readonly number[] | undefined, explain: Explain): number[] {
  const { shapes_after_crop: shapes, spacings } = fingerprint;
  const path = 'configurations.3d_fullres.spacing';
  if (overwrite !== undefined) {
    if (overwrite.length !== 3 || !overwrite.every((s) => Number.isFinite(s) && s > 0))
      throw new PlanError(
        `plan: overwriteTargetSpacing must be three positive numbers in mm, came [${overwrite.join(', ')}].`,
        { overwrite },
      );
    explain(path, overwrite, 'given by the user (before transposing)');
    return [...overwrite];
  }
  const target = axisPercentiles(spacings, 50);
  const size = axisPercentiles(shapes, 50);
  const coarse = argMax(target);
  const others = [0, 1, 2].filter((axis) => axis !== coarse);
  const coarsestOther = Math.max(...others.map((axis) => target[axis]!));
  const anisotropic =
    target[coarse]! > ANISOTROPY * coarsestOther &&
    size[coarse]! * ANISOTROPY < Math.min(...others.map((axis) => size[axis]!));
  if (anisotropic) {
    const low = percentile(
      spacings.map((spacing) => spacing[coarse]!),
      ANISOTROPIC_PERCENTILE,
    );
    target[coarse] = low < coarsestOther ? Math.max(coarsestOther, low) + 1e-5 : low;
  }
  const rule = anisotropic
    ? `median over cases, but the coarse axis takes the ${ANISOTROPIC_PERCENTILE}th percentile (not finer than the other axes)`
    : 'median over cases (before transposing)';
  explain(path, [...target], rule, {
    median_spacing: axisPercentiles(spacings, 50),
    median_shape: size,
    anisotropy_threshold: ANISOTROPY,
  });
  return target;
}

function surroundings(
  fingerprint: Fingerprint,
  dataset: DatasetJson,
  settings: PlannerSettings,
  options: PlanExperimentOptions,
  explain: Explain,
): Surroundings {
  const gpuMemoryTargetGb = options.gpuMemoryTargetGb ?? settings.referenceGb;
  if (!(gpuMemoryTargetGb > 0 && Number.isFinite(gpuMemoryTargetGb)))
    throw new PlanError(`plan: the memory target must be a positive number of GB, came ${gpuMemoryTargetGb}.`, {
      gpuMemoryTargetGb,
    });
  const names = channelNames(dataset);
  const schemes = names.map(normalizationScheme);
  const relativeSize = fingerprint.median_relative_size_after_cropping;
  const masks = schemes.map((scheme) => usesMask(scheme, relativeSize));
  explain('normalization_schemes', schemes, 'by channel name; z-score for a name without a scheme of its own', {
    channel_names: names,
  });
  explain(
    'use_mask_for_norm',
    masks,
    'z-score inside the non-zero mask if cropping leaves less than 0.75 of the voxels',
    {
      median_relative_size_after_cropping: relativeSize,
    },
  );
  return {
    settings,
    gpuMemoryTargetGb,
    labelEntries: Object.keys(dataset.labels).length,
    normalizationSchemes: schemes,
    useMaskForNorm: masks,
    preprocessorName: options.preprocessorName ?? 'DefaultPreprocessor',
  };
}

interface Planning {
  readonly around: Surroundings;
  readonly plansName: string;
  readonly numTraining: number;
  readonly explain: Explain;
}

function planConfigurations(grid: TargetGrid, planning: Planning): Record<string, ConfigurationEntry> {
  const { around, plansName, numTraining, explain } = planning;
  const { spacing, medianShape } = grid;
  // The ResEnc planners share the preprocessed data of the default planner where it is the same.
  const sharedName = around.settings.name === 'ExperimentPlanner' ? plansName : 'nnUNetPlans';
  const datasetVoxels = product(medianShape) * numTraining;
  const plan = (
    name: string,
    identifier: string,
    s: readonly number[],
    m: readonly number[],
    voxels: number,
  ): ConfigurationEntry =>
    planConfiguration(
      { spacing: s, medianShape: m, dataIdentifier: identifier, datasetVoxels: voxels },
      around,
      (path, ...rest) => explain(`configurations.${name}.${path}`, ...rest),
    );

  const flat = plan('2d', `${sharedName}_2d`, spacing.slice(1), medianShape.slice(1), datasetVoxels);
  explain('configurations.2d.batch_dice', true, 'always for 2D');
  const configurations: Record<string, ConfigurationEntry> = { '2d': { ...flat, batch_dice: true } };
  if (medianShape[0] === 1) return configurations;

  const spacingRule = explain;
  const full = planConfiguration(
    { spacing, medianShape, dataIdentifier: `${sharedName}_3d_fullres`, datasetVoxels },
    around,
    // The rule behind the full-resolution spacing is explained where it is chosen.
    (path, ...rest) => (path === 'spacing' ? undefined : spacingRule(`configurations.3d_fullres.${path}`, ...rest)),
  );
  const low = planLowResolution(full, grid, planning, plan);
  explain(
    'configurations.3d_fullres.batch_dice',
    low !== undefined,
    'with a cascade the patch sees a small part of the image, so Dice is summed over the batch',
    {
      has_low_resolution: low !== undefined,
    },
  );
  if (low !== undefined) {
    explain('configurations.3d_lowres.batch_dice', false, 'never for the low resolution');
    configurations['3d_lowres'] = { ...low, batch_dice: false, next_stage: '3d_cascade_fullres' };
  }
  configurations['3d_fullres'] = { ...full, batch_dice: low !== undefined };
  if (low !== undefined)
    configurations['3d_cascade_fullres'] = { inherits_from: '3d_fullres', previous_stage: '3d_lowres' };
  return configurations;
}

type PlanOne = (
  name: string,
  identifier: string,
  spacing: readonly number[],
  medianShape: readonly number[],
  voxels: number,
) => ConfigurationEntry;

/** Coarsens the spacing until the patch covers enough of the image; undefined if the data set needs no cascade. */
function planLowResolution(
  full: ConfigurationEntry,
  grid: TargetGrid,
  planning: Planning,
  plan: PlanOne,
): ConfigurationEntry | undefined {
  const { spacing, medianShape } = grid;
  const lowSpacing = [...spacing];
  const fullVoxels = product(medianShape);
  let voxels = fullVoxels;
  let low: ConfigurationEntry | undefined;
  const share = (): number => product((low ?? full).patch_size!) / voxels;
  const fullShare = share();
  while (share() < LOW_RESOLUTION_BELOW) {
    const coarsest = Math.max(...lowSpacing);
    const behind = lowSpacing.map((s) => coarsest / s > 2);
    const anyBehind = behind.includes(true);
    lowSpacing.forEach((_, axis) => {
      if (behind[axis] || !anyBehind) lowSpacing[axis]! *= SPACING_STEP;
    });
    const size = medianShape.map((n, axis) => (spacing[axis]! / lowSpacing[axis]!) * n);
    voxels = product(size);
    low = plan(
      '3d_lowres',
      `${planning.plansName}_3d_lowres`,
      [...lowSpacing],
      size.map(roundHalfEven).map(atLeastOneVoxel),
      voxels * planning.numTraining,
    );
  }
  const gain = fullVoxels / voxels;
  const from = {
    patch_share_of_median: fullShare,
    threshold: LOW_RESOLUTION_BELOW,
    low_resolution_gain: gain,
    needed_gain: LOW_RESOLUTION_GAIN,
  };
  const kept = low !== undefined && gain >= LOW_RESOLUTION_GAIN;
  planning.explain(
    'configurations.3d_lowres',
    kept,
    'a low resolution is planned when the full-resolution patch covers less than a quarter of the median image and the low resolution has at least two times fewer voxels',
    from,
  );
  if (kept)
    planning.explain(
      'configurations.3d_lowres.spacing',
      lowSpacing,
      'full-resolution spacing, coarsened by 3 % at a time (finer axes first) until the patch covers a quarter of the image',
      from,
    );
  return kept ? low : undefined;
}

function addedConfigurations(
  existing: PlansFile | undefined,
  planned: Readonly<Record<string, unknown>>,
): Record<string, ConfigurationEntry> {
  const added = Object.entries(existing?.configurations ?? {}).filter(([name]) => !Object.hasOwn(planned, name));
  return Object.fromEntries(added);
}

/** Rounding can leave no voxel along a thin axis; the reference fails there. */
function atLeastOneVoxel(size: number): number {
  return size > 0 ? size : 1;
}

function axisMedians(rows: readonly (readonly number[])[]): number[] {
  return [0, 1, 2].map((axis) => median(rows.map((row) => row[axis]!)));
}

function axisPercentiles(rows: readonly (readonly number[])[], percent: number): number[] {
  return [0, 1, 2].map((axis) =>
    percentile(
      rows.map((row) => row[axis]!),
      percent,
    ),
  );
}

function transpose(values: readonly number[], forward: readonly number[]): number[] {
  return forward.map((axis) => values[axis]!);
}

function argMax(values: readonly number[]): number {
  return values.indexOf(Math.max(...values));
}

function product(values: readonly number[]): number {
  return values.reduce((a, b) => a * b, 1);
}
