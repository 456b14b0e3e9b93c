/** A whole run over two configurations and two folds: what it chooses and ships is what the single commands make. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runLine, temporaryFolder, type Document } from '../testing/command-line.ts';

const data = join(import.meta.dirname, '../../../../examples/data/hippocampus');
const work = temporaryFolder();
afterAll(work.remove);

const ids = ['004', '006', '007', '008'].map((n) => `hippocampus_${n}`);
const tested = 'hippocampus_015';
const set = work.at('Dataset000_Hippocampus');
const results = work.at('results/Dataset000_Hippocampus');
const line = (...words: string[]): Promise<Document> => runLine([...words, '--workspace', work.path]);
const words = ['run', set, '--configurations', '2d,3d_fullres', '--test', join(set, 'imagesTs')];

/** Edits of plans that make a configuration small and its training short. */
const small = (configuration: string, patch: string): string[] =>
  [
    `patch_size=${patch}`,
    'batch_size=2',
    'architecture.arch_kwargs.features_per_stage=[4,8,8,8]',
    'voxelwise={"training":{"steps":4,"stepsPerEpoch":4,"validationSteps":1}}',
  ].flatMap((edit) => ['--set', `configurations.${configuration}.${edit}`]);

let run: Document;

beforeAll(async () => {
  for (const folder of ['imagesTr', 'labelsTr', 'imagesTs', 'labelsTs'])
    mkdirSync(join(set, folder), { recursive: true });
  const copy = (id: string, part: string): void => {
    cpSync(join(data, 'imagesTr', `${id}.nii.gz`), join(set, `images${part}`, `${id}_0000.nii.gz`));
    cpSync(join(data, 'labelsTr', `${id}.nii.gz`), join(set, `labels${part}`, `${id}.nii.gz`));
  };
  for (const id of ids) copy(id, 'Tr');
  copy(tested, 'Ts');
  writeFileSync(
    join(set, 'dataset.json'),
    JSON.stringify({
      channel_names: { 0: 'MRI' },
      labels: { background: 0, Anterior: 1, Posterior: 2 },
      numTraining: ids.length,
      file_ending: '.nii.gz',
    }),
  );
  writeFileSync(
    join(set, 'splits_final.json'),
    JSON.stringify(
      [0, 1].map((k) => ({ train: ids.filter((_, i) => i % 2 !== k), val: ids.filter((_, i) => i % 2 === k) })),
    ),
  );
  await line('plan', set, ...small('3d_fullres', '[16,16,16]'), ...small('2d', '[32,32]'));
  run = await line(...words);
}, 120_000);

describe('a run over several configurations', () => {
  it('compares single configurations and their pair, and chooses the best', () => {
    const candidates = run.candidates as { name: string; meanDice: number; chosen: boolean }[];
    const names = candidates.map(({ name }) => name).filter((name) => !name.startsWith('the chosen'));
    expect(names).toEqual(['2d', '3d_fullres', '2d with 3d_fullres']);
    const best = candidates.slice(0, 3).reduce((a, b) => (b.meanDice > a.meanDice ? b : a));
    expect(candidates.filter(({ chosen }) => chosen)[0]!.name).toBe(best.name);
    expect(run.outputs.models).toHaveLength(best.name.split(' with ').length);
    for (const name of ['inference_instructions.txt', 'inference_information.json', 'report.html'])
      expect(existsSync(join(results, name)), name).toBe(true);
    expect(readFileSync(join(results, 'report.html'), 'utf8')).toContain('2d with 3d_fullres');
  });

  it('ships for the test set what predict, ensemble and postprocess make of the chosen models', async () => {
    await expectShipped(run);
    expect(run.cases).toBe(1);
  });

  it('run again, finds all done and says the same', async () => {
    const again = await line(...words);
    expect(again.meanDice).toBe(run.meanDice);
    expect(again.candidates).toEqual(run.candidates);
  });

  it('goes on from a choice that was made, here of a pair', async () => {
    const state = join(results, 'run.json');
    const stored = JSON.parse(readFileSync(state, 'utf8')) as Document;
    const pair = readdirSync(join(results, 'ensembles'))[0]!;
    Object.assign(stored.decisions.choice, {
      configurations: ['2d', '3d_fullres'],
      folder: join(results, 'ensembles', pair),
    });
    writeFileSync(state, JSON.stringify(stored));
    const again = await line(...words);
    expect(again.outputs.models).toHaveLength(2);
    await expectShipped(again);
  });

  it('trains once on every case where they are too few for folds', async () => {
    const few = work.at('few', 'Dataset001_Few');
    cpSync(set, few, { recursive: true, filter: (path) => !path.endsWith('splits_final.json') });
    const there = ['--workspace', work.at('few')];
    await runLine(['plan', few, ...small('3d_fullres', '[16,16,16]'), ...there]);
    const one = ['--configurations', '3d_fullres', '--test', join(few, 'imagesTs'), ...there];
    const made = await runLine(['run', few, ...one]);
    const [model] = made.outputs.models as string[];
    expect(readdirSync(model!).filter((name) => name.startsWith('fold_'))).toEqual(['fold_all']);
    expect(made.cases).toBe(1);
    await expect(runLine(['run', few, ...one, '--folds', '0'])).rejects.toThrow('too few for five folds');
  });
});

/** Makes the test segmentations with the single commands and compares the files. */
async function expectShipped({ outputs: { models, segmentations } }: Document): Promise<void> {
  const members: string[] = [];
  for (const [k, model] of (models as string[]).entries()) {
    const output = work.at(`members-of-${models.length}`, String(k));
    const input = join(set, 'imagesTs');
    await line(
      'predict',
      '--model',
      model,
      '--input',
      input,
      '--output',
      output,
      '--folds',
      '0,1',
      '--save-probabilities',
    );
    members.push(output);
  }
  const merged = members.length > 1 ? work.at('merged') : members[0]!;
  if (members.length > 1) await line('ensemble', '--inputs', ...members, '--output', merged);
  const final = work.at(`final-of-${models.length}`);
  const information = JSON.parse(readFileSync(join(results, 'inference_information.json'), 'utf8')) as Document;
  const steps = information.best_model_or_ensemble.postprocessing_file as string;
  await line('postprocess', 'apply', '--input', merged, '--output', final, '--postprocessing', steps);
  const file = `${tested}.nii.gz`;
  expect(readFileSync(join(segmentations, file)).equals(readFileSync(join(final, file)))).toBe(true);
}
