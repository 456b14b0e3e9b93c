import { readFileSync } from 'node:fs';
import { parsePythonJson, writePythonJson } from '@voxelwise/volume';
import { describe, expect, it } from 'vitest';
import type { DatasetJson } from '../dataset/dataset-json.ts';
import { PlanError } from '../errors.ts';
import type { Fingerprint } from '../fingerprint/fingerprint.ts';
import { explainPlans, explanationText } from '../recipes/explain-plans.ts';
import { planExperiment } from '../recipes/plan-experiment.ts';
import { configurationPlan } from './configuration-plan.ts';
import { diffPlans, setPlanValue } from './edit.ts';
import { resolveConfiguration } from './inheritance.ts';
import type { ConfigurationEntry, PlansFile } from './plans-file.ts';
import { convertOldConfiguration, plansFrom, readPlans, writePlans } from './read-plans.ts';

const fixture = (name: string): unknown =>
  parsePythonJson(readFileSync(new URL(`../../fixtures/planner/${name}.json`, import.meta.url), 'utf8'));
interface Golden {
  readonly dataset_json: DatasetJson;
  readonly fingerprint: Fingerprint;
  readonly runs: readonly { readonly plans: PlansFile }[];
}
const spleen = fixture('msd09_spleen') as Golden;
const plans = spleen.runs[0]!.plans;

describe('the plans file', () => {
  it('comes back the same from text, this project’s own settings included', () => {
    const edited = setPlanValue(plans, 'configurations.3d_fullres.voxelwise={"learningRate": 0.01, "steps": 100}');
    expect(readPlans(writePlans(edited))).toEqual(edited);
  });

  it('writes floats as Python does, whole numbers whole', () => {
    const text = writePlans(plans);
    expect(text).toContain('"eps": 1e-05');
    expect(text.slice(text.indexOf('"3d_fullres"'))).toContain(
      '"median_image_size_in_voxels": [\n                172.0,\n',
    );
    expect(text.slice(text.indexOf('"3d_lowres"'))).toContain(
      '"median_image_size_in_voxels": [\n                140,\n',
    );
    expect(text).toContain('"original_median_spacing_after_transp": [\n        5.0,\n');
    expect(text).toContain('"original_median_shape_after_transp": [\n        95,\n');
  });

  it('brings the old format up to date', () => {
    const { old, converted } = fixture('old_plans_format_conversion') as Record<string, ConfigurationEntry>;
    expect(convertOldConfiguration(old!)).toEqual(converted);
    const { foreground_intensity_properties_per_channel: intensities, ...rest } = plans;
    const veryOld = {
      ...rest,
      configurations: { '3d_fullres': old },
      foreground_intensity_properties_by_modality: intensities,
    };
    const read = plansFrom(veryOld);
    expect(read.foreground_intensity_properties_per_channel).toEqual(intensities);
    expect(read.configurations['3d_fullres']).toEqual(converted);
    expect(() => convertOldConfiguration({ ...old, UNet_class_name: 'VNet' })).toThrow(/no network is called "VNet"/);
  });

  it.each([
    [{ ...plans, transpose_forward: [0, 1] }, /"transpose_forward" must be a permutation/],
    [{ ...plans, configurations: {} }, /"configurations" must be an object with at least one/],
    [{ ...plans, dataset_name: 3 }, /"dataset_name" must be text, came 3/],
    [null, /"dataset_name" must be text/],
  ])('is refused when wrong (%#)', (value, message) => {
    expect(() => plansFrom(value)).toThrow(PlanError);
    expect(() => plansFrom(value)).toThrow(message);
  });
});

describe('resolveConfiguration', () => {
  const golden = fixture('configuration_inheritance') as Record<
    'configurations' | 'resolved',
    Record<string, ConfigurationEntry>
  >;
  it.each(Object.entries(golden.resolved))('resolves %s', (name, resolved) => {
    expect(resolveConfiguration(golden.configurations, name)).toEqual(resolved);
  });
  it('names what is missing, and circles', () => {
    expect(() => resolveConfiguration({ a: { inherits_from: 'b' } }, 'a')).toThrow(
      /no configuration "b" \(a inherits from it\)\. There are: a/,
    );
    expect(() => resolveConfiguration({ a: { inherits_from: 'b' }, b: { inherits_from: 'a' } }, 'a')).toThrow(
      /a → b → a/,
    );
  });
});

