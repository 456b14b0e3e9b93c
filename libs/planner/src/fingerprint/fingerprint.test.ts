import { readdirSync, readFileSync } from 'node:fs';
import { alignedGrid, type Case } from '@voxelwise/volume';
import { describe, expect, it } from 'vitest';
import { readFixtureNifti } from '../../../../tools/testing/nifti.ts';
import { FingerprintError } from '../errors.ts';
import { type Fingerprint, readFingerprint, writeFingerprint } from './fingerprint.ts';
import { referenceSpacing } from './reference-spacing.ts';
import { takeFingerprint } from './take-fingerprint.ts';

const folder = new URL('../../fixtures/fingerprint/', import.meta.url);
const sets = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

function readCases(set: string): Case[] {
  const at = (path: string): URL => new URL(`${set}/${path}`, folder);
  const { channel_names } = JSON.parse(readFileSync(at('dataset.json'), 'utf8')) as {
    channel_names: Record<string, string>;
  };
  return readdirSync(at('labelsTr'))
    .sort()
    .map((file) => {
      const id = file.replace('.nii.gz', '');
      const labels = readFixtureNifti(at(`labelsTr/${file}`));
      const images = Object.keys(channel_names).map((c) =>
        readFixtureNifti(at(`imagesTr/${id}_${c.padStart(4, '0')}.nii.gz`)),
      );
      const grid = alignedGrid(images[0]!.shape, images[0]!.spacing);
      const voxels = Float32Array.from(images.flatMap((image) => [...image.voxels]));
      return {
        id,
        images: { grid, kind: 'intensity', channels: Object.values(channel_names), voxels },
        labels: { grid, kind: 'labels', channels: ['labels'], voxels: labels.voxels },
      };
    });
}

function expectSame(taken: Fingerprint, golden: Fingerprint): void {
  expect(taken.shapes_after_crop).toEqual(golden.shapes_after_crop);
  expect(taken.spacings).toEqual(golden.spacings);
  expect(taken.median_relative_size_after_cropping).toBe(golden.median_relative_size_after_cropping);
  const channels = Object.entries(golden.foreground_intensity_properties_per_channel);
  expect(Object.keys(taken.foreground_intensity_properties_per_channel)).toEqual(channels.map(([channel]) => channel));
  for (const [channel, expected] of channels) {
    const got = taken.foreground_intensity_properties_per_channel[channel]!;
    for (const [name, value] of Object.entries(expected)) {
      const tolerance = name === 'mean' || name === 'std' ? 1e-5 : 1e-6;
      const error = Math.abs(got[name as keyof typeof got] - value);
      expect(error, `${channel} ${name}: ${got[name as keyof typeof got]} for ${value}`).toBeLessThanOrEqual(
        tolerance * Math.abs(value),
      );
    }
  }
}

describe('takeFingerprint', () => {
  it.each(sets)('equals the reference on %s', async (set) => {
    const golden = readFingerprint(readFileSync(new URL(`${set}/dataset_fingerprint.json`, folder), 'utf8'));
    const cases = readCases(set);
    expectSame(await takeFingerprint({ caseCount: cases.length, cases: () => cases }), golden);
  });

  it('gives the same within little memory, by looking twice', async () => {
    const cases = readCases('synth_mr_2ch_zero_border');
    let opened = 0;
    const open = (): Case[] => (opened++, cases);
    const roomy = await takeFingerprint({ caseCount: cases.length, cases: open });
    expect(opened).toBe(1);
    const tight = await takeFingerprint({ caseCount: cases.length, cases: open, maxBytes: 1 });
    expect(opened).toBe(3);
    expect(tight).toEqual(roomy);
  });

  const grid = alignedGrid([1, 1, 2]);
  const image = { grid, kind: 'intensity', channels: ['MR'], voxels: Float32Array.of(1, Number.NaN) } as const;
  const label = (voxels: Uint8Array): Case['labels'] => ({ grid, kind: 'labels', channels: ['labels'], voxels });
  it.each([
    ['no labels', { id: 'x', images: image }, /case x has no labels/],
    [
      'NaN in the foreground',
      { id: 'x', images: image, labels: label(Uint8Array.of(1, 1)) },
      /case x, channel 0 holds NaN/,
    ],
    ['no foreground', { id: 'x', images: image, labels: label(Uint8Array.of(0, 0)) }, /no case has a foreground voxel/],
    [
      'another shape',
      { id: 'x', images: image, labels: { ...label(Uint8Array.of(1))!, grid: alignedGrid([1, 1, 1]) } },
      /image of \[1, 1, 2\] and labels of \[1, 1, 1\]/,
    ],
  ] as [string, Case, RegExp][])('refuses a case with %s', async (_, subject, message) => {
    await expect(takeFingerprint({ caseCount: 1, cases: () => [subject] })).rejects.toThrow(FingerprintError);
    await expect(takeFingerprint({ caseCount: 1, cases: () => [subject] })).rejects.toThrow(message);
  });
});

describe('referenceSpacing', () => {
  it('gives photographs one slice of 999 mm, and leaves others as they are', () => {
    const subject = (shape: readonly [number, number, number]): Case => {
      const grid = alignedGrid(shape, [2, 0.5, 0.5]);
      return { id: 'x', images: { grid, kind: 'intensity', channels: ['a'], voxels: new Float32Array(0) } };
    };
    expect(referenceSpacing('.PNG')(subject([1, 4, 4]))).toEqual([999, 1, 1]);
    expect(referenceSpacing('.tif')(subject([3, 4, 4]))).toEqual([2, 0.5, 0.5]);
    expect(referenceSpacing('.nii.gz')(subject([1, 4, 4]))).toEqual([2, 0.5, 0.5]);
  });
});

describe('the fingerprint file', () => {
  it.each(sets)('is written as the reference writes it: %s', (set) => {
    const text = readFileSync(new URL(`${set}/dataset_fingerprint.json`, folder), 'utf8');
    expect(writeFingerprint(readFingerprint(text))).toBe(text);
  });

  it.each([
    ['{}', /"shapes_after_crop" must be/],
    [
      '{"shapes_after_crop": [[1, 2, 3]], "spacings": [[1, 0, 1]]}',
      /"spacings" must be a non-empty list of three positive/,
    ],
    ['{"shapes_after_crop": [[1, 2, 3]], "spacings": [[1, 1, 1], [1, 1, 1]]}', /as many as/],
  ])('is refused when wrong: %s', (text, message) => expect(() => readFingerprint(text)).toThrow(message));
});
