/** `run` with everything nnU-Net plans: 2d, low resolution, full resolution and the cascade, chosen from and followed to the letter. */
import { readVolume } from '@voxelwise/io/node';
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runLine, temporaryFolder, type Document } from '../testing/command-line.ts';

const data = join(import.meta.dirname, '../../../../examples/data/hippocampus');
const work = temporaryFolder();
afterAll(work.remove);

const CONFIGURATIONS = ['2d', '3d_lowres', '3d_fullres', '3d_cascade_fullres'];
const ids = readdirSync(join(data, 'imagesTr'))
  .map((name) => name.replace('.nii.gz', ''))
  .sort()
  .slice(0, 5);
const [tested, ...trained] = ids;
const set = work.at('Dataset040_Hippocampus');
const environment = {
  nnUNet_raw: work.path,
  nnUNet_preprocessed: work.at('preprocessed'),
  nnUNet_results: work.at('results'),
};
const line = (...words: string[]): Promise<Document> => runLine(words, environment);

beforeAll(async () => {
  for (const folder of ['imagesTr', 'labelsTr']) mkdirSync(join(set, folder), { recursive: true });
  mkdirSync(work.at('test'));
  writeFileSync(
    join(set, 'dataset.json'),
    JSON.stringify({
      channel_names: { 0: 'MRI' },
      labels: { background: 0, Anterior: 1, Posterior: 2 },
      numTraining: trained.length,
      file_ending: '.nii.gz',
    }),
  );
  for (const id of trained) {
    cpSync(join(data, 'imagesTr', `${id}.nii.gz`), join(set, 'imagesTr', `${id}_0000.nii.gz`));
    cpSync(join(data, 'labelsTr', `${id}.nii.gz`), join(set, 'labelsTr', `${id}.nii.gz`));
  }
  cpSync(join(data, 'imagesTr', `${tested!}.nii.gz`), work.at('test', `${tested!}_0000.nii.gz`));
  const halves = [0, 1].map((k) => trained.filter((_, i) => i % 2 === k));
  writeFileSync(
    join(set, 'splits_final.json'),
    JSON.stringify(halves.map((val, k) => ({ train: halves[1 - k], val }))),
  );
  // So little memory that the planner's own rule asks for a low resolution.
  await line('plan', set, '--memory', '20MB');
  const path = work.at('preprocessed/Dataset040_Hippocampus/nnUNetPlans.json');
  const plans = JSON.parse(readFileSync(path, 'utf8')) as Document;
  expect(Object.keys(plans.configurations)).toEqual(CONFIGURATIONS);
  for (const [name, entry] of Object.entries<Document>(plans.configurations)) {
    // One of them learns enough to find something; the others show that they run.
    const stepsPerEpoch = name === '3d_lowres' ? 100 : 10;
    entry.voxelwise = { training: { steps: 2 * stepsPerEpoch, stepsPerEpoch, validationSteps: 1, mirrorAxes: [] } };
    if (entry.architecture) {
      entry.architecture.arch_kwargs.features_per_stage = entry.architecture.arch_kwargs.features_per_stage.map(
        () => 8,
      );
      entry.batch_size = 2;
    }
  }
  writeFileSync(path, JSON.stringify(plans));
});

it('trains, compares and predicts with all four, and its instructions give the same segmentations', async () => {
  await line('run', set, '--folds', '0,1', '--test', work.at('test'));
  const results = work.at('results/Dataset040_Hippocampus');
  expect(readdirSync(results)).toEqual(
    expect.arrayContaining(CONFIGURATIONS.map((name) => `nnUNetTrainer__nnUNetPlans__${name}`)),
  );
  const report = JSON.parse(readFileSync(join(results, 'inference_information.json'), 'utf8')) as Document;
  // Each alone, and every pair.
  expect(Object.keys(report.all_results)).toHaveLength(10);

  const instructions = readFileSync(join(results, 'inference_instructions.txt'), 'utf8');
  const commands = instructions.split('\n').filter((row) => row.startsWith('voxelwise '));
  expect(commands.length).toBeGreaterThan(0);
  let last = '';
  for (const command of commands) {
    const words = command
      .split(' ')
      .slice(1)
      .map((word) =>
        word === 'INPUT_FOLDER' ? work.at('test') : word.startsWith('OUTPUT_FOLDER') ? work.at(word) : word,
      );
    await line(...words);
    last = words[words.indexOf('-o') + 1]!;
  }
  const followed = await readVolume(join(last, `${tested!}.nii.gz`));
  const own = await readVolume(join(results, 'test', `${tested!}.nii.gz`));
  expect(own.voxels.some((label) => label > 0)).toBe(true);
  expect(followed.voxels).toEqual(own.voxels);
}, 400_000);
