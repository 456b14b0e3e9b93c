/** Segmentations as they are written: their forms, and what they take over from images that lack or misspell something. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Volume } from '@voxelwise/volume';
import { parseDicom } from '../dataset/parse.ts';
import type { DataSet } from '../dataset/dataset.ts';
import { TAG } from '../dataset/tags.ts';
import { scanDicom } from '../series/scan.ts';
import type { DicomStack } from '../series/scan.ts';
import { writeStructures } from '../structures/write-structures.ts';
import { syntheticSeries } from '../testing/synthetic-series.ts';
import type { SyntheticSeries } from '../testing/synthetic-series.ts';
import { readSegmentation } from './read-segmentation.ts';
import { targetOf } from './target.ts';
import { writeSegmentation } from './write-segmentation.ts';
import type { SegmentationWriteOptions } from './write-segmentation.ts';

const size = { rows: 5, columns: 3, slices: 4 };
const stackOf = async (more: Partial<SyntheticSeries> = {}): Promise<DicomStack> =>
  (await scanDicom(syntheticSeries({ ...size, ...more }))).stacks[0]!;
const labelsOn = (stack: DicomStack, voxels: Volume['voxels'], channels = ['labels']): Volume => ({
  grid: targetOf(stack).grid,
  kind: voxels instanceof Float32Array ? 'intensity' : 'labels',
  channels,
  voxels,
});
const segment = (label: number): { label: number; name: string } => ({ label, name: `label ${label}` });

describe('forms', () => {
  let stack: DicomStack;
  beforeAll(async () => {
    stack = await stackOf();
  });

  it.each([
    ['labelmap', [2, 40]],
    ['labelmap', [2, 300]],
    ['binary', Array.from({ length: 300 }, (_, i) => i + 1)],
  ] as const)('%s keeps the numbers of labels', async (form, labels) => {
    const voxels = Uint16Array.from({ length: 60 }, (_, i) => (i < 15 ? 0 : (labels[(i * 7) % labels.length] ?? 0)));
    const bytes = await writeSegmentation(labelsOn(stack, voxels), stack, { form, segments: labels.map(segment) });
    const read = await readSegmentation(parseDicom(bytes), { target: targetOf(stack) });
    expect([...read.volume.voxels]).toEqual([...voxels]);
  });

  it('stores fractions in steps of 1/255', async () => {
    const voxels = Float32Array.from({ length: 120 }, (_, i) => (i < 30 ? 0 : ((i * 37) % 101) / 100));
    const options: SegmentationWriteOptions = { form: 'probability', segments: [segment(1), segment(2)] };
    const file = parseDicom(await writeSegmentation(labelsOn(stack, voxels, ['a', 'b']), stack, options));
    expect(file.dataset.string(TAG.SegmentationFractionalType)).toBe('PROBABILITY');
    const read = await readSegmentation(file, { target: targetOf(stack), threshold: 0.3, onOverlap: 'channels' });
    expect([...read.volume.voxels]).toEqual(Array.from(voxels, (v) => (Math.round(v * 255) / 255 >= 0.3 ? 1 : 0)));
    const beyond = writeSegmentation(
      labelsOn(
        stack,
        voxels.map((v) => v * 2),
        ['a', 'b'],
      ),
      stack,
      options,
    );
    await expect(beyond).rejects.toThrow(/fractions are from 0 to 1, voxel \d+ is/);
  });

  it('refuses names that the standard has no room for', async () => {
    const written = (name: string): Promise<Uint8Array> =>
      writeSegmentation(labelsOn(stack, new Uint8Array(60)), stack, { segments: [{ label: 1, name }] });
    await expect(written('x'.repeat(65))).rejects.toThrow('64 characters');
    await expect(written('left\\right')).rejects.toThrow('no backslash');
    await expect(written('肝'.repeat(64))).resolves.toBeInstanceOf(Uint8Array);
  });
});

describe('headers', () => {
  const written = async (more: Partial<SyntheticSeries>): Promise<{ d: DataSet; stack: DicomStack }> => {
    const stack = await stackOf(more);
    const labels = labelsOn(stack, new Uint8Array(60).fill(1));
    return { d: parseDicom(await writeSegmentation(labels, stack, { segments: [segment(1)] })).dataset, stack };
  };

  it('make up identifiers that images lack', async () => {
    const { d, stack } = await written({
      edit: ({ FrameOfReferenceUID: _f, StudyInstanceUID: _s, ...rest }) => rest,
    });
    for (const tag of [TAG.FrameOfReferenceUID, TAG.StudyInstanceUID]) expect(d.string(tag)).toMatch(/^2\.25\.\d+$/);
    await expect(
      writeStructures(labelsOn(stack, new Uint8Array(60)), stack, { segments: [segment(1)] }),
    ).rejects.toThrow('have no FrameOfReferenceUID');
  });

  it('name the character set beside texts that are not ASCII, for readers that forget it', async () => {
    const stack = await stackOf();
    const options = { segments: [segment(1), { label: 2, name: 'Größe 肝' }] };
    const written = await writeSegmentation(labelsOn(stack, new Uint8Array(60)), stack, options);
    const items = parseDicom(written).dataset.items(TAG.SegmentSequence);
    expect(items.map((item) => item.string(TAG.SpecificCharacterSet))).toEqual([undefined, 'ISO_IR 192']);
  });

  it('say so when the images were compressed with losses', async () => {
    const { d } = await written({
      edit: (content) => ({
        ...content,
        LossyImageCompression: '01',
        LossyImageCompressionRatio: [12.5],
        LossyImageCompressionMethod: 'ISO_10918_1',
      }),
    });
    expect(d.string(TAG.LossyImageCompression)).toBe('01');
    expect(d.numbers(TAG.LossyImageCompressionRatio)).toEqual([12.5]);
    expect(d.string(TAG.LossyImageCompressionMethod)).toBe('ISO_10918_1');
  });

  it('spell dates and times as the standard does, and leave out what is none', async () => {
    const old = await written({ edit: (c) => ({ ...c, StudyDate: '2020.01.02', StudyTime: '03:04:05.5' }) });
    expect([TAG.StudyDate, TAG.ContentDate, TAG.StudyTime].map((tag) => old.d.string(tag))).toEqual([
      '20200102',
      '20200102',
      '030405.5',
    ]);
    const none = await written({ edit: (c) => ({ ...c, StudyDate: 'unknown', StudyTime: 'noon' }) });
    expect([TAG.StudyDate, TAG.ContentDate].map((tag) => none.d.string(tag))).toEqual([undefined, '19700101']);
  });

  it('measure tilted slices along their normal, and keep the stated thickness', async () => {
    const { d } = await written({ step: [0, 1, 2], edit: (c) => ({ ...c, SliceThickness: 1.5 }) });
    const measures = d.first(TAG.SharedFunctionalGroupsSequence, TAG.PixelMeasuresSequence)!;
    expect(measures.number(TAG.SpacingBetweenSlices)).toBeCloseTo(2, 9);
    expect(measures.number(TAG.SliceThickness)).toBe(1.5);
  });
});
