/** Scores, comparison and post-processing as scripts meet them: folders with more in them than segmentations, faulty files, nnU-Net's pickles. */
import { readVolume, writeVolume } from '@voxelwise/io/node';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exitCodeOf } from '../exit.ts';
import { residentBytes } from '../memory.ts';
import { fixture, runLine, temporaryFolder } from '../testing/command-line.ts';

const work = temporaryFolder();
afterAll(work.remove);

const affine = Float64Array.of(0, 0, 1, 0, 0, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 1);
const write = (path: string, voxels: readonly number[], values: Float32Array | Uint8Array = Uint8Array.from(voxels)) =>
  writeVolume(work.at(path), {
    grid: { shape: [2, 2, 2], affine },
    kind: 'labels',
    channels: ['labels'],
    voxels: values,
  });
const score = (...words: string[]) =>
  runLine(['evaluate', '--prediction', work.at('pred'), '--reference', work.at('ref'), ...words]);

beforeAll(async () => {
  for (const side of ['ref', 'pred', 'pred/a_postprocessed']) mkdirSync(work.at(side), { recursive: true });
  await write('ref/case.nii.gz', [1, 1, 2, 2, 0, 0, 3, 3]);
  await write('pred/case.nii.gz', [1, 1, 2, 0, 0, 0, 3, 0]);
  for (const name of ['README', 'a.log', 'case.npz', 'plans.json']) writeFileSync(work.at('pred', name), 'no image');
});

describe('evaluate', () => {
  it('passes over what is no segmentation, and adds regions up in their order', async () => {
    const found = await score('--labels', '1+2+3,2+3,3');
    const summary = JSON.parse(readFileSync(found.outputs.summary as string, 'utf8'));
    const [all, two, three] = [(2 * 4) / (4 + 6), (2 * 2) / (2 + 4), 2 / 3] as const;
    expect(summary.foreground_mean.Dice).toBe((all + two + three) / 3);
    expect(found.meanDice).toBe(summary.foreground_mean.Dice);
  });

  it('looks for files of the ending that dataset.json declares', async () => {
    const dataset = { channel_names: { 0: 'CT' }, labels: { background: 0, a: 1, b: 2 }, numTraining: 1 };
    writeFileSync(work.at('dataset.json'), JSON.stringify({ ...dataset, file_ending: '.nii.gz' }));
    await write('pred/other.nrrd', [0, 0, 0, 0, 0, 0, 0, 0]);
    expect((await score('--dataset-json', work.at('dataset.json'))).perClass['1'].dice).toBe(1);
  });

  it.each([
    ['--labels 1 --dataset-json dataset.json', 2, /not both/],
    ['--labels 1 --tolerance-mm x', 2, /--tolerance-mm takes millimetres/],
    ['--labels 1 --tolerance-mm -1', 2, /--tolerance-mm takes millimetres/],
    ['--dataset-json none.json', 3, /none\.json: there is no such file/],
  ])('refuses %s', async (words, code, message) => {
    const error = await score(...words.split(' ')).catch((reason: Error) => reason);
    expect([exitCodeOf(error), (error as Error).message]).toEqual([code, expect.stringMatching(message)]);
  });

  it('refuses a limit that does not hold a case before it scores one, and scores within the limit that it names', async () => {
    const shape = [64, 256, 256] as const;
    const noise = (k: number) => Uint8Array.from({ length: 64 * 256 * 256 }, (_, i) => ((i * 7919 + k) % 1009) % 3);
    for (const [side, k] of [
      ['large/pred', 1],
      ['large/ref', 2],
    ] as const) {
      mkdirSync(work.at(side), { recursive: true });
      cpSync(work.at('ref/case.nii.gz'), work.at(side, 'a.nii.gz'));
      const volume = { grid: { shape, affine }, kind: 'labels', channels: ['labels'], voxels: noise(k) } as const;
      await writeVolume(work.at(side, 'b.nii.gz'), volume, { dtype: 'uint8' });
    }
    const line = [
      'evaluate',
      '--prediction',
      work.at('large/pred'),
      '--reference',
      work.at('large/ref'),
      '--labels',
      '1',
    ];
    const limited = (bytes: number) => runLine([...line, '--max-memory', `${bytes}B`]);
    const error = await limited(residentBytes() + 80 * 2 ** 20).catch((reason: Error) => reason);
    expect(exitCodeOf(error)).toBe(4);
    expect((error as Error).message).toMatch(
      /^scoring b, 64×256×256 voxels, does not fit into memory .* \d+ MB beside it/,
    );
    expect(existsSync(work.at('large/pred/summary.json'))).toBe(false);
    const [, named] = /it fits into --max-memory (\d+)MB/.exec((error as Error).message)!;
    expect((await limited((Number(named) + 64) * 2 ** 20)).cases).toBe(2);
  });

  it('names the file whose values are no labels', async () => {
    mkdirSync(work.at('maps'));
    await write('maps/case.nii.gz', [], Float32Array.of(0, Number.NaN, 0, 0, 0, 0, 0, 0));
    await expect(
      runLine(['evaluate', '--prediction', work.at('maps'), '--reference', work.at('ref'), '--labels', '1']),
    ).rejects.toThrow(/maps.case\.nii\.gz: labels must be whole numbers, voxel 1 holds NaN/);
  });
});

