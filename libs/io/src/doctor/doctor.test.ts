import { alignedGrid } from '@voxelwise/volume';
import type { Grid, PerAxis, Volume, VoxelArray } from '@voxelwise/volume';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodeVolume, examineDataset, memoryTree, readDataset } from '../index.ts';
import { openDataset } from '../node.ts';
import type { Fault } from './fault.ts';

const SHAPE: PerAxis = [4, 5, 6];
const image = (seed: number): Float32Array =>
  Float32Array.from({ length: 120 }, (_, i) => ((i + 1) * (seed + 7) * 2654435761) % 1009);
const mask = (seed: number): Uint8Array =>
  Uint8Array.from({ length: 120 }, (_, i) => ((i * 7 + seed * 13) % 11 < 3 ? 1 + ((i + seed) % 2) : 0));
const nifti = (voxels: VoxelArray, grid: Grid = alignedGrid(SHAPE), channels = ['0']): Promise<Uint8Array> =>
  encodeVolume({ grid, kind: 'intensity', channels, voxels } as Volume, '.nii.gz');
const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

/** A healthy data set of three cases. */
async function healthy(extra: Readonly<Record<string, unknown>> = {}): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>([
    [
      'dataset.json',
      json({
        channel_names: { 0: 'MRI' },
        labels: { background: 0, a: 1, b: 2 },
        numTraining: 3,
        file_ending: '.nii.gz',
        ...extra,
      }),
    ],
  ]);
  for (let n = 0; n < 3; n++)
    files.set(`imagesTr/c${n}_0000.nii.gz`, await nifti(image(n))).set(`labelsTr/c${n}.nii.gz`, await nifti(mask(n)));
  return files;
}
const examine = async (files: ReadonlyMap<string, Uint8Array>): Promise<readonly Fault[]> =>
  examineDataset(await readDataset(memoryTree(files), { name: 'x' }));
const LABEL = 'labelsTr/c1.nii.gz';
const IMAGE = 'imagesTr/c1_0000.nii.gz';
const grid = (change: (affine: Float64Array) => void): Grid => {
  const g = alignedGrid(SHAPE);
  change(g.affine);
  return g;
};
const withValue = (value: number): Float32Array => Float32Array.from(mask(1)).fill(value, 0, 1);