describe('configurationPlan', () => {
  it('resolves a cascade: inherited values, one-hot labels among the inputs', () => {
    const plan = configurationPlan(plans, spleen.dataset_json, '3d_cascade_fullres');
    expect(plan).toMatchObject({
      dimensions: 3,
      patchSize: [64, 192, 160],
      batchSize: 2,
      batchDice: true,
      previousStage: '3d_lowres',
      channels: [{ name: 'CT', normalization: 'CTNormalization', useMask: false, intensities: { mean: 80.5 } }],
      resampling: { data: { method: 'spline', order: 3, orderZ: 0, forceSeparateZ: null } },
      network: { network: 'PlainConvUNet', inputChannels: 2, outputChannels: 2 },
    });
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
    expect(configurationPlan(plans, spleen.dataset_json, '3d_lowres').nextStages).toEqual(['3d_cascade_fullres']);
  });

  const edit = (assignment: string): PlansFile => setPlanValue(plans, assignment);
  it.each([
    ['configurations.2d.patch_size=[512]', '2d', /2d: "patch_size" must be two or three/],
    ['configurations.2d.batch_size=0', '2d', /2d: "batch_size" must be a whole number from 1 up, came 0/],
    ['configurations.2d.spacing=[1, 1, 1]', '2d', /"spacing" must be 2 positive numbers/],
    ['configurations.2d.normalization_schemes=["Magic"]', '2d', /from CTNormalization, .*came \["Magic"\]/],
    ['configurations.2d.normalization_schemes=[]', '2d', /one for each of the 1 channels/],
    ['configurations.2d.resampling_fn_data=magic', '2d', /no resampling is called "magic"/],
    ['configurations.2d.patch_size=[100, 512]', '2d', /multiples of 128, 128, what the strides divide/],
    ['configurations.2d.architecture=null', '2d', /"architecture" must be the network, came null/],
    [
      'configurations.2d.data_identifier="../../elsewhere"',
      '2d',
      /"data_identifier" must be the plain name of a folder/,
    ],
    [
      'configurations.2d.preprocessor_name=MyPreprocessor',
      '2d',
      /DefaultPreprocessor, the only one .* "MyPreprocessor"/,
    ],
    ['configurations.2d.previous_stage=nowhere', '2d', /"previous_stage" must be one of 2d, 3d_lowres/],
    ['configurations.2d.batch_dice=yes', '2d', /"batch_dice" must be true or false, came "yes"/],
    ['configurations.2d.architecture.arch_kwargs.nonlin_first=true', '2d', /nonlin_first true is not built/],
    ['configurations.2d.voxelwise=3', '2d', /"voxelwise" must be an object of settings/],
    ['configurations.2d.inherits_from=none', '2d', /no configuration "none"/],
    ['foreground_intensity_properties_per_channel={}', '2d', /channel 0 \(CT\) is normalized as CT/],
  ])('refuses %s', (assignment, name, message) => {
    expect(() => configurationPlan(edit(assignment), spleen.dataset_json, name)).toThrow(message);
  });
});

