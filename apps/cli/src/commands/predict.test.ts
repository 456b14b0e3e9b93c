/** `predict` with a model laid out as TotalSegmentator ships its own: 118 channels, one fold, plans of nnU-Net 2.0. */
import { readVolume, writeVolume } from '@voxelwise/io/node';
import type { Volume } from '@voxelwise/volume';
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exitCodeOf } from '../exit.ts';
import { residentBytes } from '../memory.ts';
import { openProbabilities } from '../stages/probabilities.ts';
import { runLine, temporaryFolder } from '../testing/command-line.ts';
import { TOTAL_CLASSES, writeRandomModel } from '../testing/random-model.ts';

const work = temporaryFolder();
afterAll(work.remove);

describe('predict with a model of 117 classes', () => {
  const line = (output: string, ...more: string[]): string[] => [
    'predict',
    '--model',
    work.at('model'),
    '--input',
    work.at('images'),
    '--output',
    work.at(output),
    ...more,
  ];
  let image: Volume;
  beforeAll(async () => {
    await writeRandomModel(work.at('model'), {
      classes: TOTAL_CLASSES,
      spacing: [3, 3, 3],
      patch: [16, 16, 32],
      width: 4,
    });
    mkdirSync(work.at('images'));
    const voxels = Float32Array.from({ length: 14 * 20 * 40 }, (_, v) => 400 * Math.sin(v / 7) * Math.cos(v / 301));
    // x runs to the left, as scanners store it.
    const affine = Float64Array.from([0, 0, -3, 0, 0, 3, 0, 0, 3, 0, 0, 0, 0, 0, 0, 1]);
    image = { grid: { shape: [14, 20, 40], affine }, kind: 'intensity', channels: ['CT'], voxels };
    await writeVolume(work.at('images', 'ct_0000.nii.gz'), image);
  });

  it('knows the classes by name and writes the ones asked for', async () => {
    expect(TOTAL_CLASSES).toHaveLength(117);
    expect([TOTAL_CLASSES[4], TOTAL_CLASSES[25], TOTAL_CLASSES[116]]).toEqual([
      'liver',
      'vertebrae_S1',
      'costal_cartilages',
    ]);
    const { configuration, folds, cases } = await runLine(line('all'));
    expect([configuration, folds, cases.length]).toEqual(['3d_fullres', ['0'], 1]);
    const all = await readVolume(work.at('all', 'ct.nii.gz'));
    expect(all.grid.shape).toEqual(image.grid.shape);
    const found = [...new Set(all.voxels)].filter((label) => label > 0);
    expect(found.length).toBeGreaterThan(20);

    const wanted = found.slice(3, 6);
    await runLine(line('some', '--roi-subset', wanted.map((label) => TOTAL_CLASSES[label - 1]).join(', ')));
    const some = await readVolume(work.at('some', 'ct.nii.gz'));
    expect([...some.voxels]).toEqual([...all.voxels].map((label) => (wanted.includes(label) ? label : 0)));
    await expect(runLine(line('none', '--roi-subset', 'third_lung'))).rejects.toThrow(/no class 'third_lung'/);
  });

  it('refuses a limit that does not hold the work before it is begun, and does the work within the one that it names', async () => {
    const refusal = async (limit: string): Promise<Error> =>
      runLine(line('within', '--max-memory', limit)).catch((error: unknown) => error);
    const [tiny, small] = [await refusal('6MB'), await refusal(`${residentBytes() + 56 * 2 ** 20}B`)];
    expect([tiny, small].map(exitCodeOf)).toEqual([4, 4]);
    expect(tiny.message).toContain('the program alone takes');
    expect(small.message).toMatch(
      /^predicting ct, 14×20×40 voxels, does not fit into memory of .* it takes about \d+ MB on the device, \d+ MB beside it/,
    );
    expect(existsSync(work.at('within'))).toBe(false);
    const [, named] = /it fits into --max-memory (\d+)MB/.exec(small.message)!;
    await runLine(line('within', '--max-memory', `${Number(named) + 64}MB`));
    expect(await readVolume(work.at('within', 'ct.nii.gz'))).toEqual(await readVolume(work.at('all', 'ct.nii.gz')));
  });

  it('keeps what it segmented until an image changes', async () => {
    const output = work.at('again', 'ct.nii.gz');
    const written = async (): Promise<number> => {
      await runLine(line('again', '--step-size', '1', '--no-mirroring'));
      return statSync(output).mtimeMs;
    };
    const first = await written();
    expect(await written()).toBe(first);
    const before = await readVolume(output);
    await writeVolume(work.at('images', 'ct_0000.nii.gz'), { ...image, voxels: image.voxels.map((v: number) => -v) });
    expect(await written()).toBeGreaterThan(first);
    expect([...(await readVolume(output)).voxels]).not.toEqual([...before.voxels]);
    await writeVolume(work.at('images', 'ct_0000.nii.gz'), image);
  });

  it('saves probabilities in little memory, by way of the disk', async () => {
    await runLine(line('probable', '--save-probabilities'));
    const saved = await openProbabilities(work.at('probable', 'ct.npz'));
    const { shape, channels } = saved;
    const planes: Float32Array[] = [];
    for await (const plane of saved.planes()) planes.push(plane);
    await saved.close();
    expect([channels, shape]).toEqual([118, [14, 20, 40]]);
    const { voxels } = await readVolume(work.at('probable', 'ct.nii.gz'));
    const wrong = voxels.findIndex((label: number, v: number) => {
      const all = Array.from({ length: channels }, (_, k) => planes[k]![v]!);
      return Math.max(...all) > all[label]! || Math.abs(all.reduce((a, b) => a + b) - 1) > 1e-4;
    });
    expect(wrong).toBe(-1);
    expect(readdirSync(work.at('probable')).sort()).toEqual([
      '.made-by',
      'ct.json',
      'ct.nii.gz',
      'ct.npz',
      'dataset.json',
      'plans.json',
      'predict_from_raw_data_args.json',
    ]);
  });
});