describe('splits', () => {
  it('refuses groups of a file that are none, and says so before anything is written', async () => {
    const raw = work.at('raw', 'Dataset007_Six');
    for (const folder of ['imagesTr', 'labelsTr']) mkdirSync(join(raw, folder), { recursive: true });
    for (const k of [0, 1, 2, 3, 4, 5]) {
      cpSync(work.at('ref', 'case.nii.gz'), join(raw, 'imagesTr', `c${k}_0000.nii.gz`));
      cpSync(work.at('ref', 'case.nii.gz'), join(raw, 'labelsTr', `c${k}.nii.gz`));
    }
    writeFileSync(
      join(raw, 'dataset.json'),
      '{"channel_names": {"0": "CT"}, "labels": {"background": 0, "a": 1, "b": 2, "c": 3}, "numTraining": 6, "file_ending": ".nii.gz"}',
    );
    const make = (groups: unknown, ...words: string[]) => {
      writeFileSync(work.at('groups.json'), JSON.stringify(groups));
      const out = ['--out', work.at('splits.json'), '--workspace', work.path];
      return runLine(['splits', 'make', '7', '--group', work.at('groups.json'), ...out, ...words]);
    };
    await expect(make([1])).rejects.toThrow(/expected an object \{case: group\}/);
    await expect(make({ nobody: 'x' })).rejects.toThrow(/1 case\(s\) that the data set does not have, such as nobody/);
    await expect(make({ c0: 1 }, '--folds', '1')).rejects.toThrow(/--folds is at least 2/);
    expect(readdirSync(work.path)).not.toContain('splits.json');
    expect((await make({ c0: 1, c1: 1, c2: 2 }, '--folds', '2')).groups).toBe(2);
  });
});

describe('nnUNetv2_apply_postprocessing', () => {
  const folder = fixture('ensemble', 'postprocessing');
  it.each(readdirSync(folder))('reads the pickle of %s', async (set) => {
    const [input, output] = [join(folder, set, 'pred'), work.at('applied', set)];
    const description = ['-dataset_json', join(folder, set, 'dataset.json')];
    const steps = ['-pp_pkl_file', join(folder, set, 'postprocessing.pkl')];
    await runLine(['nnUNetv2_apply_postprocessing', '-i', input, '-o', output, ...steps, ...description]);
    for (const file of readdirSync(input).filter((name) => name.endsWith('.nii.gz'))) {
      const [got, expected] = [join(output, file), join(folder, set, 'postprocessed', file)];
      expect((await readVolume(got)).voxels).toEqual((await readVolume(expected)).voxels);
    }
  });

  it('does not unfold lists that hold each other', async () => {
    // [(), ({'labels_or_regions': …},)] whose labels are lists of lists, each twice in the next: 2^60 labels written out.
    const nested = `(lp1\n${Array.from({ length: 60 }, (_, k) => `(g${k + 1}\ng${k + 1}\nlp${k + 2}\n`).join('')}`;
    const name =
      'nnunetv2.postprocessing.remove_connected_components\nremove_all_but_largest_component_from_segmentation\n';
    const pickle = `(lp0\n0${nested}0((lc${name}a(l(dS'labels_or_regions'\ng61\nsat.`;
    writeFileSync(work.at('deep.pkl'), pickle);
    await expect(
      runLine([
        'postprocess',
        'apply',
        '--input',
        work.at('pred'),
        '--output',
        work.at('out'),
        '--postprocessing',
        work.at('deep.pkl'),
      ]),
    ).rejects.toThrow(/needs "labels_or_regions"/);
  });
});
