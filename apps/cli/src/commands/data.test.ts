/** Commands around data, on small made-up files; and the help of every command. */
import { openDataset, readVolume, writeVolume } from '@voxelwise/io/node';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exitCodeOf } from '../exit.ts';
import { programFor } from '../program.ts';
import type { OpenedDataset } from '../stages/dataset.ts';
import { splitsStage } from '../stages/training.ts';
import { runLine, temporaryFolder } from '../testing/command-line.ts';

const work = temporaryFolder();
afterAll(work.remove);

const grid = { shape: [3, 4, 5], affine: Float64Array.of(0, 0, 1, -7, 0, 1.5, 0, 3, 2, 0, 0, 11, 0, 0, 0, 1) } as const;
const ids = Array.from({ length: 6 }, (_, i) => `patient${i >> 1}_scan${i}`);

beforeAll(async () => {
  mkdirSync(work.at('scans'));
  mkdirSync(work.at('masks'));
  for (const [k, id] of ids.entries()) {
    await writeVolume(work.at('scans', `${id}.nii.gz`), {
      grid: grid as never,
      kind: 'intensity',
      channels: ['CT'],
      voxels: Float32Array.from({ length: 60 }, (_, i) => i * 1.5 + k),
    });
    await writeVolume(work.at('masks', `${id}.nii.gz`), {
      grid: grid as never,
      kind: 'labels',
      channels: ['labels'],
      voxels: Uint8Array.from({ length: 60 }, (_, i) => (i + k) % 3),
    });
  }
});

