import { alignedGrid } from '@voxelwise/volume';
import type { Volume } from '@voxelwise/volume';
import { readFileSync } from 'node:fs';
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  datasetJson,
  encodeVolume,
  labelSet,
  labelSetFromNumbers,
  loadCase,
  memoryTree,
  readDataset,
  readFolderDataset,
} from '../index.ts';
import { openDataset, resolveDataset } from '../node.ts';
import type { Dataset } from './dataset.ts';

const volume = (voxels: Volume['voxels'], channels = ['0']): Volume => ({
  grid: alignedGrid([2, 2, 2]),
  kind: 'intensity',
  channels,
  voxels,
});
const image = (fill: number): Promise<Uint8Array> => encodeVolume(volume(new Float32Array(8).fill(fill)), '.nii.gz');
const label = (...values: number[]): Promise<Uint8Array> => encodeVolume(volume(Float32Array.from(values)), '.nii.gz');
const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const V2 = {
  channel_names: { 0: 'CT', 1: 'PET' },
  labels: { background: 0, tumor: 1 },
  numTraining: 2,
  file_ending: '.nii.gz',
};

describe('labelSet', () => {
  it('derives classes, regions and heads as nnU-Net does', () => {
    expect(labelSet({ background: 0, b: 2, a: 1, ignore: 3 })).toMatchObject({
      all: [0, 1, 2],
      foreground: [1, 2],
      ignore: 3,
      regions: undefined,
      heads: 3,
      nonlinearity: 'softmax',
    });
    expect(labelSet({ background: 0, whole: [1, 2], core: 2, ignore: 3 }, { regionsClassOrder: [1, 2] })).toMatchObject(
      { all: [0, 1, 2], regions: [[1, 2], 2], heads: 2, nonlinearity: 'sigmoid' },
    );
    expect(labelSet({ background: 0, x: [1] })).toMatchObject({ regions: undefined, heads: 2 });
  });
  it('agrees with the lists that nnU-Net derives', () => {
    const golden = JSON.parse(
      readFileSync(new URL('../../fixtures/labels/label_manager.json', import.meta.url), 'utf8'),
    ) as Record<string, unknown>[];
    for (const g of golden) {
      const set = labelSet(g['labels'], { regionsClassOrder: g['regions_class_order'] });
      expect({
        all: set.all,
        fg: set.foreground,
        ignore: set.ignore ?? null,
        regions: set.regions ?? null,
        heads: set.heads,
      }).toEqual({
        all: g['all_labels'],
        fg: g['foreground_labels'],
        ignore: g['ignore_label'],
        regions: g['foreground_regions'],
        heads: g['num_segmentation_heads'],
      });
    }
  });
  it('refuses what cannot be learned', () => {
    expect(() => labelSet({ tumor: 1 })).toThrow(/"background": 0/);
    expect(() => labelSet({ background: 0, a: 1.5 })).toThrow(/label "a" is 1.5/);
    expect(() => labelSet({ 0: 'background', 1: 'a' })).toThrow('v2 writes the name first: {"background": 0}');
    expect(() => labelSet({ background: 0, a: 1, ignore: 5 })).toThrow(/highest plus one: 2/);
    expect(() => labelSet({ background: 0, a: [1, 2], b: 2 })).toThrow(/regions_class_order/);
  });
  it('turns MSD labels around', () => {
    expect(labelSetFromNumbers({ 0: 'background', 1: 'Anterior', 2: 'Posterior' }).names).toEqual({
      background: 0,
      Anterior: 1,
      Posterior: 2,
    });
  });
});