describe('examineDataset', () => {
  it('finds nothing in a healthy data set', async () => {
    expect(await examine(await healthy())).toEqual([]);
  });

  it('finds that there is nothing to learn', async () => {
    const files = await healthy();
    for (let n = 0; n < 3; n++) files.set(`labelsTr/c${n}.nii.gz`, await nifti(new Uint8Array(120)));
    const errors = (await examine(files)).filter(({ severity }) => severity === 'error');
    expect(errors).toMatchObject([{ code: 'label-never-used', message: expect.stringMatching(/^None of the 3/) }]);
  });

  const cases: readonly (readonly [
    string,
    Fault['severity'],
    string,
    () => Promise<Uint8Array | undefined>,
    RegExp,
  ])[] = [
    [
      'label-shape',
      'error',
      LABEL,
      () => nifti(mask(1).slice(0, 96), alignedGrid([4, 4, 6])),
      /\[4, 4, 6\] voxels, its image \[4, 5, 6\]/,
    ],
    [
      'label-spacing',
      'error',
      LABEL,
      () =>
        nifti(
          mask(1),
          grid((a) => (a[8] = 2)),
        ),
      /\[2, 1, 1\] mm/,
    ],
    [
      'label-position',
      'warning',
      LABEL,
      () =>
        nifti(
          mask(1),
          grid((a) => (a[3] = 5)),
        ),
      /5\.00 mm/,
    ],
    [
      'label-position',
      'warning',
      LABEL,
      () =>
        nifti(
          mask(1),
          grid((a) => (a[2] = -1)),
        ),
      /away from its image/,
    ],
    ['label-unexpected', 'error', LABEL, () => nifti(withValue(3)), /3 \(1 voxels\); declared are 0, 1, 2/],
    ['label-unexpected', 'error', LABEL, () => nifti(withValue(-1)), /-1/],
    ['label-unexpected', 'error', LABEL, () => nifti(mask(1).map((v) => (v ? 255 : 0))), /255/],
    ['label-fractional', 'error', LABEL, () => nifti(withValue(0.75)), /Voxel 0 is 0\.75/],
    ['label-not-finite', 'error', LABEL, () => nifti(withValue(NaN)), /1 label voxel/],
    ['label-empty', 'warning', LABEL, () => nifti(new Uint8Array(120)), /background everywhere/],
    ['label-4d', 'error', LABEL, () => nifti(new Uint8Array(240), alignedGrid(SHAPE), ['0', '1']), /2 volumes/],
    [
      'image-not-finite',
      'error',
      IMAGE,
      () => nifti(image(1).fill(NaN, 0, 8)),
      /8 voxel\(s\) are NaN and 0 infinite, of 120/,
    ],
    ['image-not-finite', 'error', IMAGE, () => nifti(image(1).fill(Infinity, 0, 1)), /1 infinite/],
    ['image-constant', 'warning', IMAGE, () => nifti(new Float32Array(120).fill(3)), /Every voxel is 3/],
    ['image-outlier', 'warning', IMAGE, () => nifti(image(1).fill(1e30, 0, 1)), /to 1e\+30|1\.0+\d*e\+30/],
    [
      'channel-count',
      'error',
      IMAGE,
      () =>
        nifti(
          new Float32Array(240).map((_, i) => i),
          alignedGrid(SHAPE),
          ['0', '1'],
        ),
      /2 channel\(s\), the data set declares 1/,
    ],
    ['unreadable', 'error', IMAGE, async () => (await nifti(image(1))).subarray(0, 200), /damaged or cut off/],
    ['missing-label', 'error', LABEL, async () => undefined, /does not exist/],
    ['duplicate-image', 'warning', IMAGE, () => nifti(image(0)), /copy of c0/],
    ['duplicate-label', 'warning', LABEL, () => nifti(mask(0)), /copy of c0/],
    ['modality-intensity', 'warning', IMAGE, () => nifti(Int16Array.from(image(1), (v) => v * 2 - 1024)), /Hounsfield/],
  ];
  it.each(cases)('%s (%s)', async (code, severity, path, make, message) => {
    const files = await healthy();
    const bytes = await make();
    if (bytes) files.set(path, bytes);
    else files.delete(path);
    const faults = await examine(files);
    expect(faults).toMatchObject([
      {
        code,
        severity,
        file: expect.stringContaining(path) as string,
        message: expect.stringMatching(message) as string,
      },
    ]);
    expect(faults[0]!.fix).not.toBe('');
  });

  it('tells where in a damaged file the damage lies', async () => {
    const files = await healthy();
    files.set(IMAGE, Uint8Array.of(92, 1, 0, 0, 0));
    const fault = (await examine(files)).find(({ code }) => code === 'unreadable');
    expect(fault?.details).toMatchObject({ field: 'header', byteOffset: 5 });
  });

  it('tells that image and label are exchanged', async () => {
    const files = await healthy();
    const [a, b] = [files.get(IMAGE)!, files.get(LABEL)!];
    files.set(IMAGE, b).set(LABEL, a);
    expect(await examine(files)).toMatchObject([{ code: 'label-unexpected', fix: 'Exchange the two files.' }]);
  });
  it('accepts whole numbers stored as floats, rounding of affines, one volume in 4D', async () => {
    const files = await healthy();
    files.set(
      LABEL,
      await nifti(
        Float32Array.from(mask(1)),
        grid((a) => (a[3] = 1e-6)),
      ),
    );
    expect(await examine(files)).toEqual([]);
  });
  it('finds CT that is not in Hounsfield units', async () => {
    expect((await examine(await healthy({ channel_names: { 0: 'CT' } }))).map((f) => f.code)).toEqual(
      Array(3).fill('modality-intensity'),
    );
  });
  it('finds copies across training and test, litter, strays, wrong counts, unused labels', async () => {
    const files = await healthy({ numTraining: 5, labels: { background: 0, a: 1, b: 2, c: 3 } });
    files
      .set('imagesTs/t_0000.nii.gz', await nifti(image(2)))
      .set('imagesTr/.DS_Store', new Uint8Array(4))
      .set('labelsTr/orphan.nii.gz', await nifti(mask(5)));
    expect((await examine(files)).map((f) => [f.severity, f.code])).toEqual([
      ['error', 'case-count'],
      ['error', 'label-without-image'],
      ['warning', 'junk-file'],
      ['warning', 'duplicate-image'],
      ['warning', 'label-never-used'],
    ]);
  });
  it('finds label numbers with gaps', async () => {
    expect((await examine(await healthy({ labels: { background: 0, a: 1, b: 2, c: 4 } }))).map((f) => f.code)).toEqual([
      'labels-not-consecutive',
      'label-never-used',
    ]);
  });
});

