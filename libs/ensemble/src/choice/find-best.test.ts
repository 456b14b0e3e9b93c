import { readdirSync, readFileSync } from 'node:fs';
import { type DatasetJson, labelScheme } from '@voxelwise/planner';
import { describe, expect, it } from 'vitest';
import { readFixtureNifti } from '../../../../tools/testing/nifti.ts';
import { readFixtureNpy } from '../../../../tools/testing/npy.ts';
import { EnsembleError } from '../errors.ts';
import type { LabelMap } from '../label-map.ts';
import { segmentProbabilities } from '../merge/merge.ts';
import { chooseBest, type CrossValidation, findBest } from './find-best.ts';
import {
  inferenceInformation,
  inferenceInstructions,
  readInferenceInformation,
  writeInferenceInformation,
} from './inference-information.ts';
import { ensembleName, type ModelIdentity, parseModelName } from './model-names.ts';

const folder = new URL('../../fixtures/find_best_configuration/', import.meta.url);
const sets = readdirSync(folder);
const folds = [0, 1, 2, 3, 4];

function crossValidation(set: string): CrossValidation {
  const at = (path: string): URL => new URL(`${set}/${path}`, folder);
  const dataset = JSON.parse(readFileSync(at('dataset.json'), 'utf8')) as DatasetJson;
  const scheme = labelScheme(dataset.labels, dataset.regions_class_order);
  const reference = async (id: string): Promise<LabelMap> => readFixtureNifti(at(`gt/${id}.nii.gz`)) as LabelMap;
  const probabilities = async ({ configuration }: ModelIdentity, id: string): Promise<Float32Array> =>
    readFixtureNpy(at(`${configuration}/${id}_probabilities_float16.npy`)).values as Float32Array;
  return {
    models: ['2d', '3d_fullres', '3d_lowres']
      .filter((name) => readdirSync(at('.')).includes(name))
      .map((configuration) => ({ trainer: 'nnUNetTrainer', plans: 'nnUNetPlans', configuration })),
    folds,
    scheme,
    cases: folds.map((i) => `case_${i}`),
    reference,
    async *probabilities(model, id) {
      const values = await probabilities(model, id);
      const [nz, ny, nx] = (await reference(id)).shape;
      for (let at = 0; at < values.length; at += nz * ny * nx) yield values.subarray(at, at + nz * ny * nx);
    },
    prediction: async (model, id) =>
      segmentProbabilities(await probabilities(model, id), (await reference(id)).shape, scheme),
  };
}

describe('findBest', () => {
  it.each(sets)('chooses as the reference does: %s', async (set) => {
    const golden = readInferenceInformation(readFileSync(new URL(`${set}/inference_information.json`, folder), 'utf8'));
    const ensembled = new Map<string, LabelMap>();
    const best = await findBest({
      ...crossValidation(set),
      onEnsembled: async (name, id, map) => void ensembled.set(`${name}/${id}`, map),
    });
    const information = inferenceInformation(best, {
      datasetNameOrId: golden.dataset_name_or_id,
      folds,
      ensemblingAllowed: true,
      folderOfBest: golden.best_model_or_ensemble.some_plans_file.replace('/plans.json', ''),
    });
    const { all_results, best_model_or_ensemble, ...rest } = information;
    expect(Object.keys(all_results).sort()).toEqual(Object.keys(golden.all_results).sort());
    for (const [name, dice] of Object.entries(golden.all_results)) expect(all_results[name]).toBeCloseTo(dice, 9);
    expect(best_model_or_ensemble.selected_model_or_models).toEqual(
      golden.best_model_or_ensemble.selected_model_or_models,
    );
    expect(best_model_or_ensemble.result_on_crossval_post_pp).toBeCloseTo(
      golden.best_model_or_ensemble.result_on_crossval_post_pp,
      9,
    );
    expect(best_model_or_ensemble.result_on_crossval_pre_pp).toBeCloseTo(
      golden.best_model_or_ensemble.result_on_crossval_pre_pp,
      9,
    );
    // Ours is data, never a pickle.
    expect(best_model_or_ensemble.postprocessing_file).toBe(
      golden.best_model_or_ensemble.postprocessing_file.replace(/\.pkl$/, '.json'),
    );
    expect(rest).toEqual({
      considered_models: golden.considered_models,
      dataset_name_or_id: 902,
      ensembling_allowed: true,
      folds,
    });
    for (const [key, map] of ensembled) {
      const expected = readFixtureNifti(new URL(`${set}/ensembles/${key}.nii.gz`, folder));
      expect([...map.voxels], key).toEqual([...expected.voxels]);
    }
    expect(ensembled.size).toBe(
      5 * Object.keys(golden.all_results).filter((name) => name.startsWith('ensemble')).length,
    );
    expect(readInferenceInformation(writeInferenceInformation(information))).toEqual(information);
  });

  it('writes the file with the keys and order of the reference', () => {
    for (const set of sets) {
      const text = readFileSync(new URL(`${set}/inference_information.json`, folder), 'utf8');
      expect(writeInferenceInformation(readInferenceInformation(text))).toBe(text);
    }
  });

  it('tries no pairs without probabilities', async () => {
    const { probabilities: _, ...validation } = crossValidation('ensemble_wins');
    const best = await findBest(validation);
    expect(best.best.members.map(({ configuration }) => configuration)).toEqual(['3d_fullres']);
    expect(best.candidates.length).toBe(3);
  });

  it('prefers the first of equals, leaves out what has no score, and says so when nothing has', () => {
    const candidate = (name: string, Dice: number) =>
      ({ name, members: [], summary: { foreground_mean: { Dice } } }) as never;
    expect(chooseBest([candidate('a', Number.NaN), candidate('b', 0.5), candidate('c', 0.5)]).name).toBe('b');
    expect(() => chooseBest([candidate('a', Number.NaN)])).toThrow(EnsembleError);
  });
});