describe('setPlanValue and diffPlans', () => {
  it('sets values, adds keys, and the difference shows them', () => {
    let edited = setPlanValue(plans, 'configurations.3d_fullres.batch_size=4');
    edited = setPlanValue(edited, 'configurations.3d_fullres.patch_size.0=32');
    edited = setPlanValue(edited, 'configurations.mine={"inherits_from": "3d_fullres"}');
    expect(diffPlans(plans, edited)).toEqual([
      { path: 'configurations.3d_fullres.batch_size', before: 2, after: 4 },
      { path: 'configurations.3d_fullres.patch_size', before: [64, 192, 160], after: [32, 192, 160] },
      { path: 'configurations.mine', after: { inherits_from: '3d_fullres' } },
    ]);
    expect(configurationPlan(edited, spleen.dataset_json, 'mine').batchSize).toBe(4);
    expect(setPlanValue(plans, 'configurations.mine.inherits_from=3d_fullres').configurations['mine']).toEqual({
      inherits_from: '3d_fullres',
    });
    expect(diffPlans(plans, plans)).toEqual([]);
  });

  it.each([
    ['batch_size', /expected PATH=VALUE/],
    ['configurations.4d.batch_size=1', /configurations has no "4d"\. It has: 2d, 3d_lowres/],
    ['configurations.2d.batch_sise=1', /configurations\.2d has no "batch_sise"\. It has: .*batch_size/],
    ['transpose=[0, 1, 2]', /the plans has no "transpose"\. It has: dataset_name/],
    ['configurations.3d_cascade_fullres.architecture.n_stages=2', /has no "architecture"/],
    ['configurations.".."={"inherits_from": "2d"}', /"\.\." is no name for a configuration/],
    ['plans_name=../elsewhere', /"plans_name" must be a plain name without slashes/],
    ['configurations.2d.patch_size.2=1', /has items 0 to 1, not "2"/],
    ['configurations.2d.batch_size.x=1', /batch_size is 12, which has no "x"/],
  ])('refuses %s', (assignment, message) => expect(() => setPlanValue(plans, assignment)).toThrow(message));
});

describe('explainPlans', () => {
  it('gives every decided value its rule and inputs, and tells what was edited', () => {
    const explained = explainPlans(
      setPlanValue(plans, 'configurations.3d_fullres.batch_size=4'),
      spleen.fingerprint,
      spleen.dataset_json,
    );
    const paths = explained.map(({ path }) => path);
    expect(new Set(paths).size).toBe(paths.length);
    for (const configuration of ['2d', '3d_lowres', '3d_fullres'])
      for (const field of ['spacing', 'patch_size', 'batch_size', 'batch_dice', 'architecture.arch_kwargs.strides'])
        expect(paths).toContain(`configurations.${configuration}.${field}`);
    expect(explained.find(({ path }) => path === 'configurations.3d_fullres.batch_size')).toEqual({
      path: 'configurations.3d_fullres.batch_size',
      value: 4,
      rule: 'changed in the file',
      from: { planner_says: 2 },
    });
    const patch = explained.find(({ path }) => path === 'configurations.2d.patch_size')!;
    expect(patch.value).toEqual(plans.configurations['2d']!.patch_size);
    expect(explanationText(patch)).toMatch(
      /^configurations\.2d\.patch_size = \[512,512\]\n {2}isotropic box.*\n {4}first_patch = /,
    );
  });

  it('explains each value of the plans once, also those added by hand', () => {
    const leaves = (node: unknown, path: string): string[] =>
      typeof node !== 'object' || node === null || Array.isArray(node)
        ? [path]
        : Object.entries(node).flatMap(([key, value]) => leaves(value, path === '' ? key : `${path}.${key}`));
    const added = setPlanValue(plans, 'configurations.mine={"inherits_from": "3d_fullres", "batch_size": 9}');
    const explained = explainPlans(added, spleen.fingerprint, spleen.dataset_json);
    expect(explained.map(({ path }) => path)).toEqual(leaves(added, ''));
    for (const { path, value, rule, from } of explained) {
      expect(Object.keys(from).length, path).toBeGreaterThan(0);
      expect(Object.values(from), path).not.toContain(undefined);
      const stored = path.split('.').reduce<unknown>((node, key) => (node as Record<string, unknown>)[key], added);
      expect(stored, path).toEqual(value);
      expect(rule.length).toBeGreaterThan(10);
      expect(rule === 'added to the file, not by the planner').toBe(path.startsWith('configurations.mine.'));
    }
    expect(writePythonJson(explained)).not.toContain('NaN');
  });

  it('keeps what a user added to plans written before, and says so', () => {
    const existing = setPlanValue(plans, 'configurations.mine={"inherits_from": "3d_fullres", "batch_size": 9}');
    const again = planExperiment(spleen.fingerprint, spleen.dataset_json, {
      datasetName: plans.dataset_name,
      existing,
    });
    expect(again.plans).toEqual(existing);
    const kept = again.explanations.filter(({ rule }) => rule === 'kept from the plans written before');
    expect(kept.map(({ path }) => path)).toEqual([
      'configurations.mine.inherits_from',
      'configurations.mine.batch_size',
    ]);
  });
});
