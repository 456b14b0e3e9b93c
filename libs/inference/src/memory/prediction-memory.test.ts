import { createWasmDevice, Philox } from '@voxelwise/compute';
import { buildNetwork, parametersOf, startingNumbers } from '@voxelwise/nets';
import { configurationPlan, plansFrom, topologyFor, type DatasetJson } from '@voxelwise/planner';
import type { Grid, PerAxis } from '@voxelwise/volume';
import { expect, it } from 'vitest';
import type { Model } from '../model/model.ts';
import type { PredictOptions } from '../predict-options.ts';
import { openPredictor } from '../predict.ts';
import { plannedPrediction } from './prediction-memory.ts';

interface Shapes {
  readonly spacing: readonly number[];
  readonly patch: readonly number[];
  readonly classes: number;
  readonly width: number;
  readonly mirrored?: boolean;
}

/** A network of random weights, as nnU-Net would plan it. */
function randomModel({ spacing, patch, classes, width, mirrored = false }: Shapes): Model {
  const { strides, kernels } = topologyFor(spacing, patch);
  const kwargs = { is_seg: false, order: 3, order_z: 0, force_separate_z: null };
  const plans = plansFrom({
    dataset_name: 'Dataset001_Random',
    plans_name: 'nnUNetPlans',
    original_median_spacing_after_transp: [1, 1, 1],
    original_median_shape_after_transp: [50, 50, 50],
    image_reader_writer: 'SimpleITKIO',
    transpose_forward: [0, 1, 2],
    transpose_backward: [0, 1, 2],
    configurations: {
      some: {
        data_identifier: 'some',
        preprocessor_name: 'DefaultPreprocessor',
        batch_size: 2,
        patch_size: patch,
        median_image_size_in_voxels: patch,
        spacing,
        normalization_schemes: ['ZScoreNormalization'],
        use_mask_for_norm: [false],
        UNet_class_name: 'PlainConvUNet',
        UNet_base_num_features: width,
        n_conv_per_stage_encoder: strides.map(() => 2),
        n_conv_per_stage_decoder: strides.slice(1).map(() => 2),
        num_pool_per_axis: patch.map((_, axis) => strides.filter((stride) => stride[axis] === 2).length),
        pool_op_kernel_sizes: strides,
        conv_kernel_sizes: kernels,
        unet_max_num_features: 320,
        resampling_fn_data: 'resample_data_or_seg_to_shape',
        resampling_fn_seg: 'resample_data_or_seg_to_shape',
        resampling_fn_data_kwargs: kwargs,
        resampling_fn_seg_kwargs: { ...kwargs, is_seg: true, order: 1 },
        resampling_fn_probabilities: 'resample_data_or_seg_to_shape',
        resampling_fn_probabilities_kwargs: { ...kwargs, order: 1 },
        batch_dice: true,
      },
    },
    experiment_planner_used: 'ExperimentPlanner',
    label_manager: 'LabelManager',
    foreground_intensity_properties_per_channel: {},
  });
  const dataset: DatasetJson = {
    channel_names: { '0': 'MRI' },
    labels: Object.fromEntries(Array.from({ length: classes }, (_, k) => [k === 0 ? 'background' : `class_${k}`, k])),
    numTraining: 10,
    file_ending: '.nii.gz',
  };
  const plan = configurationPlan(plans, dataset, 'some');
  const random = new Philox(3);
  const weights = new Map(
    Array.from(parametersOf(buildNetwork(plan.network)), ([name, parameter]) => [
      name,
      { shape: parameter.shape, data: startingNumbers(parameter, random.split(name)) },
    ]),
  );
  return { plan, mirrorAxes: mirrored ? [0, 1, 2] : [], folds: [{ name: '0', weights }] };
}

const CASES: readonly (readonly [string, Shapes, PerAxis, Omit<PredictOptions, 'device'>])[] = [
  ['small, all logits in memory', { spacing: [1, 1, 1], patch: [24, 32, 32], classes: 3, width: 8 }, [30, 50, 44], {}],
  [
    'decided by slabs',
    { spacing: [1, 1, 1], patch: [32, 32, 32], classes: 12, width: 8 },
    [90, 50, 44],
    { maxLogitBytes: 0 },
  ],
  [
    'to a finer grid',
    { spacing: [2, 2, 2], patch: [16, 24, 24], classes: 6, width: 8 },
    [70, 90, 80],
    { maxLogitBytes: 0 },
  ],
  ['slices', { spacing: [1, 1], patch: [48, 64], classes: 4, width: 16, mirrored: true }, [21, 50, 70], {}],
  ['thick slices', { spacing: [5, 1, 1], patch: [8, 48, 48], classes: 4, width: 16 }, [24, 70, 90], {}],
];

it.each(CASES)('plans what the device takes: %s', async (_, shapes, shape, options) => {
  const model = randomModel(shapes);
  const thick = shapes.spacing.length === 3 && shapes.spacing[0]! > 4 ? 5 : 1;
  const grid: Grid = { shape, affine: Float64Array.of(0, 0, 1, 0, 0, 1, 0, 0, thick, 0, 0, 0, 0, 0, 0, 1) };
  const device = await createWasmDevice({ threads: 1, maxBytes: 2 ** 30 });
  try {
    const predictor = openPredictor(model, device);
    const voxels = Float32Array.from({ length: shape[0] * shape[1] * shape[2] }, (_, v) => 1 + Math.sin(v));
    const images = { grid, kind: 'intensity' as const, channels: ['MRI'], voxels };
    await predictor.predict({ id: 'a', images }, options);
    const planned = await plannedPrediction(model, { grid }, { threads: 1, keptBytes: 2 ** 26, ...options });
    const share = planned.device / device.memory().peakBytes;
    expect(share).toBeGreaterThan(0.95);
    expect(share).toBeLessThan(1.15);
  } finally {
    device.dispose();
  }
});

it('plans a store for probabilities, and less memory for a case that is cropped', async () => {
  const model = randomModel({ spacing: [2, 2, 2], patch: [16, 24, 24], classes: 30, width: 4 });
  const grid: Grid = {
    shape: [100, 100, 100],
    affine: Float64Array.of(0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1),
  };
  const plain = await plannedPrediction(model, { grid });
  const probable = await plannedPrediction(model, { grid }, { probabilities: true });
  expect(plain.store).toBe(0);
  expect(probable.store).toBe(4 * 30 * (50 ** 3 + 100 ** 3));
  expect(probable.host).toBeGreaterThan(4 * 100 ** 3 * 4);
  const cropped = await plannedPrediction(model, { grid, cropped: [40, 50, 60] });
  expect(cropped.device).toBeLessThan(plain.device);
  expect(cropped.host).toBeLessThan(plain.host);
});