const shared = process.env['VOXELWISE_SHARED'];
describe.skipIf(!shared)('the shared broken cases', () => {
  it('get the verdicts that they ask for', async () => {
    const root = join(shared!, 'data/broken');
    const expected = (
      JSON.parse(readFileSync(join(root, 'expected.json'), 'utf8')) as { cases: Record<string, { expect: string }> }
    ).cases;
    const faults = await examineDataset(await openDataset(join(root, 'cases')));
    expect(existsSync(root)).toBe(true);
    for (const [id, { expect: verdict }] of Object.entries(expected)) {
      const own = faults.filter((f) => f.case === id);
      const errors = own.filter((f) => f.severity === 'error').map((f) => f.code);
      if (verdict === 'reject') expect(errors, id).not.toEqual([]);
      else if (verdict === 'warn-or-reject' || verdict === 'reject-or-warn') expect(own, id).not.toEqual([]);
      else expect(errors, id).toEqual([]);
    }
  });
});

describe('names that do not fit', () => {
  const fixes = async (from: string, to: string): Promise<readonly string[]> => {
    const files = await healthy();
    files.set(to, files.get(from)!);
    files.delete(from);
    return (await examine(files)).map((f) => f.fix);
  };
  it.each([
    ['labelsTr/C1.nii.gz', 'It seems to be c1.nii.gz'],
    ['labelsTr/c01_seg.nii.gz', 'It seems to be c1.nii.gz'],
    ['labelsTr/c1.nii', 'It seems to be c1.nii.gz'],
    ['labelsTr/other.nii.gz', 'Add its image, or delete'],
  ])('%s', async (to, fix) => {
    expect((await fixes(LABEL, to)).join()).toContain(fix);
  });
  it('tells how an image is named', async () => {
    expect(await fixes(IMAGE, 'imagesTr/c1.nii.gz')).toContainEqual(
      expect.stringContaining('rename it to c1_0000.nii.gz'),
    );
    expect(await fixes(IMAGE, 'imagesTr/c1_0000.nii')).toContainEqual(expect.stringContaining('end with .nii.gz'));
  });
});

