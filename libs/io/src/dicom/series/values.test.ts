/** What stored values stand for, and frames placed in unusual ways, against values of pydicom (tools/fixtures/dicom_values.py). */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { DicomSource } from '../dataset/dicom-source.ts';
import { dicomFile } from '../node-files.ts';
import { expectations, fixtures } from '../testing/corpus.ts';
import { syntheticSeries } from '../testing/synthetic-series.ts';
import type { Content } from '../write/encode.ts';
import { readDicomVolume } from './read-volume.ts';

interface Expected {
  readonly shape: readonly number[];
  readonly values: readonly number[];
  /** Of the first and last slice, LPS mm. */
  readonly positions?: readonly (readonly number[])[];
  readonly issues?: readonly string[];
}

describe('values and places', () => {
  it.each(Object.entries(expectations<Expected>(fixtures, 'values/expected.json')))('%s', async (name, wanted) => {
    const { volume, issues } = await readDicomVolume([dicomFile(join(fixtures.folder, 'values', `${name}.dcm`))]);
    expect([volume.channels.length, ...volume.grid.shape]).toEqual(wanted.shape);
    const floats = volume.voxels instanceof Float32Array;
    expect([...volume.voxels]).toEqual(floats ? [...Float32Array.from(wanted.values)] : wanted.values);
    if (wanted.issues !== undefined) expect(issues.map((i) => i.code)).toEqual(wanted.issues);
    const a = volume.grid.affine;
    wanted.positions?.forEach((position, end) => {
      const k = end * (volume.grid.shape[0] - 1);
      const at = [0, 1, 2].map((axis) => (axis < 2 ? -1 : 1) * (a[axis * 4]! * k + a[axis * 4 + 3]!));
      at.forEach((mm, axis) => expect(mm).toBeCloseTo(position[axis]!, 9));
    });
  });

  it('refuses a palette that is cut short, and samples that are neither gray nor color', async () => {
    const slice = (fields: Content): DicomSource[] =>
      syntheticSeries({ rows: 2, columns: 2, slices: 1, edit: (c) => ({ ...c, ...fields }) });
    const short = {
      PhotometricInterpretation: 'PALETTE COLOR',
      RedPaletteColorLookupTableDescriptor: [4, 0, 16],
      RedPaletteColorLookupTableData: new Uint8Array(4),
    };
    await expect(readDicomVolume(slice(short))).rejects.toThrow('should have 4 entries, 2 are there');
    await expect(readDicomVolume(slice({ SamplesPerPixel: 4 }))).rejects.toThrow('4 samples per pixel are not read');
  });
});

describe('uneven slices, resampled on request', () => {
  const size = { rows: 4, columns: 3, slices: 10, spacing: [1, 2] as const, step: [0, 0.6, 2.5] as const };
  // A linear ramp: interpolation between slices gives what a slice there would have had.
  const value = (i: number, j: number, k: number): number => 100 + 3 * i + 5 * j + 40 * k;

  it('fills in missing slices and keeps the others bit for bit, tilt included', async () => {
    const missing = syntheticSeries({ ...size, value, edit: (c, k) => ([3, 6, 7].includes(k) ? undefined : c) });
    await expect(readDicomVolume(missing, { onTilt: 'keep' })).rejects.toMatchObject({
      details: { kind: 'missing-slice' },
    });
    const whole = await readDicomVolume(syntheticSeries({ ...size, value }), { onTilt: 'keep' });
    const read = await readDicomVolume(missing, { onTilt: 'keep', onUneven: 'resample' });
    expect(read.volume.voxels).toEqual(whole.volume.voxels);
    expect(read.volume.grid.shape).toEqual(whole.volume.grid.shape);
    read.volume.grid.affine.forEach((v, i) => expect(v).toBeCloseTo(whole.volume.grid.affine[i]!, 9));
    expect(read.issues.map((i) => i.code)).toEqual(
      expect.arrayContaining(['missing-slice', 'resampled-slices', 'tilt']),
    );
    const sheared = await readDicomVolume(missing, { onTilt: 'shear', onUneven: 'resample' });
    const shearedWhole = await readDicomVolume(syntheticSeries({ ...size, value }), { onTilt: 'shear' });
    expect(sheared.volume.grid).toEqual(shearedWhole.volume.grid);
    expect(sheared.volume.voxels).toEqual(shearedWhole.volume.voxels);
  });

  it('interpolates where distances differ', async () => {
    const places = [0, 2, 4, 5, 8, 10, 12];
    const series = syntheticSeries({
      rows: 2,
      columns: 2,
      slices: 7,
      value: (i, j, k) => 1000 + 20 * places[k]! + i + 2 * j,
      edit: (c, k) => ({ ...c, ImagePositionPatient: [0, 0, places[k]!] }),
    });
    const read = await readDicomVolume(series, { onUneven: 'resample' });
    expect(read.volume.grid.shape).toEqual([7, 2, 2]);
    expect([...read.volume.voxels.filter((_, i) => i % 4 === 0)]).toEqual(
      [0, 2, 4, 6, 8, 10, 12].map((z) => 1000 + 20 * z),
    );
  });

  it('still refuses what no interpolation mends', async () => {
    const beside = syntheticSeries({
      ...size,
      edit: (c, k) => (k === 3 ? undefined : k === 5 ? { ...c, ImagePositionPatient: [1, 3, 12.5] } : c),
    });
    await expect(readDicomVolume(beside, { onTilt: 'keep', onUneven: 'resample' })).rejects.toMatchObject({
      details: { kind: 'off-line-slice' },
    });
    const few = syntheticSeries({ ...size, edit: (c, k) => ([0, 1, 2, 9].includes(k) ? c : undefined) });
    await expect(readDicomVolume(few, { onTilt: 'keep', onUneven: 'resample' })).rejects.toMatchObject({
      details: { kind: 'missing-slice' },
    });
  });
});
