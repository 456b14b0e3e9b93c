import { describe, expect, it } from 'vitest';
import { memorySource } from './dataset/dicom-source.ts';
import type { DicomSource } from './dataset/dicom-source.ts';
import { examineDicom } from './examine.ts';
import { targetOf } from './segmentation/target.ts';
import { writeSegmentation } from './segmentation/write-segmentation.ts';
import { scanDicom } from './series/scan.ts';
import { writeStructures } from './structures/write-structures.ts';
import { bytesOf, fixtures } from './testing/corpus.ts';
import { syntheticSeries } from './testing/synthetic-series.ts';
import { encodeFile } from './write/encode.ts';
import type { Content } from './write/encode.ts';

const size = { rows: 4, columns: 3, slices: 10 };
const series = (edit?: (content: Content, slice: number) => Content | undefined): DicomSource[] =>
  syntheticSeries(edit === undefined ? size : { ...size, edit });

describe('examineDicom', () => {
  it('finds nothing in a healthy series', async () => {
    expect(await examineDicom(await scanDicom(series()))).toEqual([]);
  });

  const damaged = memorySource('damaged', encodeFile({ SOPClassUID: '1.2', SOPInstanceUID: '1.3', Rows: 4 }));
  const cases: readonly (readonly [string, 'error' | 'warning', () => DicomSource[], RegExp])[] = [
    ['missing-slice', 'error', () => series((c, k) => (k === 4 ? undefined : c)), /resample/],
    ['tilt', 'error', () => syntheticSeries({ ...size, step: [0, 0.4, 1] }), /shear/],
    [
      'duplicate-slice',
      'error',
      () => [...series(), ...series((c, k) => (k === 4 ? { ...c, SOPInstanceUID: '9.9' } : undefined))],
      /drop/,
    ],
    ['mixed-size', 'error', () => series((c, k) => (k === 2 ? { ...c, Rows: 3 } : c)), /folder/],
    ['same-file-twice', 'warning', () => [...series(), { ...series()[0]!, name: 'twice' }], /Delete/],
    ['zero-slope', 'warning', () => series((c) => ({ ...c, RescaleSlope: 0, RescaleIntercept: 0 })), /export/],
    [
      'truncated-file',
      'error',
      () => series((c, k) => (k === 1 ? { ...c, PixelData: new Uint8Array(4) } : c)),
      /again/,
    ],
    ['unreadable', 'error', () => [...series(), damaged], /again/],
    ['no-cases', 'error', () => [memorySource('notes.txt', new TextEncoder().encode('nothing of use'))], /folder/],
  ];
  it.each(cases)('%s (%s), with what to do', async (code, severity, files, fix) => {
    const faults = await examineDicom(await scanDicom(files()));
    expect(faults).toMatchObject([{ code, severity, fix: expect.stringMatching(fix) as string }]);
    expect(faults[0]!.message).not.toBe('');
  });

  it('reads masks beside their images and alone, and tells of what is damaged, empty or left out', async () => {
    const images = series();
    const stack = (await scanDicom(images)).stacks[0]!;
    const { grid } = targetOf(stack);
    const voxels = new Uint8Array(120).fill(1, 20, 60);
    const labels = { grid, kind: 'labels' as const, channels: ['labels'], voxels };
    const segments = [1, 2].map((label) => ({ label, name: `mask ${label}` }));
    const seg = await writeSegmentation(labels, stack, { segments });
    const rt = await writeStructures(labels, stack, { segments });
    const faultsOf = async (files: DicomSource[]): Promise<string[]> =>
      (await examineDicom(await scanDicom(files))).map((f) => `${f.severity} ${f.code} ${f.message}`);
    const [asSeg, asRt] = [memorySource('seg', seg), memorySource('rt', rt)];
    const empty = 'warning label-empty mask 2 has no voxel.';
    expect(await faultsOf([...images, asSeg, asRt])).toEqual([empty, empty]);
    expect(await faultsOf([asSeg, asRt])).toEqual([empty, 'warning label-empty mask 2 has no contour.']);
    // drawn on images of which these are the upper half
    const half = series((content, k) => (k < 5 ? undefined : content));
    const outside = await faultsOf([...half, asSeg, asRt]);
    expect(outside).toContain('warning mask-oddity mask 1: 40 voxels lie outside the images.');
    expect(outside).toContain('warning mask-oddity mask 1: 4 contour(s) left out: above or below the images.');
    const twice = { ...labels, channels: ['a', 'b'], voxels: Uint8Array.from([...voxels, ...voxels]) };
    const both = memorySource('both', await writeSegmentation(twice, stack, { segments }));
    expect(await faultsOf([...images, both])).toEqual([
      'warning mask-oddity mask 2: every voxel belongs to masks before it.',
      'warning masks-overlap its masks overlap in 40 voxels.',
    ]);
    const cut = await faultsOf([...images, memorySource('cut', seg.subarray(0, seg.length - 4))]);
    expect(cut).toEqual([expect.stringMatching(/^error unreadable cut: .* bytes of pixel data/)]);
  });

  it('reads pixels, and tells of those that cannot be decoded', async () => {
    const bytes = bytesOf(fixtures, 'values/unused_bits_jpeg.dcm').slice();
    const scan = async () => scanDicom([memorySource('image', bytes)]);
    expect(await examineDicom(await scan())).toEqual([]);
    // The code stream's frame header, gone.
    const header = bytes.findIndex((b, i) => b === 0xff && bytes[i + 1] === 0xc3);
    bytes[header + 1] = 0xe5;
    expect(await examineDicom(await scan(), { readPixels: false })).toEqual([]);
    expect(await examineDicom(await scan())).toMatchObject([{ severity: 'error', code: 'unreadable', file: 'image' }]);
  });
});