describe('inferenceInstructions', () => {
  const information = readInferenceInformation(
    readFileSync(new URL('ensemble_wins/inference_information.json', folder), 'utf8'),
  );
  it('lists the commands of an ensemble, with a cascade’s first stage before it', () => {
    const cascade = {
      ...information,
      best_model_or_ensemble: {
        ...information.best_model_or_ensemble,
        selected_model_or_models: [
          { configuration: '2d', plans_identifier: 'P', trainer: 'T' },
          { configuration: '3d_cascade_fullres', plans_identifier: 'P', trainer: 'T' },
        ],
      },
    };
    const commands = inferenceInstructions(cascade, { previousStages: { '3d_cascade_fullres': '3d_lowres' } })
      .split('\n')
      .filter((line) => line.startsWith('voxelwise'));
    const from = 'voxelwise nnUNetv2_predict -d 902 -i INPUT_FOLDER -o';
    expect(commands.slice(0, 4)).toEqual([
      `${from} OUTPUT_FOLDER_MODEL_1 -f 0 1 2 3 4 -tr T -c 2d -p P --save_probabilities`,
      `${from} OUTPUT_FOLDER_MODEL_2_PREV_STAGE -f 0 1 2 3 4 -tr T -c 3d_lowres -p P`,
      `${from} OUTPUT_FOLDER_MODEL_2 -f 0 1 2 3 4 -tr T -c 3d_cascade_fullres -p P -prev_stage_predictions OUTPUT_FOLDER_MODEL_2_PREV_STAGE --save_probabilities`,
      'voxelwise nnUNetv2_ensemble -i OUTPUT_FOLDER_MODEL_1 OUTPUT_FOLDER_MODEL_2 -o OUTPUT_FOLDER',
    ]);
    const flags = ['--workspace', "/a b/it's"];
    expect(inferenceInstructions(information, { flags })).toContain(" --workspace '/a b/it'\\''s'\n");
    expect(commands[4]).toContain('nnUNetv2_apply_postprocessing -i OUTPUT_FOLDER -o OUTPUT_FOLDER_PP');
  });
});

describe('model names', () => {
  it('go there and back', () => {
    const model = { trainer: 'nnUNetTrainer', plans: 'nnUNetPlans', configuration: '3d_fullres' };
    expect(parseModelName('nnUNetTrainer__nnUNetPlans__3d_fullres')).toEqual(model);
    expect(ensembleName([model, { ...model, configuration: '2d' }], [0, 1])).toBe(
      'ensemble___nnUNetTrainer__nnUNetPlans__3d_fullres___nnUNetTrainer__nnUNetPlans__2d___0_1',
    );
    expect(() => parseModelName('a__b')).toThrow(EnsembleError);
  });
});