describe('cases beside each other', () => {
  const BOX: PerAxis = [8, 12, 16];
  const count = 8 * 12 * 16;
  /** A bright ball of two classes, off the middle and elsewhere in each case; noise from a fixed sequence. */
  const drawn = (seed: number): { image: Float32Array; label: Uint8Array } => {
    const [cz, cy, cx] = [3 + (seed % 2), 4 + (seed % 3), 4 + (seed % 4)];
    const label = Uint8Array.from({ length: count }, (_, i) => {
      const [z, y, x] = [Math.floor(i / 192), Math.floor(i / 16) % 12, i % 16];
      const far = Math.hypot(z - cz, y - cy, x - cx);
      return far < 2.9 ? (x > cx ? 2 : 1) : 0;
    });
    const image = Float32Array.from(
      label,
      (v, i) => 200 + 60 * v + 20 * (seed % 5) + (((i + 1) * (seed + 3) * 2654435761) % 19),
    );
    return { image, label };
  };
  interface Change {
    readonly image?: (voxels: Float32Array, n: number) => readonly Float32Array[];
    readonly label?: (n: number) => number;
    readonly turned?: readonly number[];
    readonly stepMm?: (n: number) => number;
    readonly channels?: readonly string[];
    readonly cases?: number;
  }
  async function dataSet({
    image: edit,
    label: of,
    turned = [],
    stepMm,
    channels = ['MRI'],
    cases = 8,
  }: Change): Promise<readonly Fault[]> {
    const names = Object.fromEntries(channels.map((name, c) => [c, name]));
    const files = new Map([
      [
        'dataset.json',
        json({
          channel_names: names,
          labels: { background: 0, a: 1, b: 2 },
          numTraining: cases,
          file_ending: '.nii.gz',
        }),
      ],
    ]);
    for (let n = 0; n < cases; n++) {
      const mm = stepMm?.(n) ?? 1;
      const place = alignedGrid(BOX, [mm, mm, mm]);
      const parts = edit?.(drawn(n).image, n) ?? [drawn(n).image];
      for (const [c, part] of parts.entries()) files.set(`imagesTr/c${n}_000${c}.nii.gz`, await nifti(part, place));
      const { label } = drawn(of?.(n) ?? n);
      const stored = turned.includes(n) ? label.map((_, i) => label[i - (i % 16) + 15 - (i % 16)]!) : label;
      files.set(`labelsTr/c${n}.nii.gz`, await nifti(stored, place));
    }
    return examine(files);
  }
  const found = (faults: readonly Fault[]): readonly string[] => faults.map((f) => `${f.code} ${f.case}`);

  it('finds nothing where there is nothing', async () => {
    expect(await dataSet({})).toEqual([]);
    expect(await dataSet({ channels: ['A', 'B'], image: (v) => [v, v.map((x) => 90 - x / 4)] })).toEqual([]);
  });
  it('finds a label that is turned round', async () => {
    const faults = await dataSet({ turned: [4] });
    expect(found(faults)).toEqual(['label-turned c4']);
    expect(faults[0]!.message).toMatch(/turned round along x, this label would have [\d.]+ times/);
  });
  it('finds classes on the wrong side of each other though the image tells nothing', async () => {
    const faults = await dataSet({ turned: [4], image: (_, n) => [noise(n)], cases: 12 });
    // of a few cases one may well show the other of two organs
    expect(await dataSet({ turned: [4], image: (_, n) => [noise(n)] })).toEqual([]);
    expect(found(faults)).toEqual(['label-turned c4']);
    expect(faults[0]!.message).toMatch(/"a" lies .* mm right of "b"; in the other cases it is around .* mm left of it/);
  });
  it('finds labels that are exchanged', async () => {
    const faults = await dataSet({ label: (n) => (n === 1 ? 6 : n === 6 ? 1 : n) });
    expect(found(faults)).toEqual(['labels-exchanged c1', 'labels-exchanged c6']);
  });
  it('finds channels that are exchanged', async () => {
    const second = (v: Float32Array): Float32Array => v.map((x) => 90 - x / 4);
    const faults = await dataSet({
      channels: ['A', 'B'],
      image: (v, n) => (n === 2 ? [second(v), v] : [v, second(v)]),
    });
    expect(found(faults)).toEqual(['channels-exchanged c2']);
  });
  it('finds a header in another unit', async () => {
    const faults = await dataSet({ stepMm: (n) => (n === 3 ? 0.001 : 1) });
    expect(found(faults)).toEqual(['spacing-unit c3']);
    expect(found(await dataSet({ stepMm: (n) => 0.6 + 0.3 * n }))).toEqual([]);
  });
  it('finds a copy whose intensities were rescaled', async () => {
    const faults = await dataSet({
      image: (v, n) => [n === 5 ? drawn(0).image.map((x) => x * 3 + 7) : v],
      label: (n) => (n === 5 ? 0 : n),
    });
    expect(found(faults)).toEqual(['duplicate-image c5']);
    expect(faults[0]!.message).toContain('with intensities rescaled');
  });

  function noise(n: number): Float32Array {
    return Float32Array.from({ length: count }, (_, i) => ((i + 1) * (n + 7) * 2654435761) % 1009);
  }
});
