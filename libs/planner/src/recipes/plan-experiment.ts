/**
 * Fingerprint and data set description in, plans out: 2d, 3d_fullres, and a low-resolution cascade when the patch sees
 * too little of the image.
 *
 * Source: nnU-Net v2 (Isensee 2021), `ExperimentPlanner.plan_experiment` and the ResEnc planners.
 */
import { channelNames, checkDatasetJson, type DatasetJson } from '../dataset/dataset-json.ts';
import { PlanError } from '../errors.ts';
import { checkFingerprint, type Fingerprint } from '../fingerprint/fingerprint.ts';
import { isFolderName } from '../plans/folder-name.ts';
import type { ConfigurationEntry, PlansFile } from '../plans/plans-file.ts';
import { collectRules, type Explain, type Explanation, explainValues } from './explanation.ts';
import { imageReaderWriter } from './image-reader.ts';
import { normalizationScheme, usesMask } from './normalization.ts';
import { planConfiguration, type Surroundings } from './plan-configuration.ts';
import { planLowResolution } from './plan-low-resolution.ts';
import { type PlannerSettings, plannerNamed } from './planner-settings.ts';
import { type TargetGrid, targetGrid, type TargetGridOptions } from './target-grid.ts';

export interface PlanExperimentOptions extends TargetGridOptions {
  readonly datasetName: string;
  /** Default `ExperimentPlanner`. */
  readonly planner?: string;
  /** GB of GPU memory to plan for. Default: the planner's own. */
  readonly gpuMemoryTargetGb?: number;
  /** Name of the plans, and first part of the preprocessed folders. Default: the planner's own. */
  readonly plansName?: string;
  readonly preprocessorName?: string;
  /** Class name of the reader; default: from the data set description and its file ending. */
  readonly imageReaderWriter?: string;
  /** Plans of the same name written before: configurations a user added to them are kept. */
  readonly existing?: PlansFile;
}

export interface PlannedExperiment {
  readonly plans: PlansFile;
  /** One record for each value of the plans. */
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
  if (!isFolderName(plansName))
    throw new PlanError(`plan: plans are named plainly, without slashes; came "${plansName}".`, { plansName });
  const { rules, explain } = collectRules();

  const grid = targetGrid(fingerprint, options, explain);
  const around = surroundings(fingerprint, dataset, settings, options);
  const planned = planConfigurations(grid, { around, plansName, numTraining: dataset.numTraining, explain });
  const added = addedConfigurations(options.existing, planned);
  explain('image_reader_writer', 'given, or else the first reader that knows the file ending', {
    file_ending: dataset.file_ending,
    overwrite: dataset.overwrite_image_reader_writer ?? null,
  });
  const plans: PlansFile = {
    dataset_name: options.datasetName,
    plans_name: plansName,
    original_median_spacing_after_transp: grid.originalSpacing,
    original_median_shape_after_transp: grid.originalShape,
    image_reader_writer: options.imageReaderWriter ?? imageReaderWriter(dataset, grid.medianShape),
    transpose_forward: grid.forward,
    transpose_backward: grid.forward.map((_, axis) => grid.forward.indexOf(axis)),
    configurations: { ...planned, ...added },
    experiment_planner_used: settings.name,
    label_manager: 'LabelManager',
    foreground_intensity_properties_per_channel: fingerprint.foreground_intensity_properties_per_channel,
  };
  const kept = (path: string): boolean => Object.keys(added).some((name) => path.startsWith(`configurations.${name}.`));
  const explanations = explainValues(plans, rules).map((explanation) =>
    kept(explanation.path)
      ? { ...explanation, rule: 'kept from the plans written before', from: { existing: explanation.path } }
      : explanation,
  );
  return { plans, explanations };
}

