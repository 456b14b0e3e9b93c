import { readFileSync } from 'node:fs';
import { parsePythonJson } from '@voxelwise/volume';
import { describe, expect, it } from 'vitest';
import type { DatasetJson } from '../dataset/dataset-json.ts';
import type { Fingerprint } from '../fingerprint/fingerprint.ts';
import { configurationPlan } from '../plans/configuration-plan.ts';
import type { PlansFile } from '../plans/plans-file.ts';
import { featureMapValues } from './feature-maps.ts';
import { imageReaderWriter } from './image-reader.ts';
import { planExperiment } from './plan-experiment.ts';
import { topologyFor } from './topology.ts';

const fixture = (name: string): unknown =>
  parsePythonJson(readFileSync(new URL(`../../fixtures/planner/${name}.json`, import.meta.url), 'utf8'));

interface Golden {
  readonly name: string;
  readonly dataset_json: DatasetJson;
  readonly fingerprint: Fingerprint;
  readonly runs: readonly {
    readonly planner: string;
    readonly kwargs: {
      readonly gpu_memory_target_in_gb?: number;
      readonly plans_name?: string;
      readonly overwrite_target_spacing?: readonly number[];
      readonly suppress_transpose?: boolean;
    };
    readonly plans: PlansFile;
  }[];
}

/** Equal field by field: integers and text exactly, fractions to 1e-9 of their size. */
function expectSame(got: unknown, expected: unknown, path: string): void {
  if (typeof expected === 'number' && !Number.isInteger(expected)) {
    expect(Math.abs((got as number) - expected), `${path}: ${String(got)} for ${expected}`).toBeLessThanOrEqual(
      1e-9 * Math.abs(expected),
    );
  } else if (typeof expected === 'object' && expected !== null) {
    expect(Object.keys(got as object), path).toEqual(Object.keys(expected));
    for (const [key, value] of Object.entries(expected))
      expectSame((got as Record<string, unknown>)[key], value, `${path}.${key}`);
  } else expect(got, path).toBe(expected);
}

const goldens = (fixture('index') as string[]).map((name) => fixture(name) as Golden);

describe('planExperiment', () => {
  it.each(goldens.flatMap((golden) => golden.runs.map((run) => [golden.name, run.planner, golden, run] as const)))(
    'plans %s as the reference does: %s',
    (_, tag, golden, { kwargs, plans }) => {
      const planned = planExperiment(golden.fingerprint, golden.dataset_json, {
        datasetName: plans.dataset_name,
        planner: tag.split(/[@+]/)[0]!,
        ...(kwargs.gpu_memory_target_in_gb && { gpuMemoryTargetGb: kwargs.gpu_memory_target_in_gb }),
        ...(kwargs.plans_name && { plansName: kwargs.plans_name }),
        ...(kwargs.overwrite_target_spacing && { overwriteTargetSpacing: kwargs.overwrite_target_spacing }),
        ...(kwargs.suppress_transpose && { suppressTranspose: true }),
      });
      expectSame(planned.plans, plans, 'plans');
    },
  );
});

