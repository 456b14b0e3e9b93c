/** Commands around trained models, on goldens of the reference. */
import { decodeNpy, decodeNpz, encodeNpz, encodeZip, decodeTorch, torchArrays } from '@voxelwise/io';
import { readVolume, writeVolume } from '@voxelwise/io/node';
import { labelScheme, type DatasetJson } from '@voxelwise/planner';
import { segmentProbabilities } from '@voxelwise/ensemble';
import type { PerAxis } from '@voxelwise/volume';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exitCodeOf } from '../exit.ts';
import { fixture, runLine, temporaryFolder } from '../testing/command-line.ts';

const work = temporaryFolder();
afterAll(work.remove);

async function agreement(a: string, b: string): Promise<number> {
  const [left, right] = await Promise.all([readVolume(a), readVolume(b)]);
  expect(left.grid.shape).toEqual(right.grid.shape);
  let same = 0;
  left.voxels.forEach((label, i) => label === right.voxels[i] && same++);
  return same / left.voxels.length;
}

async function codeOf(line: Promise<unknown>): Promise<number> {
  return line.then(() => 0, exitCodeOf);
}

describe('predict with folders of nnU-Net v2', () => {
  const results = work.at('nnUNet_results');
  const environment = {
    nnUNet_results: results,
    nnUNet_raw: work.at('raw'),
    nnUNet_preprocessed: work.at('preprocessed'),
  };
  const input = work.at('in');
  beforeAll(() => {
    for (const name of ['2d', '3d_fullres', 'cascade_fullres', 'cascade_lowres']) {
      const configuration =
        ({ cascade_fullres: '3d_cascade_fullres', cascade_lowres: '3d_lowres' } as Record<string, string>)[name] ??
        name;
      cpSync(
        fixture('inference', 'predict', 'models', `Hippo6_${name}`),
        join(results, 'Dataset004_Hippo6', `nnUNetTrainer__nnUNetPlans__${configuration}`),
        { recursive: true },
      );
    }
    mkdirSync(input);
    cpSync(
      fixture('inference', 'predict', 'inputs', 'hippocampus_001_0000.nii.gz'),
      join(input, 'hippocampus_001_0000.nii.gz'),
    );
  });

  it('gives the golden labels for nnUNetv2_predict, a cascade included', async () => {
    const line = (configuration: string, folds: string[], more: string[] = []): string[] => [
      'nnUNetv2_predict',
      '-i',
      input,
      '-o',
      work.at(configuration),
      '-d',
      '4',
      '-c',
      configuration,
      '-f',
      ...folds,
      ...more,
    ];
    const golden = (name: string): string => fixture('inference', 'predict', name, 'hippocampus_001.nii.gz');
    const flags = (name: string): { folds: string[]; more: string[] } => {
      const meta = JSON.parse(readFileSync(fixture('inference', 'predict', name, 'meta.json'), 'utf8')) as {
        folds: number[];
        mirroring: boolean;
        tile_step_size: number;
      };
      return {
        folds: meta.folds.map(String),
        more: ['-step_size', String(meta.tile_step_size), ...(meta.mirroring ? [] : ['--disable_tta'])],
      };
    };
    for (const [name, configuration] of [
      ['Hippo6_3d_fullres', '3d_fullres'],
      ['Hippo6_cascade_lowres', '3d_lowres'],
      ['Hippo6_cascade_fullres', '3d_cascade_fullres'],
    ] as const) {
      const { folds, more } = flags(name);
      const previous = configuration === '3d_cascade_fullres' ? ['-prev_stage_predictions', work.at('3d_lowres')] : [];
      await runLine(line(configuration, folds, [...more, ...previous]), environment);
      expect(await agreement(work.at(configuration, 'hippocampus_001.nii.gz'), golden(name))).toBeGreaterThanOrEqual(
        0.999,
      );
    }
  });

  it('keeps only the classes that are asked for', async () => {
    const model = join(results, 'Dataset004_Hippo6', 'nnUNetTrainer__nnUNetPlans__3d_fullres');
    const predictInto = (name: string, ...more: string[]): Promise<unknown> =>
      runLine([
        'predict',
        '--model',
        model,
        '--input',
        input,
        '--output',
        work.at(name),
        '--folds',
        '0',
        '--no-mirroring',
        '--step-size',
        '1',
        ...more,
      ]);
    await predictInto('every');
    await predictInto('subset', '--roi-subset', 'Posterior');
    const [every, subset] = await Promise.all(
      ['every', 'subset'].map((name) => readVolume(work.at(name, 'hippocampus_001.nii.gz'))),
    );
    expect(new Set(every!.voxels)).toEqual(new Set([0, 1, 2]));
    expect(new Set(subset!.voxels)).toEqual(new Set([0, 2]));
    every!.voxels.forEach((label, k) => expect(subset!.voxels[k]).toBe(label === 2 ? 2 : 0));
    expect(await codeOf(predictInto('none', '--roi-subset', 'spleen'))).toBe(2);
  });

  it('exports a network as ONNX, with what to do before and after', async () => {
    const exported = async (configuration: string): Promise<{ network: Buffer; procedure: Record<string, never> }> => {
      const model = join(results, 'Dataset004_Hippo6', `nnUNetTrainer__nnUNetPlans__${configuration}`);
      const { out, procedure } = (await runLine([
        'export',
        '--model',
        model,
        '--to',
        'onnx',
        '--folds',
        '0',
        '--out',
        work.at(`${configuration}.onnx`),
      ])) as Record<string, string>;
      return {
        network: readFileSync(out!),
        procedure: JSON.parse(readFileSync(procedure!, 'utf8')) as Record<string, never>,
      };
    };
    const { network, procedure } = await exported('3d_fullres');
    // Field 1, the IR version, is 8; the weights are most of the file.
    expect([...network.subarray(0, 2)]).toEqual([8, 8]);
    expect(network.includes('InstanceNormalization')).toBe(true);
    expect(procedure).toMatchObject({
      network: {
        file: '3d_fullres.onnx',
        output: { channels: [{ name: 'background' }, { name: 'Anterior' }, { name: 'Posterior' }] },
      },
      preprocessing: { channels: [{ normalization: 'ZScoreNormalization' }], resampling: { order: 3 } },
      slidingWindow: { mirrorAxes: { zyx: [0, 1, 2] } },
      postprocessing: { decide: { labels: [0, 1, 2] } },
    });
    expect((await exported('3d_cascade_fullres')).procedure).toMatchObject({
      network: { input: { channels: 3 } },
      preprocessing: { previousStage: { configuration: '3d_lowres', labels: [1, 2] } },
    });
    const both = [
      'export',
      '--model',
      join(results, 'Dataset004_Hippo6', 'nnUNetTrainer__nnUNetPlans__3d_fullres'),
      '--to',
      'onnx',
      '--out',
      work.at('both.onnx'),
    ];
    expect(await codeOf(runLine(both))).toBe(2);
  });

  it('saves probabilities that ensemble averages, packs a zip that predicts the same', async () => {
    const model = join(results, 'Dataset004_Hippo6', 'nnUNetTrainer__nnUNetPlans__3d_fullres');
    const common = ['--input', input, '--no-mirroring', '--step-size', '1'];
    for (const fold of ['0', '1'])
      await runLine([
        'predict',
        '--model',
        model,
        ...common,
        '--output',
        work.at(`fold${fold}`),
        '--folds',
        fold,
        '--save-probabilities',
      ]);
    const [a, b] = await Promise.all(
      ['0', '1'].map(async (fold) =>
        (await decodeNpz(readFileSync(work.at(`fold${fold}`, 'hippocampus_001.npz')))).get('probabilities')!,
      ),
    );
    expect(a!.dtype).toBe('float32');
    await runLine(['nnUNetv2_ensemble', '-i', work.at('fold0'), work.at('fold1'), '-o', work.at('merged')]);
    const [classes, ...shape] = a!.shape as [number, number, number, number];
    const mean = (a!.data as Float32Array).map((p, i) => (p + (b!.data as Float32Array)[i]!) / 2);
    const expected = segmentProbabilities(
      mean,
      shape as unknown as PerAxis,
      labelScheme(
        { background: 0, ...Object.fromEntries(Array.from({ length: classes - 1 }, (_, i) => [`l${i}`, i + 1])) },
        undefined,
      ),
    );
    expect([...(await readVolume(work.at('merged', 'hippocampus_001.nii.gz'))).voxels]).toEqual([...expected.voxels]);

    await runLine(
      [
        'nnUNetv2_export_model_to_zip',
        '-d',
        '4',
        '-o',
        work.at('model.zip'),
        '-c',
        '3d_fullres',
        '2d',
        '-f',
        '0',
        '--not_strict',
      ],
      environment,
    );
    await runLine([
      'predict',
      '--model',
      work.at('model.zip'),
      '-c',
      '3d_fullres',
      ...common,
      '--output',
      work.at('zipped'),
    ]);
    expect(
      await agreement(work.at('zipped', 'hippocampus_001.nii.gz'), work.at('fold0', 'hippocampus_001.nii.gz')),
    ).toBe(1);
    const imported = await runLine(['nnUNetv2_install_pretrained_model_from_zip', work.at('model.zip')], {
      nnUNet_results: work.at('other'),
    });
    expect(imported.models).toHaveLength(2);
    expect(
      existsSync(
        work.at(
          'other',
          'Dataset004_Hippo6',
          'nnUNetTrainer__nnUNetPlans__3d_fullres',
          'fold_0',
          'checkpoint_final.pth',
        ),
      ),
    ).toBe(true);
    expect(await codeOf(runLine(['import', work.at('model.zip')], { nnUNet_results: work.at('other') }))).toBe(3);
  });

  it('writes a .pth with the reference’s names from our own weights', async () => {
    const model = join(results, 'Dataset004_Hippo6', 'nnUNetTrainer__nnUNetPlans__2d');
    const ours = work.at('ours', 'nnUNetTrainer__nnUNetPlans__2d');
    cpSync(model, ours, { recursive: true, filter: (path) => !path.endsWith('.pth') });
    await runLine([
      'export',
      '--model',
      model,
      '--to',
      'safetensors',
      '--folds',
      '0',
      '--out',
      join(ours, 'fold_0', 'checkpoint_final.safetensors'),
    ]);
    await runLine(['export', '--model', ours, '--to', 'pth', '--out', work.at('again.pth')]);
    const read = async (path: string): Promise<[string, number[]][]> =>
      [...torchArrays(await decodeTorch(readFileSync(path), { file: path }))].map(([name, { data }]) => [
        name,
        [...(data as Float32Array)],
      ]);
    expect(await read(work.at('again.pth'))).toEqual(await read(join(model, 'fold_0', 'checkpoint_final.pth')));
  });

  it('refuses zips that climb out, wrong usage, missing models', async () => {
    for (const name of ['../evil/plans.json', '/etc/plans.json', 'a/../../plans.json', 'C:\\plans.json']) {
      writeFileSync(work.at('evil.zip'), await encodeZip([{ name, bytes: new Uint8Array(2) }]));
      await expect(runLine(['import', work.at('evil.zip'), '--into', work.at('nowhere')])).rejects.toMatchObject({
        code: 'unsafe-path',
      });
      await expect(
        runLine(['predict', '--model', work.at('evil.zip'), '--input', input, '--output', work.at('x')]),
      ).rejects.toMatchObject({ code: 'unsafe-path' });
    }
    // A file that is a folder too, and one that unpacks to two hundred times the archive.
    const faulty = [
      [['a', 'a/plans.json'], 10, 'bad-archive'],
      [['a/plans.json'], 2 ** 27, 'zip-bomb'],
    ] as const;
    for (const [names, size, code] of faulty) {
      const contents = names.map((name) => ({ name, bytes: new Uint8Array(size) }));
      writeFileSync(work.at('evil.zip'), await encodeZip(contents, { compress: true }));
      await expect(runLine(['import', work.at('evil.zip'), '--into', work.at('nowhere')])).rejects.toMatchObject({
        code,
      });
    }
    expect(existsSync(work.at('nowhere'))).toBe(false);
    expect(
      await codeOf(runLine(['predict', '--model', work.at('nothing'), '--input', input, '--output', work.at('x')])),
    ).toBe(3);
    expect(await codeOf(runLine(['nnUNetv2_predict', '-i', input, '-o', work.at('x'), '-d', '4'], environment))).toBe(
      2,
    );
    expect(
      await codeOf(
        runLine(['nnUNetv2_predict', '-i', input, '-o', work.at('x'), '-d', '4', '-c', '2d', '-nope'], environment),
      ),
    ).toBe(2);
    expect(await codeOf(runLine(['nnUNetv2_train', '4', '2d', '0', '-tr', 'nnUNetTrainerMine'], environment))).toBe(2);
    expect(
      await codeOf(runLine(['ensemble', '--inputs', work.at('fold0'), work.at('3d_lowres'), '--output', work.at('x')])),
    ).toBe(3);
  });
});

