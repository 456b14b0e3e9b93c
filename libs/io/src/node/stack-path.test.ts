/** Stacks written while they are read, against volumes read whole: the same voxels in the same file. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { VoxelArray } from '@voxelwise/volume';
import { readStack } from '../dicom/series/read-volume.ts';
import { scanDicom } from '../dicom/series/scan.ts';
import { syntheticSeries } from '../dicom/testing/synthetic-series.ts';
import type { SyntheticSeries } from '../dicom/testing/synthetic-series.ts';
import { writeStack } from './stack-path.ts';
import { readVolume } from './volume-path.ts';

const folder = mkdtempSync(join(tmpdir(), 'voxelwise-stack-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const bytesOf = ({ buffer, byteOffset, byteLength }: VoxelArray): Buffer =>
  Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);

const plain: SyntheticSeries = { rows: 6, columns: 5, slices: 9, spacing: [2, 3], step: [0, 0, 4] };
/** Pieces hold several small slices; these are too large for that. */
const large: SyntheticSeries = {
  rows: 1100,
  columns: 700,
  slices: 3,
  value: (i, j, k) => (i * 31 + j * 7 + k) & 0xfff,
};
const cases: readonly (readonly [string, SyntheticSeries, string])[] = [
  ['as stored', plain, 'Uint16Array'],
  ['large slices', large, 'Uint16Array'],
  ['shifted', { ...plain, edit: (c) => ({ ...c, RescaleIntercept: -10, RescaleSlope: 1 }) }, 'Int16Array'],
  [
    'shifted beyond 16 bits, found on the last slice',
    {
      ...plain,
      value: (i, j, k) => (k === 8 ? 65535 : i),
      edit: (c) => ({ ...c, RescaleIntercept: -1, RescaleSlope: 1 }),
    },
    'Int32Array',
  ],
  ['scaled', { ...plain, edit: (c, k) => ({ ...c, RescaleSlope: 0.5 + k, RescaleIntercept: 0.25 }) }, 'Float32Array'],
];

describe('a stack written while it is read', () => {
  for (const [name, series, type] of cases)
    for (const ending of ['.nii', '.nii.gz', '.nrrd'])
      it(`${name}, ${ending}`, async () => {
        const { stacks } = await scanDicom(syntheticSeries(series));
        const { volume } = await readStack(stacks[0]!);
        const path = join(folder, `volume${ending}`);
        const { grid, kind } = await writeStack(path, stacks[0]!);
        const written = await readVolume(path);
        expect(kind).toBe('volume');
        expect(grid).toEqual(volume.grid);
        expect(written.voxels.constructor.name).toBe(type);
        expect(bytesOf(written.voxels).equals(bytesOf(volume.voxels))).toBe(true);
        expect(written.grid.shape).toEqual(volume.grid.shape);
        written.grid.affine.forEach((v, i) => expect(v).toBeCloseTo(volume.grid.affine[i]!, 4));
      });

  it('leaves no file behind when a slice is damaged', async () => {
    const series = syntheticSeries(plain);
    const { stacks } = await scanDicom(series);
    const last = stacks[0]!.order[0]!.at(-1)!;
    const { source } = last.instance.file.pixels!;
    const read = source.read.bind(source);
    Object.assign(source, {
      read: (offset: number, length: number) =>
        offset >= last.instance.file.pixels!.offset ? Promise.reject(new Error('disk fault')) : read(offset, length),
    });
    await expect(writeStack(join(folder, 'damaged.nii'), stacks[0]!)).rejects.toThrow('disk fault');
    expect(readdirSync(folder).filter((file) => file.includes('damaged'))).toEqual([]);
  });

  it('refuses what a volume cannot be', async () => {
    const { stacks } = await scanDicom(syntheticSeries({ ...plain, edit: (c, k) => (k === 4 ? undefined : c) }));
    await expect(writeStack(join(folder, 'gap.nii'), stacks[0]!)).rejects.toThrow(/missing/);
  });
});
