import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readFixtureNifti } from '../../../../tools/testing/nifti.ts';
import { ScoreError, SummaryError } from '../errors.ts';
import type { LabelOrRegion } from '../overlap/confusion.ts';
import { scoreCase, surfaceScores } from './score-case.ts';
import { mostScoreBytes, scoreBytes } from './score-memory.ts';
import { readSummary, referenceSummary, scoreLabels, summarize, writeSummary } from './summary.ts';

const folder = new URL('../../fixtures/evaluation/', import.meta.url);
const sets = readdirSync(folder);
const read = (path: string): string => readFileSync(new URL(path, folder), 'utf8');

function expectSame(got: unknown, expected: unknown, path = 'summary'): void {
  if (typeof expected === 'object' && expected !== null) {
    expect(Object.keys(got as object).sort(), path).toEqual(Object.keys(expected).sort());
    for (const [key, value] of Object.entries(expected))
      expectSame((got as Record<string, unknown>)[key], value, `${path}.${key}`);
  } else if (typeof expected === 'number' && !Number.isInteger(expected) && !Number.isNaN(expected))
    expect(Math.abs((got as number) - expected), path).toBeLessThanOrEqual(1e-12);
  else expect(got, path).toBe(expected);
}

interface Arguments {
  readonly labels_or_regions: readonly LabelOrRegion[];
  readonly ignore_label: number | null;
}

describe('summarize', () => {
  it.each(sets)('scores %s as the reference does', (set) => {
    const { labels_or_regions: labels, ignore_label } = JSON.parse(read(`${set}/args.json`)) as Arguments;
    const golden = readSummary(read(`${set}/summary.json`));
    const cases = readdirSync(new URL(`${set}/pred/`, folder))
      .sort()
      .map((file) => {
        const [prediction, reference] = ['pred', 'ref'].map(
          (side) => readFixtureNifti(new URL(`${set}/${side}/${file}`, folder)).voxels,
        );
        const metrics = scoreLabels(prediction!, reference!, labels, ignore_label ?? undefined);
        return { metrics, prediction_file: `pred/${file}`, reference_file: `ref/${file}` };
      });
    expectSame(summarize(cases), golden);
  });

  it.each(sets)('writes %s as the reference does', (set) => {
    const text = read(`${set}/summary.json`);
    expect(writeSummary(readSummary(text))).toBe(text);
  });

  it('refuses what is no summary, and cases scored for different classes', () => {
    expect(() => readSummary('{"mean": {}}')).toThrow(SummaryError);
    expect(() => readSummary('{"foreground_mean": {}, "mean": {}, "metric_per_case": [1]}')).toThrow(
      /list of objects with "metrics"/,
    );
    expect(() => summarize([])).toThrow(/no case/);
    const scored = (label: number, file: string) => ({
      metrics: scoreLabels([1], [1], [label]),
      prediction_file: file,
      reference_file: file,
    });
    expect(() => summarize([scored(1, 'a'), scored(2, 'b')])).toThrow(/b was not scored for the same classes/);
  });

  it('adds the means of classes and regions in their order, to the last bit', () => {
    // Whole-number keys of JavaScript's objects come first; NumPy adds in the order declared.
    const [a, b, c] = [0.7, 0.1, 0.3] as const;
    expect(a + b + c).not.toBe(c + a + b);
    const row = (Dice: number): never => ({ Dice }) as never;
    const metrics = { '(1, 2, 3)': row(a), '(2, 3)': row(b), '3': row(c) };
    const cases = [{ metrics, prediction_file: 'p', reference_file: 'r' }];
    expect(summarize(cases, [[1, 2, 3], [2, 3], 3]).foreground_mean.Dice).toBe((a + b + c) / 3);
    expect(summarize(cases, [3, [1, 2, 3], [2, 3], 3]).foreground_mean.Dice).toBe((c + a + b) / 3);
  });

  it('refuses maps that cannot be compared', () => {
    expect(() => scoreLabels([1, 0], [1], [1])).toThrow(ScoreError);
    expect(() => scoreLabels([0.5], [1], [1])).toThrow(/voxel 0 holds 0\.5/);
  });

  it('counts the same through a table and through a map', () => {
    const labels = [1, 3, 2_000_000];
    const map = [0, 1, 2_000_000, 3, 3, 1];
    const other = [1, 1, 2_000_000, 3, 0, 2_000_000];
    const small = (values: number[]): number[] => values.map((v) => (v === 2_000_000 ? 4 : v));
    const through = (a: number[], b: number[], l: number[]): unknown[] => Object.values(scoreLabels(a, b, l));
    expect(through(map, other, labels)).toEqual(through(small(map), small(other), small(labels)));
  });
});

