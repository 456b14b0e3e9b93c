/** nnUNetV2Runner's verbs with real training: a MONAI datalist in, post-processed segmentations of its test images out. */
import { readVolume } from '@voxelwise/io/node';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runLine, temporaryFolder, type Document } from '../testing/command-line.ts';

const data = join(import.meta.dirname, '../../../../examples/data/hippocampus');
const work = temporaryFolder();
afterAll(work.remove);

const ids = readdirSync(join(data, 'imagesTr'))
  .filter((name) => !name.startsWith('.'))
  .sort()
  .slice(0, 6);
const [tested, ...trained] = ids;
const runner = (verb: string, ...more: string[]): Promise<Document> =>
  runLine(['runner', verb, '--input_config', work.at('input.yaml'), ...more]);
const trainer = ['--trainer_class_name', 'nnUNetTrainer_1epoch'];
const chosen = ['--configs', '2d,3d_fullres', '--folds', '0,1'];
const name = 'Dataset011_hippocampus';
const model = (configuration: string): string =>
  work.at('results', name, `nnUNetTrainer_1epoch__nnUNetPlans__${configuration}`);

beforeAll(async () => {
  writeFileSync(
    work.at('datalist.json'),
    JSON.stringify({
      training: trained.map((file, k) => ({ image: `imagesTr/${file}`, label: `labelsTr/${file}`, fold: k })),
      testing: [{ image: `imagesTr/${tested}` }],
    }),
  );
  writeFileSync(
    work.at('input.yaml'),
    [
      'modality: MRI',
      `datalist: ${work.at('datalist.json')}`,
      `dataroot: ${data}`,
      'dataset_name_or_id: 11',
      `nnunet_raw: ${work.at('raw')}`,
      `nnunet_preprocessed: ${work.at('preprocessed')}`,
      `nnunet_results: ${work.at('results')}`,
    ].join('\n'),
  );
  await runner('convert_dataset');
  await runner('plan_experiments');
  const path = work.at('preprocessed', name, 'nnUNetPlans.json');
  const plans = JSON.parse(readFileSync(path, 'utf8')) as Document;
  for (const entry of Object.values<Document>(plans.configurations)) {
    entry.voxelwise = { training: { steps: 20, stepsPerEpoch: 20, validationSteps: 1 } };
    entry.batch_size = 2;
    const { arch_kwargs: network } = entry.architecture;
    network.features_per_stage = network.features_per_stage.map(() => 8);
  }
  writeFileSync(path, JSON.stringify(plans));
  await runner('preprocess');
}, 120_000);

it('trains every fold, chooses, and predicts what the choice says', { timeout: 400_000 }, async () => {
  const trainedFolds = await runner('train', ...trainer, ...chosen);
  expect(trainedFolds.steps[0].map(({ epochs }: Document) => epochs)).toEqual([1, 1, 1, 1]);
  expect(existsSync(join(model('2d'), 'fold_1/checkpoint_final.safetensors'))).toBe(true);
  await runner('find_best_configuration', ...trainer, ...chosen);
  const information = JSON.parse(readFileSync(work.at('results', name, 'inference_information.json'), 'utf8'));
  expect(information.folds).toEqual([0, 1]);
  expect(Object.keys(information.all_results).length).toBe(3);
  await runner('predict_ensemble_postprocessing', ...trainer, '--folds', '0,1');
  const final = work.at('results', name, 'ensemble_predictions_postprocessed');
  const [file] = readdirSync(final).filter((one) => one.endsWith('.nii.gz'));
  const { grid } = await readVolume(join(data, 'imagesTr', tested!));
  expect((await readVolume(join(final, file!), { kind: 'labels' })).grid.shape).toEqual(grid.shape);
});

it('trains and validates one fold, and predicts a folder', { timeout: 400_000 }, async () => {
  const one = ['--config', '3d_fullres', '--fold', '2', ...trainer];
  expect((await runner('train_single_model', ...one)).steps[0]).toMatchObject({ epochs: 1, fold: 2 });
  const again = await runner('validate_single_model', ...one);
  expect(again.steps[0]).not.toHaveProperty('epochs');
  expect(again.steps[0].checkpoint).toContain('fold_2');
  await runner(
    'predict',
    '--list_of_lists_or_source_folder',
    work.at('raw', name, 'imagesTs'),
    '--output_folder',
    work.at('predicted'),
    '--model_training_output_dir',
    model('3d_fullres'),
    '--use_folds',
    '2',
    '--use_mirroring',
    'False',
  );
  expect(readdirSync(work.at('predicted')).filter((file) => file.endsWith('.nii.gz'))).toHaveLength(1);
});
