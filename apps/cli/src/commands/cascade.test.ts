/** A cascade from the command line: the first stage's folds, what they hand on, the second stage, prediction. */
import { decodeB2nd } from '@voxelwise/io';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { exitCodeOf } from '../exit.ts';
import { runLine, temporaryFolder, type Document } from '../testing/command-line.ts';

const data = join(import.meta.dirname, '../../../../examples/data/hippocampus');
const work = temporaryFolder();
afterAll(work.remove);

const ids = ['004', '006', '007', '008'].map((n) => `hippocampus_${n}`);
const set = work.at('Dataset000_Hippocampus');
const model = (configuration: string): string =>
  work.at('results/Dataset000_Hippocampus', `nnUNetTrainer__nnUNetPlans__${configuration}`);
const line = (...words: string[]): Promise<Document> => runLine([...words, '--workspace', work.path]);
const train = (configuration: string, fold: number): Promise<Document> =>
  line('train', set, configuration, String(fold), '--epochs', '1', '--steps-per-epoch', '2');

beforeAll(async () => {
  for (const folder of ['imagesTr', 'labelsTr']) mkdirSync(join(set, folder), { recursive: true });
  const description = JSON.parse(readFileSync(join(data, 'dataset.json'), 'utf8')) as Document;
  const { labels } = description;
  writeFileSync(
    join(set, 'dataset.json'),
    JSON.stringify({
      channel_names: { 0: 'MRI' },
      labels: Array.isArray(labels)
        ? labels
        : Object.fromEntries(
            Object.entries(labels).map(([a, b]) => (Number.isNaN(Number(a)) ? [a, b] : [b, Number(a)])),
          ),
      numTraining: 4,
      file_ending: '.nii.gz',
    }),
  );
  for (const id of ids) {
    cpSync(join(data, 'imagesTr', `${id}.nii.gz`), join(set, 'imagesTr', `${id}_0000.nii.gz`));
    cpSync(join(data, 'labelsTr', `${id}.nii.gz`), join(set, 'labelsTr', `${id}.nii.gz`));
  }
  writeFileSync(
    join(set, 'splits_final.json'),
    JSON.stringify(
      [0, 1].map((k) => ({ train: ids.filter((_, i) => i % 2 !== k), val: ids.filter((_, i) => i % 2 === k) })),
    ),
  );
  const small = [
    'patch_size=[16,16,16]',
    'batch_size=2',
    'architecture.arch_kwargs.features_per_stage=[4,8,8,8]',
    'voxelwise={"training":{"validationSteps":1}}',
  ];
  await line('plan', set, ...small.flatMap((edit) => ['--set', `configurations.3d_fullres.${edit}`]));
  const path = work.at('preprocessed/Dataset000_Hippocampus/nnUNetPlans.json');
  const plans = JSON.parse(readFileSync(path, 'utf8')) as Document;
  const full = plans.configurations['3d_fullres'];
  plans.configurations = {
    '3d_lowres': {
      ...full,
      data_identifier: 'nnUNetPlans_3d_lowres',
      spacing: full.spacing.map((mm: number) => mm * 1.5),
      next_stage: '3d_cascade_fullres',
    },
    '3d_fullres': full,
    '3d_cascade_fullres': { inherits_from: '3d_fullres', previous_stage: '3d_lowres' },
  };
  writeFileSync(path, JSON.stringify(plans));
});

it('hands the first stage on to the second, and predicts with both', { timeout: 60_000 }, async () => {
  await train('3d_lowres', 0);
  const early = await train('3d_cascade_fullres', 0).catch((error: Error) => error);
  expect(exitCodeOf(early)).toBe(3);
  expect(String(early)).toContain('Train every fold of 3d_lowres first');
  await train('3d_lowres', 1);
  const folder = join(model('3d_lowres'), 'predicted_next_stage', '3d_cascade_fullres');
  expect(readdirSync(folder).sort()).toEqual(ids.map((id) => `${id}.b2nd`));
  const { shape, data: labels } = await decodeB2nd(readFileSync(join(folder, `${ids[0]!}.b2nd`)));
  // Full resolution is the images' own: what is handed on has the shape of the (cropped) image.
  expect(shape.reduce((a, b) => a * b)).toBe(labels.length);
  expect(Math.max(...(labels as Uint8Array))).toBeLessThanOrEqual(2);

  const { checkpoint, meanValidationDice } = await train('3d_cascade_fullres', 0);
  expect(existsSync(checkpoint)).toBe(true);
  expect(meanValidationDice).toBeGreaterThanOrEqual(0);
  expect(readdirSync(join(model('3d_cascade_fullres'), 'fold_0/validation'))).toEqual(
    expect.arrayContaining(ids.filter((_, i) => i % 2 === 0).map((id) => `${id}.nii.gz`)),
  );

  const input = join(set, 'imagesTr', `${ids[0]!}_0000.nii.gz`);
  const predict = (configuration: string, ...more: string[]): Promise<Document> =>
    line(
      'predict',
      '--model',
      model(configuration),
      '--input',
      input,
      '--output',
      work.at('out', configuration),
      '--no-mirroring',
      ...more,
    );
  expect(await predict('3d_cascade_fullres').catch(exitCodeOf)).toBe(3);
  await predict('3d_lowres');
  expect((await predict('3d_cascade_fullres', '--previous-stage', work.at('out/3d_lowres'))).cases).toHaveLength(1);
});

it('says before training that a run of a cascade needs every fold', { timeout: 60_000 }, async () => {
  expect(await line('run', set, '--configurations', '3d_cascade_fullres', '--folds', '0').catch(exitCodeOf)).toBe(2);
});
