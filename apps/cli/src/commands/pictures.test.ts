/** 2D pictures from loose files to scores: RGBA with one number per nucleus, and grey files in nnU-Net's layout. */
import { readVolume, writeVolume } from '@voxelwise/io/node';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exitCodeOf } from '../exit.ts';
import { runLine, temporaryFolder, type Document } from '../testing/command-line.ts';

const nuclei = fileURLToPath(new URL('../../fixtures/nuclei', import.meta.url));
const files = readdirSync(join(nuclei, 'images'));
const work = temporaryFolder();
afterAll(work.remove);
const workspace = ['--workspace', work.path];
const environment = Object.fromEntries(
  ['raw', 'preprocessed', 'results'].map((name) => [`nnUNet_${name}`, work.at(name)]),
);
const upstream = (...words: string[]): Promise<Document> => runLine(words, environment);
const init = (name: string, ...more: string[]): Promise<Document> =>
  runLine([
    'init',
    '--images',
    join(nuclei, 'images'),
    '--labels',
    join(nuclei, 'instances'),
    '--name',
    name,
    ...more,
    ...workspace,
  ]);
const json = (...parts: string[]): Document => JSON.parse(readFileSync(work.at(...parts), 'utf8'));

/** Two steps of a narrow network, then the fold's validation. */
async function trainShortly(id: string): Promise<Document> {
  const edits = [
    'architecture.arch_kwargs.features_per_stage=[4,4,8,8,8]',
    'batch_size=2',
    'voxelwise={"training":{"validationSteps":1}}',
  ];
  await runLine(['plan', id, ...workspace, ...edits.flatMap((edit) => ['--set', `configurations.2d.${edit}`])]);
  return runLine(['train', id, '2d', '0', '--epochs', '1', '--steps-per-epoch', '2', ...workspace]);
}

beforeAll(async () => {
  await init('Dataset020_Nuclei', '--label-names', 'nucleus=1..');
});

describe('pictures', { timeout: 60_000 }, () => {
  it('rewrites instance maps and takes the channels of color files', async () => {
    const dataset = json('raw/Dataset020_Nuclei/dataset.json');
    expect(dataset).toMatchObject({
      channel_names: { 0: 'red', 1: 'green', 2: 'blue', 3: 'alpha' },
      labels: { background: 0, nucleus: 1 },
      numTraining: 6,
      file_ending: '.png',
    });
    for (const file of files) {
      const instances = await readVolume(join(nuclei, 'instances', file), { kind: 'labels' });
      expect(Math.max(...instances.voxels)).toBeGreaterThan(1);
      const labels = await readVolume(work.at('raw/Dataset020_Nuclei/labelsTr', file), { kind: 'labels' });
      expect([...labels.voxels]).toEqual([...instances.voxels].map((value) => Math.min(1, value)));
    }
    const { faults } = await runLine(['doctor', '20', ...workspace]);
    expect(new Set(faults.map((fault: Document) => fault.code))).toEqual(new Set(['image-constant']));
    expect(faults[0].message).toContain('channel alpha');
  });

  it('refuses values that no label takes, and names that share one', async () => {
    const refused = (...words: string[]): Promise<[number, string]> =>
      init('Dataset021_Odd', ...words).then(
        () => [0, ''],
        (error: Error) => [exitCodeOf(error), error.message],
      );
    expect(await refused('--label-names', 'nucleus=1..2')).toEqual([
      3,
      expect.stringMatching(/\.png: holds \d+, which --label-names gives to no label/),
    ]);
    expect(await refused('--label-names', 'a=1..3,b=3..')).toEqual([
      2,
      expect.stringContaining('a and b both take the value 3'),
    ]);
    expect(await refused('--label-names', 'nucleus=1..', '--channels', 'red,green,blue')).toEqual([
      3,
      expect.stringContaining('has 4 channel(s) in 1 file(s), the data set 3 (red, green, blue)'),
    ]);
  });

  it('trains on color, predicts PNG, and scores it', async () => {
    const { checkpoint, meanValidationDice } = await trainShortly('20');
    expect(existsSync(checkpoint)).toBe(true);
    expect(meanValidationDice).toBeGreaterThanOrEqual(0);
    const plans = json('preprocessed/Dataset020_Nuclei/nnUNetPlans.json');
    expect(Object.keys(plans.configurations)).toEqual(['2d']);
    expect(plans.image_reader_writer).toBe('NaturalImage2DIO');
    const model = ['-d', '20', '-c', '2d', '-f', '0', '--disable_tta'];
    await upstream('nnUNetv2_predict', '-i', join(nuclei, 'images'), '-o', work.at('out'), ...model);
    for (const file of files) {
      const segmentation = await readVolume(work.at('out', file), { kind: 'labels' });
      expect(segmentation.grid.shape).toEqual([1, 64, 64]);
      expect(Math.max(...segmentation.voxels)).toBeLessThanOrEqual(1);
    }
    const references = work.at('raw/Dataset020_Nuclei/labelsTr');
    const scores = await upstream(
      'nnUNetv2_evaluate_folder',
      references,
      work.at('out'),
      '-djfile',
      work.at('raw/Dataset020_Nuclei/dataset.json'),
    );
    expect(scores.cases).toBe(6);
    const results = 'results/Dataset020_Nuclei/nnUNetTrainer__nnUNetPlans__2d';
    expect(readdirSync(work.at(results, 'fold_0/validation')).filter((name) => name.endsWith('.png'))).toHaveLength(2);
  });

  it("trains on grey files in nnU-Net's layout", async () => {
    const root = work.at('raw/Dataset022_Grey');
    for (const file of files) {
      const picture = await readVolume(join(nuclei, 'images', file));
      await writeVolume(join(root, 'imagesTr', file.replace('.png', '_0000.png')), {
        grid: picture.grid,
        kind: 'intensity',
        channels: ['gray'],
        voxels: picture.voxels.slice(0, 64 * 64),
      });
      const labels = await readVolume(work.at('raw/Dataset020_Nuclei/labelsTr', file), { kind: 'labels' });
      await writeVolume(join(root, 'labelsTr', file), labels);
    }
    const dataset = { channel_names: { 0: 'gray' }, labels: { background: 0, nucleus: 1 }, numTraining: 6 };
    writeFileSync(join(root, 'dataset.json'), JSON.stringify({ ...dataset, file_ending: '.png' }));
    await upstream('nnUNetv2_extract_fingerprint', '-d', '22', '--verify_dataset_integrity');
    expect((await trainShortly('22')).epochs).toBe(1);
  });
});