describe('nnU-Net v2', () => {
  const files = async (): Promise<Map<string, Uint8Array>> => {
    const map = new Map<string, Uint8Array>([
      ['dataset.json', json(V2)],
      ['imagesTr/.DS_Store', new Uint8Array(3)],
    ]);
    for (const id of ['b', 'a_1']) {
      map.set(`imagesTr/${id}_0001.nii.gz`, await image(2)).set(`imagesTr/${id}_0000.nii.gz`, await image(1));
      map.set(`labelsTr/${id}.nii.gz`, await label(0, 1, 0, 1, 0, 0, 0, 1));
    }
    return map.set('imagesTs/t_0000.nii.gz', await image(5)).set('imagesTs/t_0001.nii.gz', await image(6));
  };
  it('lists cases in byte order and joins their channels', async () => {
    const dataset = await readDataset(memoryTree(await files()), { name: 'Dataset007_X' });
    expect([dataset.id, dataset.layout, dataset.training.map((c) => c.id), dataset.test.map((c) => c.id)]).toEqual([
      7,
      'nnunet',
      ['a_1', 'b'],
      ['t'],
    ]);
    const loaded = await loadCase(dataset, dataset.training[0]!);
    expect(loaded.images.channels).toEqual(['CT', 'PET']);
    expect([...loaded.images.voxels]).toEqual([...Array<number>(8).fill(1), ...Array<number>(8).fill(2)]);
    expect(loaded.labels!.voxels).toEqual(Uint8Array.of(0, 1, 0, 1, 0, 0, 0, 1));
    expect(datasetJson(dataset)).toEqual(JSON.parse(JSON.stringify(V2)));
  });
  it('reads a description in UTF-16, or with a byte order mark and Windows line ends', async () => {
    const map = await files();
    const text = `\uFEFF${JSON.stringify(V2, null, 1).replaceAll('\n', '\r\n')}`;
    const wide = Uint16Array.from(text, (c) => c.charCodeAt(0));
    for (const bytes of [new TextEncoder().encode(text), new Uint8Array(wide.buffer)]) {
      map.set('dataset.json', bytes);
      expect((await readDataset(memoryTree(map), { name: 'x' })).training.length).toBe(2);
    }
  });
  it('reads the files that a "dataset" key lists, inside the folder only', async () => {
    const map = await files();
    const listed = (path: string): Uint8Array =>
      json({ ...V2, dataset: { x: { images: [path, 'imagesTr/b_0001.nii.gz'], label: 'labelsTr/b.nii.gz' } } });
    map.set('dataset.json', listed('./imagesTr/b_0000.nii.gz'));
    const dataset = await readDataset(memoryTree(map), { name: 'x' });
    expect(dataset.training).toEqual([
      { id: 'x', images: ['imagesTr/b_0000.nii.gz', 'imagesTr/b_0001.nii.gz'], label: 'labelsTr/b.nii.gz' },
    ]);
    for (const path of [
      '/etc/passwd',
      '../secret.nii.gz',
      'a/../../b.nii.gz',
      'C:\\x.nii.gz',
      '\\\\host\\x',
      '$HOME/x.nii.gz',
      'file:///x',
      '',
    ]) {
      map.set('dataset.json', listed(path));
      await expect(readDataset(memoryTree(map), { name: 'x' }), path).rejects.toMatchObject({ code: 'dataset' });
    }
  });
  it('names what is wrong with a case', async () => {
    const map = await files();
    map.set('labelsTr/b.nii.gz', await label(0, 0.5, 0, 0, 0, 0, 0, 0));
    const dataset = await readDataset(memoryTree(map), { name: 'x' });
    await expect(loadCase(dataset, dataset.training[1]!)).rejects.toThrow(/voxel 1 is 0.5/);
    map.delete('imagesTr/b_0001.nii.gz');
    const smaller = await readDataset(memoryTree(map), { name: 'x' });
    await expect(loadCase(smaller, smaller.training[1]!)).rejects.toThrow(
      /has 1 channel\(s\), the data set declares 2/,
    );
  });
});