describe('data commands', () => {
  it('makes a data set of loose folders, copying nothing, and its folds', async () => {
    const made = await runLine([
      'init',
      '--images',
      work.at('scans'),
      '--labels',
      work.at('masks'),
      '--name',
      'Dataset012_Liver',
      '--label-names',
      'liver,tumor',
      '--channels',
      'CT',
      '--workspace',
      work.at('ws'),
    ]);
    expect(made.cases).toBe(6);
    const again = await runLine([
      'init',
      '--images',
      work.at('scans'),
      '--labels',
      work.at('masks'),
      '--name',
      'Dataset012_Liver',
      '--label-names',
      'liver,tumor',
      '--channels',
      'CT',
      '--workspace',
      work.at('ws'),
    ]);
    expect(again).toEqual(made);
    const fingerprint = await runLine(['fingerprint', '12', '--workspace', work.at('ws')]);
    expect(fingerprint.cases).toBe(6);
    const splits = await runLine([
      'splits',
      'make',
      '12',
      '--folds',
      '3',
      '--group',
      '^(patient\\d+)',
      '--workspace',
      work.at('ws'),
    ]);
    const folds = JSON.parse(readFileSync(splits.splits as string, 'utf8')) as { train: string[]; val: string[] }[];
    for (const { train, val } of folds)
      for (const id of val) expect(train.some((other) => other.startsWith(id.split('_')[0]!))).toBe(false);
    expect(folds.flatMap((fold) => fold.val).sort()).toEqual(ids);
  });

  it('converts a data set to nnU-Net’s layout', async () => {
    const made = await runLine([
      'nnUNetv2_convert_MSD_dataset',
      '-i',
      work.at('ws', 'raw', 'Dataset012_Liver'),
      '-overwrite_id',
      '33',
      '--workspace',
      work.at('ws'),
    ]);
    expect(made).toMatchObject({ dataset: 'Dataset033_Liver', cases: 6 });
    const image = await readVolume(work.at('ws', 'raw', 'Dataset033_Liver', 'imagesTr', `${ids[3]!}_0000.nii.gz`));
    expect(image.voxels[7]).toBe(7 * 1.5 + 3);
    expect((await runLine(['fingerprint', '33', '--workspace', work.at('ws')])).cases).toBe(6);
  });

  it('converts a data set to the Decathlon’s layout and back, channels joined and taken apart', async () => {
    const raw = work.at('ws', 'raw', 'Dataset040_Two');
    const at = (folder: string, name: string): string => join(raw, folder, name);
    const [one, two] = [ids[0]!, ids[1]!];
    for (const [k, id] of [one, two].entries()) {
      const scan = await readVolume(work.at('scans', `${id}.nii.gz`));
      await writeVolume(at(k === 0 ? 'imagesTr' : 'imagesTs', `${id}_0000.nii`), scan);
      const other = { ...scan, voxels: scan.voxels.map((v) => -v) };
      await writeVolume(at(k === 0 ? 'imagesTr' : 'imagesTs', `${id}_0001.nii`), other);
    }
    const mask = await readVolume(work.at('masks', `${one}.nii.gz`));
    await writeVolume(at('labelsTr', `${one}.nii`), mask);
    const description = {
      channel_names: { 0: 'T1', 1: 'T2' },
      numTraining: 1,
      file_ending: '.nii',
      description: 'two',
    };
    const describe = (labels: unknown, more = {}): void =>
      writeFileSync(join(raw, 'dataset.json'), JSON.stringify({ ...description, labels, ...more }));
    describe({ background: 0, liver: 1, tumor: 2 });
    const task = work.at('Task40_Two');
    const made = await runLine(['convert', raw, '--to', 'msd', '--out', task]);
    expect(made).toMatchObject({ cases: 1, test: 1, outputs: { dataset: task } });
    expect(JSON.parse(readFileSync(join(task, 'dataset.json'), 'utf8'))).toEqual({
      name: 'Two',
      description: 'two',
      tensorImageSize: '4D',
      modality: { 0: 'T1', 1: 'T2' },
      labels: { 0: 'background', 1: 'liver', 2: 'tumor' },
      numTraining: 1,
      numTest: 1,
      training: [{ image: `./imagesTr/${one}.nii.gz`, label: `./labelsTr/${one}.nii.gz` }],
      test: [`./imagesTs/${two}.nii.gz`],
    });
    const back = work.at('ws', 'raw', 'Dataset041_Two');
    await runLine(['convert', task, '--to', 'nnunet', '--out', back]);
    for (const [folder, name] of [
      ['imagesTr', `${one}_0001`],
      ['imagesTs', `${two}_0000`],
      ['labelsTr', one],
    ] as const) {
      const [before, after] = [
        await readVolume(at(folder, `${name}.nii`)),
        await readVolume(join(back, folder, `${name}.nii.gz`)),
      ];
      expect([after.voxels, after.grid]).toEqual([before.voxels, before.grid]);
    }
    describe({ background: 0, whole: [1, 2], tumor: 2 }, { regions_class_order: [1, 2] });
    const regions = runLine(['convert', raw, '--to', 'msd', '--out', work.at('Task42_Two')]);
    await expect(regions).rejects.toThrow('whole joins the numbers 1, 2');
    expect(await runLine(['convert', raw, '--to', 'msd']).then(() => 0, exitCodeOf)).toBe(2);
  });

  it('converts volumes there and back', async () => {
    const source = work.at('scans', `${ids[1]!}.nii.gz`);
    await runLine(['convert', source, '--out', work.at('a.nrrd')]);
    await runLine(['convert', work.at('a.nrrd'), '--out', work.at('a.mha')]);
    await runLine(['convert', work.at('a.mha'), '--to', 'nifti', '--out', work.at('back')]);
    const [before, after] = [await readVolume(source), await readVolume(work.at('back', 'a.nii.gz'))];
    expect(after.voxels).toEqual(before.voxels);
    after.grid.affine.forEach((value, i) => expect(value).toBeCloseTo(before.grid.affine[i]!, 5));
    const all = await runLine(['convert', work.at('masks'), '--to', 'mha', '--out', work.at('many')]);
    expect(all.files).toHaveLength(6);
  });

  it('converts named segments in layers to labels with names, and back', async () => {
    const volume = { grid: grid as never, kind: 'labels', channels: ['0', '1'] } as const;
    const layers = Uint8Array.from({ length: 120 }, (_, i) => (i < 20 || (i >= 70 && i < 90) ? 1 : 0));
    // Slicer's way: two layers of ones, the second overlapping the first in ten voxels
    const head = Buffer.from(
      [
        ...['NRRD0004', 'type: uchar', 'dimension: 4', 'space: left-posterior-superior', 'sizes: 5 4 3 2'],
        ...['space directions: (1,0,0) (0,1,0) (0,0,1) none', 'encoding: raw'],
        ...['Segment0_ID:=Segment_1', 'Segment0_Name:=liver', 'Segment0_LabelValue:=1', 'Segment0_Layer:=0'],
        ...['Segment1_ID:=Segment_2', 'Segment1_Name:=tumor', 'Segment1_LabelValue:=1', 'Segment1_Layer:=1', '', ''],
      ].join('\n'),
    );
    const source = work.at('layers.seg.nrrd');
    writeFileSync(source, Buffer.concat([head, layers]));
    const line = ['convert', source, '--out', work.at('layers.nii.gz')];
    await expect(runLine(line)).rejects.toThrow('liver and tumor in 10 voxels');
    const made = await runLine([...line, '--on-overlap', 'priority']);
    expect(made.files).toMatchObject([
      { source, labels: { 1: 'liver', 2: 'tumor' }, output: work.at('layers.nii.gz') },
    ]);
    const labels = await readVolume(work.at('layers.nii.gz'), { kind: 'labels' });
    expect([...labels.voxels]).toEqual(Array.from({ length: 60 }, (_, i) => (i < 20 ? 1 : i < 30 ? 2 : 0)));
    expect(JSON.parse(readFileSync(work.at('layers.labels.json'), 'utf8'))).toEqual({
      background: 0,
      liver: 1,
      tumor: 2,
    });
    await runLine([...line, '--on-overlap', 'channels']);
    expect((await readVolume(work.at('layers.nii.gz'))).channels).toHaveLength(volume.channels.length);
    await runLine([...line, '--on-overlap', 'priority', '--rois', 'tumor']);
    await runLine([
      'convert',
      work.at('layers.nii.gz'),
      '--label-names',
      work.at('layers.labels.json'),
      '--out',
      work.at('back.seg.nrrd'),
    ]);
    const back = await readVolume(work.at('back.seg.nrrd'));
    expect(back.source.segments).toEqual([{ name: 'tumor', value: 1, channel: 0 }]);
    expect(back.voxels.reduce((sum, v) => sum + v, 0)).toBe(20);
  });

  it('compares models and forces difficult cases into training', async () => {
    for (const [name, shift] of [
      ['a', 0],
      ['b', 1],
    ] as const) {
      mkdirSync(work.at(name), { recursive: true });
      for (const [k, id] of ids.entries()) {
        const truth = await readVolume(work.at('masks', `${id}.nii.gz`));
        await writeVolume(work.at(name, `${id}.nii.gz`), {
          ...truth,
          voxels: Uint8Array.from(truth.voxels, (label, i) => (i < (k === 2 ? 60 * shift : 10 * shift) ? 0 : label)),
        });
      }
      await runLine(['nnUNetv2_evaluate_simple', work.at('masks'), work.at(name), '-l', '1', '2']);
    }
    const found = await runLine(['compare', work.at('a'), work.at('b', 'summary.json')]);
    expect(found).toMatchObject({ verdict: 'A is better', cases: 6, meanA: 1 });
    expect((await runLine(['compare', work.at('a'), work.at('a')])).verdict).toBe('noise');
    const splits = await runLine([
      'splits',
      'make',
      '12',
      '--folds',
      '2',
      '--force-train-where',
      'dice<0.1',
      '--summary',
      work.at('b', 'summary.json'),
      '--out',
      work.at('s.json'),
      '--workspace',
      work.at('ws'),
    ]);
    expect(splits.alwaysTrain).toEqual([ids[2]]);
    const folds = JSON.parse(readFileSync(work.at('s.json'), 'utf8')) as { train: string[] }[];
    for (const { train } of folds) expect(train).toContain(ids[2]);
  });

  it('tells stable scores from unstable ones', async () => {
    const [a, b] = [work.at('masks', `${ids[0]!}.nii.gz`), work.at('masks', `${ids[1]!}.nii.gz`)];
    expect(
      (await runLine(['stability', '--prediction', a, '--annotations', a, a, '--labels', '1,1+2'])).perClass['(1, 2)']
        .verdict,
    ).toBe('stable');
    expect(
      (await runLine(['stability', '--prediction', a, '--annotations', a, b, '--labels', '1'])).perClass['1'].dice,
    ).toEqual([1, 0]);
  });

  it('says what is wrong by its exit code', async () => {
    writeFileSync(work.at('broken.json'), '{');
    const lines: [number, string[]][] = [
      [2, ['convert', work.at('scans'), '--out', work.at('x'), '--to', 'gif']],
      [2, ['convert', work.at('a.mha'), '--out', work.at('x.dcm'), '--to', 'dicom-seg']],
      [2, ['convert', work.at('a.mha'), '--out', work.at('x.xyz')]],
      [2, ['convert', work.at('a.mha'), '--out', work.at('x.mgz')]],
      [2, ['convert', work.at('a.mha'), '--out', work.at('x.nrrd'), '--to', 'nifti']],
      [0, ['convert', work.at('a.mha'), '--out', work.at('plain.nii'), '--to', 'nifti']],
      [3, ['convert', work.at('a.mha'), '--out', work.at('x.png')]],
      [3, ['convert', work.at('missing.nii'), '--out', work.at('x.nrrd')]],
      [3, ['init', '--images', work.at('none'), '--labels', work.at('masks'), '--name', 'X', '--label-names', 'a']],
      [2, ['init', '--images', work.at('scans'), '--labels', work.at('masks'), '--name', '../X', '--label-names', 'a']],
      [3, ['compare', work.at('a'), work.at('broken.json')]],
      [2, ['splits', 'make', '12', '--force-train-where', 'dice<0.1', '--workspace', work.at('ws')]],
      [2, ['postprocess', 'wash', '--input', work.at('a')]],
      [2, ['export', '--model', work.at('a'), '--to', 'gif', '--out', work.at('x')]],
      [
        3,
        [
          'stability',
          '--prediction',
          work.at('masks', `${ids[0]!}.nii.gz`),
          '--annotations',
          work.at('masks', `${ids[0]!}.nii.gz`),
          work.at('none.nii.gz'),
          '--labels',
          '1',
        ],
      ],
    ];
    for (const [code, line] of lines) expect(await runLine(line).then(() => 0, exitCodeOf), line.join(' ')).toBe(code);
  });
});

