/** Ten thousand data sets nobody would make: the planner must answer each, and every answer must be buildable. */
import { Philox } from '@voxelwise/compute';
import { describe, expect, it } from 'vitest';
import type { DatasetJson } from '../dataset/dataset-json.ts';
import type { Fingerprint, Triple } from '../fingerprint/fingerprint.ts';
import { configurationPlan } from '../plans/configuration-plan.ts';
import type { ConfigurationEntry } from '../plans/plans-file.ts';
import { featureMapValues } from './feature-maps.ts';
import { planExperiment } from './plan-experiment.ts';
import { planners, type PlannerSettings } from './planner-settings.ts';

const FINGERPRINTS = 10_000;

interface Sample {
  readonly fingerprint: Fingerprint;
  readonly dataset: DatasetJson;
  readonly settings: PlannerSettings;
  readonly gpuMemoryTargetGb: number;
}

function draw(rng: Philox): Sample {
  const log = (low: number, high: number): number => Math.exp(rng.uniform(Math.log(low), Math.log(high)));
  const triple = (make: () => number): Triple => [make(), make(), make()];
  const flat = rng.uniform() < 0.15;
  const middle = triple(() => log(0.01, 20));
  const size = triple(() => log(1, 1500));
  const cases = rng.integer(1, 8);
  const spread = rng.uniform(1, 3);
  const channels = rng.integer(1, 5);
  const names = ['CT', 'MR', 'noNorm', 'rescale_to_0_1', 'rgb_to_0_1'];
  const statistics = { max: 1, mean: 0, median: 0, min: -1, percentile_00_5: -0.9, percentile_99_5: 0.9, std: 0.5 };
  const numbered = <V>(make: (i: number) => V): Record<string, V> =>
    Object.fromEntries(Array.from({ length: channels }, (_, i) => [String(i), make(i)]));
  return {
    fingerprint: {
      foreground_intensity_properties_per_channel: numbered(() => statistics),
      median_relative_size_after_cropping: rng.uniform(),
      shapes_after_crop: Array.from({ length: cases }, () => {
        const [z, y, x] = size.map((n) => Math.max(1, Math.round(n * log(1 / spread, spread)))) as [
          number,
          number,
          number,
        ];
        return [flat ? 1 : z, y, x] as const;
      }),
      spacings: Array.from({ length: cases }, () => {
        const [z, y, x] = middle.map((s) => s * log(1 / spread, spread)) as [number, number, number];
        return [flat ? 999 : z, y, x] as const;
      }),
    },
    dataset: {
      channel_names: numbered(() => names[rng.integer(0, names.length)]!),
      labels: Object.fromEntries(
        Array.from({ length: rng.integer(2, 40) }, (_, i) => [i === 0 ? 'background' : `class ${i}`, i]),
      ),
      numTraining: cases,
      file_ending: '.nii.gz',
    },
    settings: planners[rng.integer(0, planners.length)]!,
    gpuMemoryTargetGb: log(0.5, 100),
  };
}

