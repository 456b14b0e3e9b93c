import { readdirSync, readFileSync } from 'node:fs';
import { readSummary } from '@voxelwise/metrics';
import { type DatasetJson, labelScheme } from '@voxelwise/planner';
import { parsePythonJson } from '@voxelwise/volume';
import { describe, expect, it } from 'vitest';
import { readFixtureNifti } from '../../../../tools/testing/nifti.ts';
import { EnsembleError } from '../errors.ts';
import type { LabelMap } from '../label-map.ts';
import { determinePostprocessing, type JudgedCase } from './determine-postprocessing.ts';
import { applyPostprocessing } from './keep-largest.ts';
import { readPostprocessing, writePostprocessing } from './postprocessing-file.ts';

const folder = new URL('../../fixtures/postprocessing/', import.meta.url);
const sets = readdirSync(folder);
const text = (path: string): string => readFileSync(new URL(path, folder), 'utf8');
const map = (path: string): LabelMap => readFixtureNifti(new URL(path, folder)) as LabelMap;
const casesOf = (set: string): JudgedCase[] =>
  readdirSync(new URL(`${set}/pred/`, folder))
    .filter((file) => file.endsWith('.nii.gz'))
    .sort()
    .map((file) => ({
      predictionFile: file,
      referenceFile: file,
      read: async () => ({ prediction: map(`${set}/pred/${file}`), reference: map(`${set}/ref/${file}`) }),
    }));

describe('determinePostprocessing', () => {
  it.each(sets)('decides %s as the reference does', async (set) => {
    const dataset = JSON.parse(text(`${set}/dataset.json`)) as DatasetJson;
    const found = await determinePostprocessing(casesOf(set), labelScheme(dataset.labels, dataset.regions_class_order));
    expect(readPostprocessing(writePostprocessing(found))).toEqual(
      readPostprocessing(text(`${set}/postprocessing.json`)),
    );
    const golden = parsePythonJson(text(`${set}/postprocessing.json`)) as unknown;
    expectClose(parsePythonJson(writePostprocessing(found)), golden);
    expectClose(found.before.mean, readSummary(text(`${set}/summary_before.json`)).mean);
    expectClose(found.after.mean, readSummary(text(`${set}/summary_after.json`)).mean);
    for (const { predictionFile } of casesOf(set)) {
      const expected = map(`${set}/postprocessed/${predictionFile}`).voxels;
      const got = applyPostprocessing(map(`${set}/pred/${predictionFile}`), found.steps).voxels;
      expect([...got]).toEqual([...expected]);
    }
  });

  it('refuses a prediction on another grid', async () => {
    const prediction: LabelMap = { voxels: new Uint8Array(2), shape: [1, 1, 2] };
    const reference: LabelMap = { voxels: new Uint8Array(2), shape: [1, 2, 1] };
    const cases = [{ predictionFile: 'a', referenceFile: 'a', read: async () => ({ prediction, reference }) }];
    await expect(determinePostprocessing(cases, labelScheme({ background: 0, a: 1 }))).rejects.toThrow(
      /post-processing of a: segmentations of \[1, 1, 2\] and \[1, 2, 1\]/,
    );
  });
});

describe('the post-processing file', () => {
  it('is written as the reference writes it', async () => {
    const golden = text('nothing_helps_single_class/postprocessing.json');
    const { labels } = JSON.parse(text('nothing_helps_single_class/dataset.json')) as DatasetJson;
    expect(
      writePostprocessing(await determinePostprocessing(casesOf('nothing_helps_single_class'), labelScheme(labels))),
    ).toBe(golden);
  });

  it.each([
    ['{}', /must be lists of the same length/],
    [
      '{"postprocessing_fns": ["os.system"], "postprocessing_kwargs": [{}]}',
      /step 0 is "os\.system"; the only step known/,
    ],
    [
      '{"postprocessing_fns": ["remove_all_but_largest_component_from_segmentation"], "postprocessing_kwargs": [{}]}',
      /needs "labels_or_regions"/,
    ],
  ])('refuses %s', (file, message) => {
    expect(() => readPostprocessing(file)).toThrow(EnsembleError);
    expect(() => readPostprocessing(file)).toThrow(message);
  });
});

describe('applyPostprocessing', () => {
  it('does not change what it is given, and steps over classes that are not there', () => {
    const voxels = Uint8Array.of(1, 0, 1, 1);
    const result = applyPostprocessing({ voxels, shape: [1, 1, 4] }, [
      { labelsOrRegions: 5 },
      { labelsOrRegions: [1, 2] },
    ]);
    expect([...result.voxels]).toEqual([0, 0, 1, 1]);
    expect([...voxels]).toEqual([1, 0, 1, 1]);
  });
});

function expectClose(got: unknown, expected: unknown, path = ''): void {
  if (typeof expected === 'number')
    expect(Math.abs((got as number) - expected), path).toBeLessThanOrEqual(1e-12 * Math.max(1, Math.abs(expected)));
  else if (typeof expected === 'object' && expected !== null) {
    expect(Object.keys(got as object).sort(), path).toEqual(Object.keys(expected).sort());
    for (const [key, value] of Object.entries(expected))
      expectClose((got as Record<string, unknown>)[key], value, `${path}.${key}`);
  } else expect(got, path).toEqual(expected);
}