describe('a data set and its description', () => {
  const described = (name: string, labels: Record<string, number>, chosen = ids): string => {
    const files = (id: string): object => ({ images: [`scans/${id}.nii.gz`], label: `masks/${id}.nii.gz` });
    const description = {
      channel_names: { 0: 'CT' },
      labels,
      numTraining: chosen.length,
      file_ending: '.nii.gz',
      dataset: Object.fromEntries(chosen.map((id) => [id, files(id)])),
    };
    writeFileSync(work.at(name), JSON.stringify(description));
    return work.at(name);
  };
  const codeOf = (...words: string[]): Promise<unknown> =>
    runLine([...words, '--workspace', work.at('described')]).then(
      () => 0,
      (error: { code: string }) => [exitCodeOf(error), error.code],
    );

  it('refuses labels that are not declared, and numbers left out', async () => {
    const missing = described('missing.json', { background: 0, a: 1 });
    expect(await codeOf('fingerprint', missing)).toEqual([3, 'label-unexpected']);
    const holes = described('holes.json', { background: 0, a: 1, b: 3 });
    expect(await codeOf('preprocess', holes)).toEqual([3, 'labels-not-consecutive']);
  });

  it('refuses images with voxels that are no numbers, and data sets without cases', async () => {
    const damaged = { ...(await readVolume(work.at('scans', `${ids[0]!}.nii.gz`))), voxels: new Float32Array(60) };
    damaged.voxels[27] = NaN;
    await writeVolume(work.at('scans', 'damaged.nii.gz'), damaged as never);
    copyFileSync(work.at('masks', `${ids[0]!}.nii.gz`), work.at('masks', 'damaged.nii.gz'));
    const labels = { background: 0, a: 1, b: 2 };
    const line = ['fingerprint', described('damaged.json', labels, ['damaged']), '--workspace', work.at('described')];
    await expect(runLine(line)).rejects.toThrow(/damaged\.nii\.gz: voxel \[1, 1, 2\] .*channel 0 is NaN/);
    expect(await codeOf('preprocess', described('none.json', labels, []))).toEqual([3, 'dataset']);
    mkdirSync(work.at('empty'));
    const empty = { channel_names: { 0: 'CT' }, labels, numTraining: 1, file_ending: '.nrrd' };
    writeFileSync(work.at('empty/dataset.json'), JSON.stringify(empty));
    expect(await codeOf('preprocess', work.at('empty'))).toEqual([3, 'no-cases']);
  });

  it('reads what a run is scored against before it trains', async () => {
    const test = work.at('test');
    for (const folder of ['imagesTs', 'labelsTs']) mkdirSync(join(test, folder), { recursive: true });
    const [image, mask] = [work.at('scans', `${ids[0]!}.nii.gz`), work.at('masks', `${ids[0]!}.nii.gz`)];
    for (const id of ['one', 'two']) copyFileSync(image, join(test, 'imagesTs', `${id}_0000.nii.gz`));
    const { voxels, ...rest } = await readVolume(mask);
    await writeVolume(join(test, 'labelsTs', 'two.nii.gz'), { ...rest, voxels: voxels.map((v) => v * 255) } as never);
    const declared = described('declared.json', { background: 0, a: 1, b: 2 });
    expect(await codeOf('run', declared, '--budget', '1m', '--test', test)).toEqual([3, 'label-unexpected']);
  });

  it('has folds from five cases on, or those that a datalist assigns', async () => {
    const few = described('few.json', { background: 0, a: 1, b: 2 }, ids.slice(0, 4));
    expect(await codeOf('train', few, '2d', '0')).toEqual([2, 'usage']);
    const training = ids.map((id, k) => ({ image: `scans/${id}.nii.gz`, label: `masks/${id}.nii.gz`, fold: k % 3 }));
    const labels = { background: 0, a: 1, b: 2 };
    writeFileSync(work.at('folds.json'), JSON.stringify({ modality: { 0: 'CT' }, labels, training }));
    const source = await openDataset(work.at('folds.json'));
    const splits = await splitsStage({ source, preprocessed: work.at('described', 'folds') } as OpenedDataset);
    expect(splits.map(({ val }) => val)).toEqual([0, 1, 2].map((k) => [ids[k], ids[k + 3]]));
  });
});