function surroundings(
  fingerprint: Fingerprint,
  dataset: DatasetJson,
  settings: PlannerSettings,
  options: PlanExperimentOptions,
): Surroundings {
  const gpuMemoryTargetGb = options.gpuMemoryTargetGb ?? settings.referenceGb;
  if (!(gpuMemoryTargetGb > 0 && Number.isFinite(gpuMemoryTargetGb)))
    throw new PlanError(`plan: the memory target must be a positive number of GB, came ${gpuMemoryTargetGb}.`, {
      gpuMemoryTargetGb,
    });
  const names = channelNames(dataset);
  const schemes = names.map(normalizationScheme);
  const medianRelativeSize = fingerprint.median_relative_size_after_cropping;
  return {
    settings,
    gpuMemoryTargetGb,
    labelEntries: Object.keys(dataset.labels).length,
    channelNames: names,
    medianRelativeSize,
    normalizationSchemes: schemes,
    useMaskForNorm: schemes.map((scheme) => usesMask(scheme, medianRelativeSize)),
    preprocessorName: options.preprocessorName ?? 'DefaultPreprocessor',
  };
}

interface Planning {
  readonly around: Surroundings;
  readonly plansName: string;
  readonly numTraining: number;
  readonly explain: Explain;
}

/** In the order of the file: 2d, 3d_lowres, 3d_fullres, 3d_cascade_fullres. */
function planConfigurations(grid: TargetGrid, planning: Planning): Record<string, ConfigurationEntry> {
  const { around, plansName, numTraining, explain } = planning;
  const { spacing, medianShape } = grid;
  const within =
    (name: string): Explain =>
    (path, ...rest) =>
      explain(`configurations.${name}.${path}`, ...rest);
  // The ResEnc planners share the preprocessed data of the default planner where it is the same.
  const { name, resampling } = around.settings as PlannerSettings;
  const sharedName = name === 'ExperimentPlanner' || resampling !== undefined ? plansName : 'nnUNetPlans';
  const datasetVoxels = product(medianShape) * numTraining;

  const slices = {
    spacing: spacing.slice(1),
    medianShape: medianShape.slice(1),
    dataIdentifier: `${sharedName}_2d`,
    datasetVoxels,
  };
  const flat = { ...planConfiguration(slices, around, within('2d')), batch_dice: true };
  within('2d')('batch_dice', 'always for 2D', { dimensions: 2 });
  if (medianShape[0] === 1) return { '2d': flat };

  const whole = { spacing, medianShape, dataIdentifier: `${sharedName}_3d_fullres`, datasetVoxels };
  const full = planConfiguration(whole, around, within('3d_fullres'));
  const { entry: low, decision } = planLowResolution(
    { full, grid, dataIdentifier: `${plansName}_3d_lowres`, numTraining },
    around,
    within('3d_lowres'),
  );
  within('3d_lowres')('batch_dice', 'never for the low resolution', { configuration: '3d_lowres' });
  within('3d_fullres')(
    'batch_dice',
    'only with a cascade, when the patch sees a small part of the image: a low resolution is planned if the patch covers less than a quarter of the median image and it has at least two times fewer voxels',
    { has_low_resolution: low !== undefined, ...decision },
  );
  if (low === undefined) return { '2d': flat, '3d_fullres': { ...full, batch_dice: false } };
  return {
    '2d': flat,
    '3d_lowres': { ...low, batch_dice: false, next_stage: '3d_cascade_fullres' },
    '3d_fullres': { ...full, batch_dice: true },
    '3d_cascade_fullres': { inherits_from: '3d_fullres', previous_stage: '3d_lowres' },
  };
}

function addedConfigurations(
  existing: PlansFile | undefined,
  planned: Readonly<Record<string, unknown>>,
): Record<string, ConfigurationEntry> {
  const added = Object.entries(existing?.configurations ?? {}).filter(([name]) => !Object.hasOwn(planned, name));
  return Object.fromEntries(added);
}

function product(values: readonly number[]): number {
  return values.reduce((a, b) => a * b, 1);
}