describe('find-best', () => {
  const root = fixture('ensemble', 'find_best_configuration');
  it.each(readdirSync(root))('chooses as the reference does: %s', async (set) => {
    const base = work.at(set);
    const environment = {
      nnUNet_results: join(base, 'results'),
      nnUNet_raw: join(base, 'raw'),
      nnUNet_preprocessed: join(base, 'preprocessed'),
    };
    const dataset = JSON.parse(readFileSync(join(root, set, 'dataset.json'), 'utf8')) as DatasetJson;
    const scheme = labelScheme(dataset.labels, dataset.regions_class_order);
    const preprocessed = join(base, 'preprocessed', 'Dataset902_FBC');
    cpSync(join(root, set, 'gt'), join(preprocessed, 'gt_segmentations'), { recursive: true });
    cpSync(join(root, set, 'dataset.json'), join(preprocessed, 'dataset.json'));
    const configurations = ['2d', '3d_fullres', '3d_lowres'].filter((name) => existsSync(join(root, set, name)));
    for (const configuration of configurations)
      for (const k of [0, 1, 2, 3, 4]) {
        const id = `case_${k}`;
        const folder = join(
          base,
          'results',
          'Dataset902_FBC',
          `nnUNetTrainer__nnUNetPlans__${configuration}`,
          `fold_${k}`,
          'validation',
        );
        mkdirSync(folder, { recursive: true });
        const array = decodeNpy(readFileSync(join(root, set, configuration, `${id}_probabilities_float16.npy`)));
        const values = Float32Array.from(array.data as Float32Array);
        writeFileSync(
          join(folder, `${id}.npz`),
          await encodeNpz(new Map([['probabilities', { dtype: 'float32', shape: array.shape, data: values }]])),
        );
        const reference = await readVolume(join(root, set, 'gt', `${id}.nii.gz`), { kind: 'labels' });
        await writeVolume(join(folder, `${id}.nii.gz`), {
          ...reference,
          voxels: segmentProbabilities(values, reference.grid.shape, scheme).voxels,
        });
      }
    const golden = JSON.parse(
      readFileSync(join(root, set, 'inference_information.json'), 'utf8').replaceAll('NaN', 'null'),
    ) as { all_results: Record<string, number>; best_model_or_ensemble: Record<string, unknown> };
    const found = await runLine(['nnUNetv2_find_best_configuration', '902', '-c', ...configurations], environment);
    const text = readFileSync(join(base, 'results', 'Dataset902_FBC', 'inference_information.json'), 'utf8');
    const information = JSON.parse(text) as typeof golden;
    expect(Object.keys(information.all_results).sort()).toEqual(Object.keys(golden.all_results).sort());
    for (const [name, dice] of Object.entries(golden.all_results))
      expect(information.all_results[name]).toBeCloseTo(dice, 9);
    for (const key of ['result_on_crossval_pre_pp', 'result_on_crossval_post_pp'])
      expect(information.best_model_or_ensemble[key]).toBeCloseTo(golden.best_model_or_ensemble[key] as number, 9);
    expect(information.best_model_or_ensemble['selected_model_or_models']).toEqual(
      golden.best_model_or_ensemble['selected_model_or_models'],
    );
    expect(readFileSync(join(base, 'results', 'Dataset902_FBC', 'inference_instructions.txt'), 'utf8')).toContain(
      'nnUNetv2_predict',
    );
    // What was determined, applied to the winner's cases, gives the post-processed folder.
    await runLine([
      'nnUNetv2_apply_postprocessing',
      '-i',
      found.outputs.folder as string,
      '-o',
      join(base, 'applied'),
      '-pp_pkl_file',
      found.outputs.postprocessing as string,
    ]);
    for (const k of [0, 1, 2, 3, 4])
      expect(
        await agreement(
          join(base, 'applied', `case_${k}.nii.gz`),
          join(found.outputs.folder as string, 'postprocessed', `case_${k}.nii.gz`),
        ),
      ).toBe(1);
    await runLine([
      'postprocess',
      'determine',
      '--input',
      found.outputs.folder as string,
      '--reference',
      join(preprocessed, 'gt_segmentations'),
      '--out',
      join(base, 'pp.json'),
      '--no-keep-postprocessed',
    ]);
    expect(readFileSync(join(base, 'pp.json'), 'utf8')).toBe(
      readFileSync(found.outputs.postprocessing as string, 'utf8'),
    );
    const gathered = await runLine(
      ['nnUNetv2_accumulate_crossval_results', '902', '-c', configurations[0]!, '-o', join(base, 'gathered')],
      environment,
    );
    expect(gathered.meanDice).toBeCloseTo(golden.all_results[`nnUNetTrainer__nnUNetPlans__${configurations[0]!}`]!, 9);
    expect(await codeOf(runLine(['find-best', '902', '--folds', '0,7'], environment))).toBe(3);
  });
});