describe('listed data sets', () => {
  const MSD = {
    modality: { 0: 'FLAIR', 1: 'T1' },
    labels: { 0: 'background', 1: 'x' },
    numTraining: 1,
    training: [{ image: './imagesTr/p.nii.gz', label: './labelsTr/p.nii.gz' }],
    test: ['./imagesTs/q.nii.gz'],
  };
  it('reads an MSD task folder in place, channels in one 4D file', async () => {
    const four = await encodeVolume(
      volume(
        Int16Array.from({ length: 16 }, (_, i) => i),
        ['0', '1'],
      ),
      '.nii.gz',
    );
    const tree = memoryTree(
      new Map([
        ['dataset.json', json(MSD)],
        ['imagesTr/p.nii.gz', four],
        ['labelsTr/p.nii.gz', await label(0, 0, 0, 0, 1, 1, 1, 1)],
      ]),
    );
    const dataset = await readDataset(tree, { name: 'Task04_X' });
    expect(dataset).toMatchObject({ layout: 'msd', id: 4, fileEnding: '.nii.gz', test: [{ id: 'q' }] });
    const loaded = await loadCase(dataset, dataset.training[0]!);
    expect([loaded.images.channels, loaded.images.voxels.length]).toEqual([['FLAIR', 'T1'], 16]);
    expect(datasetJson(dataset)).toEqual({
      channel_names: { 0: 'FLAIR', 1: 'T1' },
      labels: { background: 0, x: 1 },
      numTraining: 1,
      file_ending: '.nii.gz',
    });
  });
  it('finds the channel files of nnU-Net v1', async () => {
    const tree = memoryTree(
      new Map([
        ['dataset.json', json(MSD)],
        ['imagesTr/p_0000.nii.gz', await image(1)],
        ['imagesTr/p_0001.nii.gz', await image(2)],
      ]),
    );
    expect(await readDataset(tree, { name: 'x' })).toMatchObject({
      layout: 'nnunet-v1',
      training: [{ id: 'p', images: ['imagesTr/p_0000.nii.gz', 'imagesTr/p_0001.nii.gz'] }],
    });
  });
  it('reads a MONAI datalist with folds', async () => {
    const list = {
      labels: { 0: 'background', 1: 'x' },
      training: [
        { image: ['a/f.nii.gz', 'a/t.nii.gz'], label: 'a/s.nii.gz', fold: 1 },
        { image: ['b/f.nii.gz', 'b/t.nii.gz'], label: 'b/s.nii.gz', fold: 0 },
      ],
      testing: [{ image: 'c.nii.gz' }],
    };
    const dataset = await readDataset(memoryTree(new Map([['list.json', json(list)]])), {
      file: 'list.json',
      name: 'list',
      channels: ['FLAIR', 'T1'],
    });
    expect(dataset.layout).toBe('monai');
    expect(dataset.training.map((c) => [c.id, c.fold, c.images.length])).toEqual([
      ['b_s', 0, 2],
      ['s', 1, 2],
    ]);
  });
  it('takes absolute paths of a datalist inside its folder, and no others', async () => {
    const labels = { background: 0, x: 1 };
    const opened = (image: string, more: object): Promise<Dataset> => {
      const list = json({ labels, training: [{ image, label: '/data/b/s.nii.gz' }], ...more });
      return readDataset(memoryTree(new Map([['list.json', list]]), '/data'), { file: 'list.json', name: 'list' });
    };
    const dataset = await opened('/data/b/f.nii.gz', { testing: [] });
    expect(dataset.training[0]).toMatchObject({ images: ['b/f.nii.gz'], label: 'b/s.nii.gz' });
    for (const [path, more] of [
      ['/elsewhere/f.nii.gz', {}],
      ['/data/../f.nii.gz', {}],
      ['/data/b/f.nii.gz', { modality: { 0: 'CT' } }],
    ] as const)
      await expect(opened(path, more)).rejects.toThrow(/no absolute paths/);
  });
  it('asks for labels that nobody named', async () => {
    await expect(
      readDataset(memoryTree(new Map([['l.json', json({ training: [] })]])), { file: 'l.json', name: 'l' }),
    ).rejects.toThrow(/says nothing about its labels/);
  });
  it('finds the labels that nobody named in the label files', async () => {
    const list = (...labels: string[]): Uint8Array =>
      json({ training: labels.map((name) => ({ image: `${name}_image.nii.gz`, label: `${name}.nii.gz` })) });
    const files = new Map([
      ['a.nii.gz', await label(0, 0, 3, 3, 0, 0, 0, 0)],
      ['b.nii.gz', await label(0, 1, 0, 0, 0, 0, 0, 0)],
      ['half.nii.gz', await label(0, 0.5, 0, 0, 0, 0, 0, 0)],
      ['empty.nii.gz', await label(0, 0, 0, 0, 0, 0, 0, 0)],
    ]);
    const opened = (...labels: string[]): ReturnType<typeof readDataset> =>
      readDataset(memoryTree(new Map([...files, ['l.json', list(...labels)]])), { file: 'l.json', name: 'l' });
    expect((await opened('a', 'b')).labels.names).toEqual({ background: 0, class_1: 1, class_3: 3 });
    await expect(opened('a', 'half')).rejects.toThrow('half.nii.gz: holds values from 0 to 0.5, not all of them whole');
    await expect(opened('empty')).rejects.toThrow('hold nothing but 0');
  });
});