describe('runner', () => {
  it('runs the verbs of a YAML file', async () => {
    writeFileSync(
      work.at('datalist.json'),
      JSON.stringify({
        training: ids.map((id, k) => ({ image: `scans/${id}.nii.gz`, label: `masks/${id}.nii.gz`, fold: k % 3 })),
        testing: [],
      }),
    );
    const roots = { nnunet_raw: work.at('r'), nnunet_preprocessed: work.at('p'), nnunet_results: work.at('t') };
    const lines = [
      `modality: CT`,
      `datalist: ${work.at('datalist.json')}`,
      `dataroot: ${work.path}`,
      'dataset_name_or_id: 7',
      ...Object.entries(roots).map(([key, value]) => `${key}: ${value}`),
    ];
    writeFileSync(work.at('input.yaml'), lines.join('\n'));
    const converted = await runLine(['runner', 'convert_dataset', '--input_config', work.at('input.yaml')]);
    expect(converted.steps[0]).toMatchObject({ cases: 6, test: 0 });
    const folder = converted.steps[0].dataset as string;
    expect(JSON.parse(readFileSync(`${folder}/dataset.json`, 'utf8'))).toMatchObject({
      labels: { background: 0, class1: 1, class2: 2 },
      channel_names: { 0: 'CT' },
    });
    const planned = await runLine(['runner', 'plan_experiments', '--input_config', work.at('input.yaml')]);
    expect(planned.steps[0].plans).toContain(work.at('p'));
    const verb = (name: string, ...more: string[]): Promise<[number, string]> =>
      runLine(['runner', name, '--input_config', work.at('input.yaml'), ...more]).then(
        () => [0, ''],
        (error: Error) => [exitCodeOf(error), error.message],
      );
    const processed = await runLine(
      `runner plan_and_process --input_config ${work.at('input.yaml')} --clean --npfp 2 --no_pp`.split(' '),
    );
    expect(processed.steps).toHaveLength(2);
    expect(await verb('plan_experiments', '--preprocessor_name', 'Mine')).toEqual([
      2,
      expect.stringContaining('DefaultPreprocessor, the only one here'),
    ]);
    expect(await verb('predict_ensemble_postprocessing')).toEqual([
      3,
      expect.stringContaining('`runner find_best_configuration` writes it'),
    ]);
    for (const name of ['train_single_model', 'validate_single_model'])
      expect(await verb(name)).toEqual([2, expect.stringContaining(`runner ${name} needs --config and --fold`)]);
    const predict = [
      '--list_of_lists_or_source_folder',
      'a',
      '--output_folder',
      'b',
      '--model_training_output_dir',
      'c',
    ];
    expect(await verb('predict', ...predict, '--use_gaussian', 'False')).toEqual([
      2,
      expect.stringContaining('leave --use_gaussian out'),
    ]);
    expect(await runLine(['runner', 'dance', '--input_config', work.at('input.yaml')]).then(() => 0, exitCodeOf)).toBe(
      2,
    );
    writeFileSync(work.at('bad.yaml'), 'modality: CT');
    expect(await runLine(['runner', 'train', '--input_config', work.at('bad.yaml')]).then(() => 0, exitCodeOf)).toBe(3);
  });
});

describe('help', async () => {
  const program = await programFor([], { signal: new AbortController().signal, environment: {} });
  it.each(program.commands.map((command) => command.name()))('%s shows two examples', (name) => {
    let text = '';
    const command = program.commands.find((one) => one.name() === name)!;
    command.configureOutput({ writeOut: (part) => (text += part) }).outputHelp();
    expect(text.match(new RegExp(`^ {2}\\$ voxelwise ${name}\\b`, 'gm'))?.length).toBeGreaterThanOrEqual(2);
  });
});