/** What every planned configuration must satisfy; returns the first violation. */
function violation(entry: ConfigurationEntry, { settings, dataset, gpuMemoryTargetGb }: Sample): string | undefined {
  const patch = entry.patch_size!;
  const dimensions = patch.length as 2 | 3;
  const { n_stages, strides, kernel_sizes, features_per_stage, n_conv_per_stage_decoder } =
    entry.architecture!.arch_kwargs;
  const encoder = (entry.architecture!.arch_kwargs.n_conv_per_stage ??
    entry.architecture!.arch_kwargs.n_blocks_per_stage) as number[];
  const decoder = n_conv_per_stage_decoder as number[];
  const divisor = patch.map((_, axis) => strides.reduce((d, stride) => d * stride[axis]!, 1));
  const stages = [strides, kernel_sizes, features_per_stage, encoder].map((list) => list.length);
  const values = featureMapValues(
    {
      kind: settings.kind,
      strides,
      features: features_per_stage,
      encoder,
      decoder,
      outputChannels: Object.keys(dataset.labels).length,
    },
    patch,
  );
  const limit = (settings.referenceEstimate[dimensions] * gpuMemoryTargetGb) / settings.referenceGb;
  const share = settings.shrinksPerBatchOfTwo && dimensions === 2 ? 1 / 6 : 1;
  const rules: Record<string, boolean> = {
    'patch of positive whole numbers': patch.every((n) => Number.isInteger(n) && n >= 1),
    'patch divisible by the strides': patch.every((n, axis) => n % divisor[axis]! === 0),
    'no feature map below 4 along a halved axis': patch.every(
      (n, axis) => divisor[axis] === 1 || n / divisor[axis]! >= 4,
    ),
    'one entry per stage': stages.every((n) => n === n_stages) && decoder.length === n_stages - 1,
    'first stride 1': strides[0]!.every((s) => s === 1),
    'later strides 1 or 2, one axis at least': strides
      .slice(1)
      .every((s) => s.includes(2) && s.every((n) => n === 1 || n === 2)),
    'kernels 1 or 3, 3 at the bottom':
      kernel_sizes.every((k) => k.every((n) => n === 1 || n === 3)) && kernel_sizes.at(-1)!.every((n) => n === 3),
    'features capped': features_per_stage.every((f, i) => f === Math.min(32 * 2 ** i, dimensions === 2 ? 512 : 320)),
    'batch of two or more': Number.isInteger(entry.batch_size) && entry.batch_size! >= 2,
    'feature maps within the limit': values * share <= limit,
    'positive spacing': entry.spacing!.every((s) => Number.isFinite(s) && s > 0),
  };
  return Object.keys(rules).find((rule) => !rules[rule]);
}

describe('planExperiment on random fingerprints', () => {
  it(`answers ${FINGERPRINTS} of them with plans that hold every constraint`, { timeout: 240_000 }, () => {
    const rng = new Philox(20_260_101);
    const seen = { '2d': 0, '3d_fullres': 0, '3d_lowres': 0 };
    for (let i = 0; i < FINGERPRINTS; i++) {
      const sample = draw(rng.split(i));
      const { plans } = planExperiment(sample.fingerprint, sample.dataset, {
        datasetName: 'Dataset001_x',
        planner: sample.settings.name,
        gpuMemoryTargetGb: sample.gpuMemoryTargetGb,
      });
      const { '3d_cascade_fullres': cascade, ...configurations } = plans.configurations;
      for (const [name, entry] of Object.entries(configurations)) {
        seen[name as keyof typeof seen]++;
        const broken = violation(entry, sample);
        if (broken !== undefined)
          expect.fail(`fingerprint ${i}, ${name}: not ${broken}: ${JSON.stringify({ sample, entry })}`);
      }
      const low = configurations['3d_lowres'];
      expect(cascade === undefined).toBe(low === undefined);
      // Images too small to halve make a network of one stage, as in the reference; no U-Net can be built of it.
      const buildable = Object.values(configurations).every((entry) => entry.architecture!.arch_kwargs.n_stages > 1);
      if (i % 20 === 0 && buildable)
        for (const name of Object.keys(plans.configurations)) configurationPlan(plans, sample.dataset, name);
      if (low !== undefined) {
        const full = configurations['3d_fullres']!;
        const gain = low.spacing!.reduce((product, s, axis) => product * (s / full.spacing![axis]!), 1);
        const fullVoxels = full.median_image_size_in_voxels!.reduce((a, b) => a * b, 1);
        const patch = low.patch_size!.reduce((a, b) => a * b, 1);
        // As the reference compares: with the size before rounding.
        expect((patch * gain) / fullVoxels).toBeGreaterThan(0.25 - 1e-9);
        expect(gain).toBeGreaterThan(2 - 1e-9);
        expect(low.spacing!.every((s, axis) => s >= full.spacing![axis]!)).toBe(true);
      }
    }
    expect(seen['2d']).toBe(FINGERPRINTS);
    expect(seen['3d_fullres']).toBeGreaterThan(FINGERPRINTS / 2);
    expect(seen['3d_lowres']).toBeGreaterThan(FINGERPRINTS / 20);
  });
});