describe('descriptions that are none', () => {
  it.each([
    ['', 'not valid JSON'],
    ['[1]', 'not valid JSON'],
    ['{"a": 1}', 'no known description'],
    ['{"file_ending": "nii", "channel_names": {"0": "CT"}}', 'file_ending'],
    ['{"file_ending": ".nii", "channel_names": {}, "labels": {}}', 'channel_names'],
    ['{"file_ending": ".nii", "labels": {}}', '"channel_names" (or "modality") must name'],
    ['{"channel_names": {"0": "CT"}, "labels": {}}', '"file_ending" must be text'],
  ])('%s', async (text, reason) => {
    await expect(
      readDataset(memoryTree(new Map([['dataset.json', new TextEncoder().encode(text)]])), { name: 'x' }),
    ).rejects.toThrow(reason);
  });
});

describe('loose folders', () => {
  it('joins images to labels by name', async () => {
    const map = new Map<string, Uint8Array>();
    for (const path of ['i/a.nii.gz', 'i/b.nii.gz', 'i/.DS_Store', 'l/a.nii.gz']) map.set(path, await image(1));
    const dataset = await readFolderDataset(memoryTree(map), {
      images: 'i',
      labels: 'l',
      labelNames: ['tumor'],
      name: 'mine',
    });
    expect([dataset.training.map((c) => c.id), dataset.test.map((c) => c.id), dataset.labels.names]).toEqual([
      ['a'],
      ['b'],
      { background: 0, tumor: 1 },
    ]);
  });
});

describe('resolveDataset', () => {
  it('finds ids, names and paths, and says what there is', async () => {
    const raw = await mkdtemp(join(tmpdir(), 'voxelwise-'));
    try {
      await mkdir(join(raw, 'Dataset004_Hippocampus'));
      await writeFile(join(raw, 'Dataset004_Hippocampus', 'dataset.json'), JSON.stringify({ ...V2, numTraining: 0 }));
      expect(await resolveDataset('4', { raw })).toMatchObject({
        name: 'Dataset004_Hippocampus',
        id: 4,
        path: join(raw, 'Dataset004_Hippocampus'),
      });
      expect((await openDataset('Dataset004_Hippocampus', { roots: { raw } })).channels).toEqual(['CT', 'PET']);
      expect((await openDataset(join(raw, 'Dataset004_Hippocampus'))).id).toBe(4);
      await expect(resolveDataset('5', { raw })).rejects.toThrow(/Dataset004_Hippocampus/);
      await mkdir(join(raw, 'Dataset004_Other'));
      await expect(resolveDataset('4', { raw })).rejects.toThrow(/several data sets/);
    } finally {
      await rm(raw, { recursive: true });
    }
  });
});
