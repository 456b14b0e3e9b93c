/**
 * Model folders with random weights of real shapes, laid out as TotalSegmentator ships its own: plans in the flat form of
 * nnU-Net 2.0, a reader that turns images to RAS, no mirroring, one fold as `checkpoint_final.pth`. For measuring time and memory.
 */
import { Philox } from '@voxelwise/compute';
import { encodeNnunetCheckpoint } from '@voxelwise/inference';
import { buildNetwork, parametersOf, startingNumbers } from '@voxelwise/nets';
import { configurationPlan, plansFrom, topologyFor, type DatasetJson } from '@voxelwise/planner';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface RandomModelOptions {
  /** Foreground classes, in order. */
  readonly classes: readonly string[];
  readonly spacing: readonly [number, number, number];
  readonly patch: readonly [number, number, number];
  /** Features of the first stage; each stage doubles them, up to ten times as many. Default 32, as nnU-Net plans. */
  readonly width?: number;
  readonly seed?: number;
}

const CONFIGURATION = '3d_fullres';

/** Writes `plans.json`, `dataset.json` and `fold_0/checkpoint_final.pth` into a folder. */
export async function writeRandomModel(folder: string, options: RandomModelOptions): Promise<void> {
  const { classes, seed = 1 } = options;
  const dataset: DatasetJson = {
    channel_names: { '0': 'CT' },
    labels: { background: 0, ...Object.fromEntries(classes.map((name, k) => [name, k + 1])) },
    numTraining: 1559,
    file_ending: '.nii.gz',
    overwrite_image_reader_writer: 'NibabelIOWithReorient',
  };
  const written = oldPlans(options);
  const plans = plansFrom(written);
  const plan = configurationPlan(plans, dataset, CONFIGURATION);
  const random = new Philox(seed).split('weights');
  const weights = new Map(
    Array.from(parametersOf(buildNetwork(plan.network)), ([name, parameter]) => [
      name,
      { shape: parameter.shape, data: startingNumbers(parameter, random.split(name)) },
    ]),
  );
  const bytes = await encodeNnunetCheckpoint({ plan, plans, dataset, fold: 0, weights, mirrorAxes: [] });
  await mkdir(join(folder, 'fold_0'), { recursive: true });
  await writeFile(join(folder, 'dataset.json'), JSON.stringify(dataset, undefined, 4));
  await writeFile(join(folder, 'plans.json'), JSON.stringify(written, undefined, 4));
  await writeFile(join(folder, 'fold_0', 'checkpoint_final.pth'), bytes);
}

/** Plans as nnU-Net 2.0 to 2.4 wrote them: the network in flat keys. */
function oldPlans({ spacing, patch, width = 32 }: RandomModelOptions): object {
  const { strides, kernels } = topologyFor(spacing, patch);
  const resampling = { is_seg: false, order: 3, order_z: 0, force_separate_z: null };
  return {
    dataset_name: 'Dataset297_Random',
    plans_name: 'nnUNetPlans',
    original_median_spacing_after_transp: spacing,
    original_median_shape_after_transp: patch,
    image_reader_writer: 'NibabelIOWithReorient',
    transpose_forward: [0, 1, 2],
    transpose_backward: [0, 1, 2],
    configurations: {
      [CONFIGURATION]: {
        data_identifier: `nnUNetPlans_${CONFIGURATION}`,
        preprocessor_name: 'DefaultPreprocessor',
        batch_size: 2,
        patch_size: patch,
        median_image_size_in_voxels: patch,
        spacing,
        normalization_schemes: ['CTNormalization'],
        use_mask_for_norm: [false],
        UNet_class_name: 'PlainConvUNet',
        UNet_base_num_features: width,
        n_conv_per_stage_encoder: strides.map(() => 2),
        n_conv_per_stage_decoder: strides.slice(1).map(() => 2),
        num_pool_per_axis: patch.map((_, axis) => strides.filter((stride) => stride[axis] === 2).length),
        pool_op_kernel_sizes: strides,
        conv_kernel_sizes: kernels,
        unet_max_num_features: width * 10,
        resampling_fn_data: 'resample_data_or_seg_to_shape',
        resampling_fn_seg: 'resample_data_or_seg_to_shape',
        resampling_fn_data_kwargs: resampling,
        resampling_fn_seg_kwargs: { ...resampling, is_seg: true, order: 1 },
        resampling_fn_probabilities: 'resample_data_or_seg_to_shape',
        resampling_fn_probabilities_kwargs: { ...resampling, order: 1 },
        batch_dice: true,
      },
    },
    experiment_planner_used: 'ExperimentPlanner',
    label_manager: 'LabelManager',
    // Of the size that soft tissue and bone in CT have.
    foreground_intensity_properties_per_channel: {
      '0': { max: 3000, mean: 50, median: 60, min: -1024, percentile_00_5: -1000, percentile_99_5: 1000, std: 250 },
    },
  };
}

/** The 117 classes of TotalSegmentator's `total` task, in its order (wasserth/TotalSegmentator, `map_to_binary.py`). */
export const TOTAL_CLASSES: readonly string[] = [
  ...['spleen', ...sides('kidney', 'right', 'left'), 'gallbladder', 'liver', 'stomach', 'pancreas'],
  ...sides('adrenal_gland', 'right', 'left'),
  ...['upper_lobe_left', 'lower_lobe_left', 'upper_lobe_right', 'middle_lobe_right', 'lower_lobe_right'].map(
    (lobe) => `lung_${lobe}`,
  ),
  ...['esophagus', 'trachea', 'thyroid_gland', 'small_bowel', 'duodenum', 'colon', 'urinary_bladder', 'prostate'],
  ...sides('kidney_cyst', 'left', 'right'),
  'sacrum',
  ...['S1', ...descending('L', 5), ...descending('T', 12), ...descending('C', 7)].map((name) => `vertebrae_${name}`),
  ...['heart', 'aorta', 'pulmonary_vein', 'brachiocephalic_trunk'],
  ...['subclavian_artery', 'common_carotid_artery'].flatMap((name) => sides(name, 'right', 'left')),
  ...sides('brachiocephalic_vein', 'left', 'right'),
  ...['atrial_appendage_left', 'superior_vena_cava', 'inferior_vena_cava', 'portal_vein_and_splenic_vein'],
  ...['iliac_artery', 'iliac_vena', 'humerus', 'scapula', 'clavicula', 'femur', 'hip'].flatMap((name) =>
    sides(name, 'left', 'right'),
  ),
  'spinal_cord',
  ...['gluteus_maximus', 'gluteus_medius', 'gluteus_minimus', 'autochthon', 'iliopsoas'].flatMap((name) =>
    sides(name, 'left', 'right'),
  ),
  ...['brain', 'skull'],
  ...['left', 'right'].flatMap((side) => Array.from({ length: 12 }, (_, k) => `rib_${side}_${k + 1}`)),
  ...['sternum', 'costal_cartilages'],
];

function sides(name: string, ...which: readonly string[]): string[] {
  return which.map((side) => `${name}_${side}`);
}

function descending(letter: string, from: number): string[] {
  return Array.from({ length: from }, (_, k) => `${letter}${from - k}`);
}