describe('scoreCase', () => {
  const shape = [4, 5, 6] as const;
  const spacingMm = [2, 1, 0.5] as const;
  const cube = (z: number): Uint8Array =>
    Uint8Array.from({ length: 120 }, (_, i) => {
      const [az, y, x] = [Math.floor(i / 30), Math.floor(i / 6) % 5, i % 6];
      return az >= z && az < z + 2 && y >= 1 && y < 4 && x >= 1 && x < 5 ? 1 : 0;
    });

  it('gives millimetres: a cube moved by one slice of 2 mm', () => {
    const { '1': scores } = scoreCase(cube(0), cube(1), { labels: [1, 2], shape, spacingMm });
    expect(scores).toMatchObject({ HD: 2, Dice: 0.5, VolumeErrorMm3: 0, RelativeVolumeError: 0, TP: 12 });
    expect(scores!['SurfaceDice']).toBeGreaterThan(0.4);
    expect(scores!['SurfaceDice']).toBeLessThan(1);
  });

  it('says so when a class is missing, spurious, or absent', () => {
    const nothing = new Uint8Array(120);
    const options = { labels: [1, 2], shape, spacingMm };
    const { '1': missed, '2': absent } = scoreCase(nothing, cube(1), options);
    expect(missed).toMatchObject({
      HD: Infinity,
      HD95: Infinity,
      ASSD: Infinity,
      SurfaceDice: 0,
      VolumeErrorMm3: -24,
      RelativeVolumeError: -1,
    });
    expect(surfaceScores.filter((name) => name !== 'VolumeErrorMm3').every((name) => Number.isNaN(absent![name]))).toBe(
      true,
    );
    expect(scoreCase(cube(1), nothing, options)['1']).toMatchObject({
      HD: Infinity,
      VolumeErrorMm3: 24,
      RelativeVolumeError: Infinity,
    });
  });

  it('leaves out voxels of the ignore label', () => {
    const reference = cube(1).map((v, i) => (i % 6 === 5 ? 3 : v));
    const prediction = cube(1).map((v, i) => (i % 6 === 5 ? 1 : v));
    expect(scoreCase(prediction, reference, { labels: [1], ignoreLabel: 3, shape, spacingMm })['1']).toMatchObject({
      Dice: 1,
      HD: 0,
      SurfaceDice: 1,
    });
  });

  it('keeps to the reference’s scores when asked', () => {
    const metrics = scoreCase(cube(0), cube(1), { labels: [1], shape, spacingMm });
    const summary = referenceSummary(summarize([{ metrics, prediction_file: 'a', reference_file: 'a' }]));
    expect(Object.keys(summary.foreground_mean).sort()).toEqual([
      'Dice',
      'FN',
      'FP',
      'IoU',
      'TN',
      'TP',
      'n_pred',
      'n_ref',
    ]);
  });

  it('scores a 2D image by its contours', () => {
    const square = (x0: number): Uint8Array =>
      Uint8Array.from({ length: 48 }, (_, i) => (i >= 8 && i < 40 && i % 8 >= x0 && i % 8 < x0 + 4 ? 1 : 0));
    const options = { labels: [1], shape: [1, 6, 8] as const, spacingMm: [999, 2, 0.5] as const, toleranceMm: 0.4 };
    const { '1': same } = scoreCase(square(2), square(2), options);
    expect(same).toMatchObject({ HD: 0, SurfaceDice: 1 });
    const { '1': moved } = scoreCase(square(3), square(2), options);
    expect(moved!.HD).toBeCloseTo(0.5, 12);
    // Half a pixel's width off, only the cells both contours cross remain: the horizontal sides and one pair of corners.
    const corner = Math.hypot(1, 0.25);
    const horizontal = 2 * 3 * 0.5;
    const vertical = 2 * 3 * 2;
    expect(moved!['SurfaceDice']).toBeCloseTo((horizontal + 2 * corner) / (horizontal + vertical + 4 * corner), 12);
  });

  it('scores each class as if it were alone: buffers of one leave nothing for the next', () => {
    const draw = (k: number): Uint8Array =>
      Uint8Array.from(
        { length: 9 * 8 * 20 },
        (_, i) => (((i * 7919 + k * 104_729) % 1009) * (i % 20 < 14 ? 1 : 0)) % 5,
      );
    const [p, r] = [draw(1), draw(2)];
    const options = { shape: [9, 8, 20] as const, spacingMm: [2.5, 0.7, 0.9] as const, ignoreLabel: 4 };
    const labels: LabelOrRegion[] = [[1, 2, 3], 3, 1, [2, 3], 9, 2];
    const together = scoreCase(p, r, { ...options, labels });
    for (const label of labels) expect(together).toMatchObject(scoreCase(p, r, { ...options, labels: [label] }));
  });

  it('says what it takes beside the maps: boxes of classes and their surfaces, never more than by shape', () => {
    const box: readonly [number, number, number] = [20, 30, 40];
    const map = (side: number): Uint8Array =>
      Uint8Array.from({ length: 24_000 }, (_, i) =>
        Math.floor(i / 1200) < side && Math.floor(i / 40) % 30 < side && i % 40 < side ? 1 : 0,
      );
    const bytes = (side: number): number => scoreBytes(map(side), map(side), { labels: [1], shape: box });
    // A cube of n voxels along each side: n³ - (n - 2)³ on the surface of each map, 16 bytes for each.
    const surface = (n: number): number => 2 * 16 * (n ** 3 - (n - 2) ** 3);
    const [ten, twelve] = [bytes(10) - surface(10), bytes(12) - surface(12)];
    expect(ten).toBe(11 ** 3 * 6 + 11 ** 2 * (8 + 128));
    expect(twelve).toBe(13 ** 3 * 6 + 13 ** 2 * (8 + 128));
    expect(scoreBytes(map(10), map(12), { labels: [2, [3, 4]], shape: box })).toBeLessThan(ten);
    const noise = Uint8Array.from({ length: 24_000 }, (_, i) => (i * 7919) % 3);
    expect(scoreBytes(noise, noise, { labels: [[0, 1, 2]], shape: box })).toBeLessThanOrEqual(mostScoreBytes(box));
    expect(mostScoreBytes(box)).toBeGreaterThan(bytes(20));
  });

  it('is the same however large the volume around it', () => {
    const grown = (map: Uint8Array): Uint8Array =>
      Uint8Array.from({ length: 8 * 9 * 10 }, (_, i) => {
        const [z, y, x] = [Math.floor(i / 90) - 2, (Math.floor(i / 10) % 9) - 2, (i % 10) - 2];
        return z >= 0 && z < 4 && y >= 0 && y < 5 && x >= 0 && x < 6 ? map[(z * 5 + y) * 6 + x]! : 0;
      });
    const small = scoreCase(cube(0), cube(1), { labels: [1], shape, spacingMm });
    const large = scoreCase(grown(cube(0)), grown(cube(1)), { labels: [1], shape: [8, 9, 10], spacingMm });
    for (const name of surfaceScores) expect(large['1']![name]).toBeCloseTo(small['1']![name]!, 12);
  });
});