/** Source: nnU-Net v2, experiment_planners/resampling/resample_with_torch.py. */
describe("the planners with PyTorch's resampling", () => {
  it.each([
    ['nnUNetPlanner_torchres', 'ExperimentPlanner', 'nnUNetPlans_torchres', false],
    ['nnUNetPlannerResEncL_torchres', 'nnUNetPlannerResEncL', 'nnUNetResEncUNetLPlans_torchres', false],
    ['nnUNetPlannerResEncL_torchres_sepz', 'nnUNetPlannerResEncL', 'nnUNetResEncUNetLPlans_torchres_sepz', null],
  ] as const)('%s plans as %s but for resampling', (planner, like, plansName, separate) => {
    const { fingerprint, dataset_json } = goldens.find(({ name }) => name === 'amos22')!;
    const plan = (by: string): PlansFile =>
      planExperiment(fingerprint, dataset_json, { datasetName: 'D', planner: by }).plans;
    const [torch, spline] = [plan(planner), plan(like)];
    expect(torch.plans_name).toBe(plansName);
    for (const [name, entry] of Object.entries(spline.configurations)) {
      const { data_identifier, ...rest } = torch.configurations[name]!;
      if (entry.inherits_from !== undefined) continue;
      expect(data_identifier).toBe(`${plansName}_${name}`);
      for (const what of ['data', 'seg', 'probabilities'] as const) {
        expect(rest[`resampling_fn_${what}`]).toBe('resample_torch_fornnunet');
        expect(rest[`resampling_fn_${what}_kwargs`]).toEqual({
          is_seg: what === 'seg',
          force_separate_z: separate,
          memefficient_seg_resampling: false,
          ...(separate === null ? { separate_z_anisotropy_threshold: 3 } : {}),
        });
      }
      const others = (one: object): object =>
        Object.fromEntries(Object.entries(one).filter(([key]) => !/^resampling|^data_identifier/.test(key)));
      expect(others(rest)).toEqual(others(entry));
    }
    const { resampling } = configurationPlan(torch, dataset_json, '3d_fullres');
    expect(resampling.labels).toMatchObject({ method: 'torch', forceSeparateZ: separate, labelRule: 'most' });
  });
});

describe('topologyFor', () => {
  it('equals the reference on 200 random layouts', () => {
    for (const row of fixture('topology') as Record<string, number[] & number[][]>[]) {
      const topology = topologyFor(row['spacing']!, row['patch_size']!);
      expect(topology.strides).toEqual(row['strides']);
      expect(topology.kernels).toEqual(row['kernel_sizes']);
      expect(topology.patch).toEqual(row['padded_patch_size']);
      expect(topology.divisibleBy).toEqual(row['divisible_by']);
    }
  });
});

describe('featureMapValues', () => {
  it('equals the reference on 150 networks', () => {
    for (const row of fixture('vram_estimates') as Record<string, never>[])
      expect(
        featureMapValues(
          {
            kind: row['network']!,
            strides: row['strides']!,
            features: row['features_per_stage']!,
            encoder: row['blocks_or_convs_per_stage']!,
            decoder: row['n_conv_per_stage_decoder']!,
            outputChannels: row['output_channels']!,
          },
          row['patch_size']!,
        ),
      ).toBe(row['estimate']);
  });

  it('counts no output where there is no decoder, as the reference', () => {
    const network = {
      kind: 'ResidualEncoderUNet',
      strides: [[1, 1]],
      features: [32],
      encoder: [1],
      decoder: [],
    } as const;
    // The stem and the two convolutions of one block.
    expect(featureMapValues({ ...network, outputChannels: 4 }, [10, 7])).toBe(3 * 32 * 70);
  });
});

describe('imageReaderWriter', () => {
  it.each([
    [{ file_ending: '.tif' }, 1, 'NaturalImage2DIO'],
    [{ file_ending: '.tif' }, 7.5, 'Tiff3DIO'],
    [{ file_ending: '.NII.GZ' }, 9, 'SimpleITKIO'],
    [{ file_ending: '.nii.gz', overwrite_image_reader_writer: 'NibabelIOWithReorient' }, 9, 'NibabelIOWithReorient'],
    [{ file_ending: '.nii.gz', overwrite_image_reader_writer: 'None' }, 9, 'SimpleITKIO'],
    [{ file_ending: '.nii.gz', overwrite_image_reader_writer: 'MyIO' }, 9, /names MyIO, which is not here; known are/],
    [{ file_ending: '.png' }, 9, /no reader of the reference knows "\.png" for 3D/],
  ])('%j with %d slices', (json, slices, expected) => {
    const read = (): string => imageReaderWriter(json as unknown as DatasetJson, [slices, 64, 64]);
    if (typeof expected === 'string') expect(read()).toBe(expected);
    else expect(read).toThrow(expected);
  });
});
