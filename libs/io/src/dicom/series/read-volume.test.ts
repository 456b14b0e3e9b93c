/** Series to volumes: against geometry computed by an independent script, and against faults made on purpose. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { VoxelArray } from '@voxelwise/volume';
import { FormatError } from '../../errors.ts';
import { memorySource } from '../dataset/dicom-source.ts';
import { dicomFolder } from '../node-files.ts';
import { corpora, expectations } from '../testing/corpus.ts';
import { syntheticSeries } from '../testing/synthetic-series.ts';
import { encodeFile } from '../write/encode.ts';
import type { Content } from '../write/encode.ts';
import { readDicomVolume, readStack } from './read-volume.ts';
import type { DicomVolume } from './read-volume.ts';
import { scanDicom } from './scan.ts';
import { cross, times } from './vector.ts';
import type { Vector } from './vector.ts';

interface Geometry {
  readonly affineRAS?: readonly (readonly number[])[];
  readonly shape_ijk?: readonly [number, number, number];
  readonly sha256_float32_ifastest?: string;
  readonly nUniquePositions?: number;
  readonly nFrames?: number;
}
interface ExpectedSeries {
  readonly expect: string;
  readonly geometry?: Geometry;
  readonly geometries?: Readonly<Record<string, Geometry>>;
}

function floatHash(voxels: VoxelArray): string {
  const floats = Float32Array.from(voxels);
  return createHash('sha256').update(new Uint8Array(floats.buffer)).digest('hex');
}

function sameGeometry({ volume }: DicomVolume, wanted: Geometry): void {
  const [i, j, k] = wanted.shape_ijk!;
  expect(volume.grid.shape).toEqual([k, j, i]);
  for (let row = 0; row < 3; row++)
    [2, 1, 0, 3].forEach((c, at) =>
      expect(volume.grid.affine[row * 4 + at]).toBeCloseTo(wanted.affineRAS![row]![c]!, 9),
    );
  expect(floatHash(volume.voxels)).toBe(wanted.sha256_float32_ifastest);
}

const refused: Readonly<Record<string, readonly string[]>> = {
  nonuniform: ['missing-slice', 'uneven-spacing', 'tilt'],
  duplicates: ['duplicate-slice'],
  notavolume: ['not-a-volume'],
  error: ['mixed-size', 'truncated-file'],
  'error-or-fallback': ['no-geometry'],
};

for (const corpus of corpora) {
  describe(`series: ${corpus.name}`, () => {
    for (const [name, wanted] of Object.entries(expectations<ExpectedSeries>(corpus, 'expected-geometry.json'))) {
      it(`${name}: ${wanted.expect}`, async () => {
        const { stacks } = await scanDicom(dicomFolder(join(corpus.folder, 'series', name)));
        const refuse = refused[wanted.expect];
        if (refuse !== undefined) {
          const error = await readStack(stacks[0]!).then(
            () => undefined,
            (e: unknown) => e,
          );
          expect(error).toBeInstanceOf(FormatError);
          const { issues } = (error as FormatError).details as { issues: { code: string; files: string[] }[] };
          expect(issues.length).toBeGreaterThan(0);
          for (const issue of issues) {
            expect(refuse).toContain(issue.code);
            if (issue.code !== 'tilt') expect(issue.files.length).toBeGreaterThan(0);
          }
          return;
        }
        if (wanted.expect === 'split') {
          expect(stacks).toHaveLength(2);
          for (const stack of stacks) {
            const geometry = wanted.geometries?.[stack.series];
            const read = await readStack(stack);
            if (geometry !== undefined) sameGeometry(read, geometry);
          }
          return;
        }
        expect(stacks).toHaveLength(1);
        if (wanted.expect === 'tilt')
          await expect(readStack(stacks[0]!)).rejects.toMatchObject({ code: 'format', details: { kind: 'tilt' } });
        const read = await readStack(stacks[0]!, { onTilt: 'keep' });
        if (wanted.geometry?.sha256_float32_ifastest !== undefined) sameGeometry(read, wanted.geometry);
        if (wanted.expect === '4d') {
          const { nFrames, nUniquePositions } = wanted.geometry!;
          expect(read.volume.channels).toHaveLength(nFrames! / nUniquePositions!);
          expect(read.volume.grid.shape[0]).toBe(nUniquePositions);
        }
        if (wanted.expect === 'mosaic') {
          expect(read.volume.grid.shape).toEqual([64, 80, 80]);
          // Corner and step as dcm2niix writes them, its rows flipped back.
          expect([...read.volume.grid.affine].map((v) => Math.round(v * 1e3) / 1e3)).toEqual([
            -0.001, 0, -2.5, 101.447, -0.577, -2.456, 0, 90.502, 3.025, -0.468, -0.001, 107.173, 0, 0, 0, 1,
          ]);
        }
        if (wanted.expect === 'volume-rgb') expect(read.volume.channels).toHaveLength(3);
      });
    }
  });
}

/** Rotations about x, y and z, one after the other. */
function rotated(v: Vector, [a, b, c]: Vector): Vector {
  const about = ([x, y, z]: Vector, angle: number, axis: 0 | 1 | 2): Vector => {
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    if (axis === 0) return [x, cos * y - sin * z, sin * y + cos * z];
    return axis === 1 ? [cos * x + sin * z, y, cos * z - sin * x] : [cos * x - sin * y, sin * x + cos * y, z];
  };
  return about(about(about(v, a, 0), b, 1), c, 2);
}

describe('physical place of every voxel', () => {
  const axes: readonly Vector[] = [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ];
  const orientations = [0, 1, 2].flatMap((r) =>
    [0, 1, 2]
      .filter((c) => c !== r)
      .flatMap((c) =>
        [1, -1].flatMap((sr) =>
          [1, -1].flatMap((sc) =>
            [1, -1].map((ss) => ({ row: times(axes[r]!, sr), column: times(axes[c]!, sc), sign: ss })),
          ),
        ),
      ),
  );
  it('has all 48 orientations', () => expect(orientations).toHaveLength(48));

  const size = { rows: 5, columns: 4, slices: 6 };
  for (const [what, angles, tilt] of [
    ['axis-aligned', [0, 0, 0], 0],
    ['oblique', [0.2, -0.35, 0.5], 0],
    ['oblique and tilted', [0.2, -0.35, 0.5], 0.25],
  ] as const) {
    it(`stays for 48 orientations, anisotropic, ${what}`, async () => {
      for (const { row: r, column: c, sign } of orientations) {
        const row = rotated(r, angles);
        const column = rotated(c, angles);
        const spacing = [0.7, 1.3] as const;
        const normal = cross(row, column);
        const step: Vector = [0, 1, 2].map(
          (i) => sign * 2.5 * normal[i]! + 2.5 * tilt * column[i]!,
        ) as unknown as Vector;
        const origin: Vector = [-11.5, 40.25, 7];
        const read = await readDicomVolume(syntheticSeries({ ...size, row, column, step, spacing, origin }), {
          onTilt: 'keep',
        });
        const { shape, affine } = read.volume.grid;
        expect(shape).toEqual([size.slices, size.rows, size.columns]);
        let worst = 0;
        for (let k = 0, at = 0; k < shape[0]; k++)
          for (let j = 0; j < shape[1]; j++)
            for (let i = 0; i < shape[2]; i++, at++) {
              const stored = read.volume.voxels[at]!;
              const [si, sj, sk] = [
                stored % size.columns,
                Math.floor(stored / size.columns) % size.rows,
                Math.floor(stored / size.columns / size.rows),
              ];
              for (let a = 0; a < 3; a++) {
                const lps = origin[a]! + si * spacing[1] * row[a]! + sj * spacing[0] * column[a]! + sk * step[a]!;
                const here = affine[a * 4]! * k + affine[a * 4 + 1]! * j + affine[a * 4 + 2]! * i + affine[a * 4 + 3]!;
                worst = Math.max(worst, Math.abs(here - (a < 2 ? -lps : lps)));
              }
            }
        expect(worst).toBeLessThan(1e-6);
      }
    });
  }

  it('shears a tilted stack into right angles, each value at its place', async () => {
    // A linear ramp in patient space survives linear interpolation exactly.
    const angle = 0.3;
    const step: Vector = [0, 2 * Math.sin(angle), 2 * Math.cos(angle)];
    const ramp = (x: number, y: number, z: number): number => 1000 + 3 * x + 20 * y + 7 * z;
    const value = (i: number, j: number, k: number): number => ramp(i, j + step[1] * k, step[2] * k);
    const series = syntheticSeries({
      rows: 24,
      columns: 6,
      slices: 8,
      step,
      value: () => 0,
      edit: (content, k) => {
        const floats = Float32Array.from({ length: 24 * 6 }, (_, p) => value(p % 6, Math.floor(p / 6), k));
        const stored = Uint16Array.from(floats, (v) => Math.round(v * 16));
        return { ...content, PixelData: new Uint8Array(stored.buffer), RescaleSlope: 0.0625, RescaleIntercept: 0 };
      },
    });
    const read = await readDicomVolume(series, { onTilt: 'shear' });
    expect(read.kind).toBe('sheared');
    const { shape, affine } = read.volume.grid;
    expect(shape[1]).toBe(24 + Math.ceil(7 * step[1]));
    const [z, y] = [
      [affine[0]!, affine[4]!, affine[8]!],
      [affine[1]!, affine[5]!, affine[9]!],
    ];
    expect(z[0]! * y[0]! + z[1]! * y[1]! + z[2]! * y[2]!).toBeCloseTo(0, 9);
    let compared = 0;
    for (let k = 0; k < shape[0]; k++)
      for (let j = Math.ceil(step[1] * k); j <= Math.floor(23 + step[1] * k); j++)
        for (let i = 0; i < 6; i++) {
          const at = (k * shape[1] + j) * shape[2] + i;
          const world = [0, 1, 2].map(
            (a) => affine[a * 4]! * k + affine[a * 4 + 1]! * j + affine[a * 4 + 2]! * i + affine[a * 4 + 3]!,
          );
          expect(Math.abs(read.volume.voxels[at]! - ramp(-world[0]!, -world[1]!, world[2]!))).toBeLessThan(0.1);
          compared++;
        }
    expect(compared).toBeGreaterThan(1000);
  });
});

describe('faults, one by one', () => {
  const size = { rows: 4, columns: 3, slices: 10 };
  const codes = async (sources: ReturnType<typeof syntheticSeries>): Promise<string[]> => {
    const scan = await scanDicom(sources);
    return scan.stacks.flatMap((s) => s.issues.map((i) => i.code));
  };

  it('names two missing slices apart', async () => {
    const sources = syntheticSeries({ ...size, edit: (c, k) => (k === 3 || k === 7 ? undefined : c) });
    const error = (await readDicomVolume(sources).catch((e: unknown) => e)) as FormatError;
    const { issues } = error.details as { issues: { message: string; files: string[] }[] };
    expect(issues.map((i) => i.files)).toEqual([
      ['slice 2', 'slice 4'],
      ['slice 6', 'slice 8'],
    ]);
    expect(issues[0]!.message).toContain('1 slice(s) missing');
  });

  it('drops duplicates with equal pixels when asked, refuses those that differ', async () => {
    const sources = syntheticSeries(size);
    const again = (value?: number): ReturnType<typeof syntheticSeries> =>
      syntheticSeries({
        ...size,
        ...(value === undefined ? {} : { value: () => value }),
        edit: (c, k) => (k === 4 ? { ...c, SOPInstanceUID: '9.9' } : undefined),
      });
    const copy = again().map((s) => ({ ...s, name: 'copy' }));
    await expect(readDicomVolume([...sources, ...copy])).rejects.toMatchObject({
      details: { kind: 'duplicate-slice' },
    });
    const read = await readDicomVolume([...sources, ...copy], { onDuplicates: 'drop' });
    expect(read.volume.grid.shape).toEqual([10, 4, 3]);
    expect(read.issues.map((i) => i.code)).toContain('duplicate-slice');
    await expect(readDicomVolume([...sources, ...again(5)], { onDuplicates: 'drop' })).rejects.toThrow('pixels differ');
  });

  it('leaves out the same object given twice and says so', async () => {
    const sources = syntheticSeries(size);
    const read = await readDicomVolume([...sources, { ...sources[0]!, name: 'twice' }]);
    expect(read.issues).toMatchObject([{ code: 'same-file-twice', severity: 'warn' }]);
  });

  it('finds odd sizes, odd spacing, a slice beside the line, missing positions', async () => {
    expect(await codes(syntheticSeries({ ...size, edit: (c, k) => (k === 2 ? { ...c, Rows: 3 } : c) }))).toEqual([
      'mixed-size',
    ]);
    expect(
      await codes(syntheticSeries({ ...size, edit: (c, k) => (k === 2 ? { ...c, PixelSpacing: [1, 1.1] } : c) })),
    ).toEqual(['mixed-spacing']);
    expect(
      await codes(
        syntheticSeries({ ...size, edit: (c, k) => (k === 5 ? { ...c, ImagePositionPatient: [0.5, 0, 5] } : c) }),
      ),
    ).toEqual(['off-line-slice']);
    const { ImagePositionPatient: _, ...rest } = {} as Content;
    expect(
      await codes(syntheticSeries({ ...size, edit: ({ ImagePositionPatient: _gone, ...c }) => ({ ...c, ...rest }) })),
    ).toEqual(['no-geometry']);
  });

  it('repairs directions that are almost orthonormal and refuses others', async () => {
    const nearly = await readDicomVolume(syntheticSeries({ ...size, row: [1, 0.0004, 0], column: [0, 1, 0] }));
    expect(nearly.issues).toMatchObject([{ code: 'repaired-orientation', details: { deviation: 0.0004 } }]);
    const a = nearly.volume.grid.affine;
    expect(a[1]! * a[2]! + a[5]! * a[6]! + a[9]! * a[10]!).toBeCloseTo(0, 12);
    // four digits shorten the directions: the spacing is still the one that is written
    const short = await readDicomVolume(
      syntheticSeries({ ...size, row: [0.9999, 0.0014, 0], column: [-0.0014, 0.9999, 0] }),
    );
    expect(short.issues.map((i) => i.code)).toEqual(['repaired-orientation']);
    const b = short.volume.grid.affine;
    expect(Math.hypot(b[2]!, b[6]!, b[10]!) / Math.hypot(a[2]!, a[6]!, a[10]!)).toBeCloseTo(1, 9);
    const broken = await scanDicom(syntheticSeries({ ...size, row: [1, 0.2, 0] }));
    expect(broken.damaged).toHaveLength(10);
    expect(broken.damaged[0]!.error).toMatchObject({ field: '(0020,0037) ImageOrientationPatient' });
  });

  it('refuses a folder with a damaged file unless told to skip it', async () => {
    const sources = [
      ...syntheticSeries(size),
      memorySource('damaged', encodeFile({ SOPClassUID: '1.2', SOPInstanceUID: '1.3', Rows: 4 })),
    ];
    await expect(readDicomVolume(sources)).rejects.toMatchObject({
      details: { kind: 'damaged-file', files: ['damaged'] },
    });
    expect((await readDicomVolume(sources, { onDamaged: 'skip' })).volume.grid.shape).toEqual([10, 4, 3]);
  });

  it('takes 32 bits only when 16 do not hold the values', async () => {
    const signed = (value: number) =>
      syntheticSeries({
        ...size,
        value: () => value & 0xffff,
        edit: (c) => ({ ...c, PixelRepresentation: 1, RescaleSlope: 1, RescaleIntercept: -1024 }),
      });
    const usual = await readDicomVolume(signed(1000));
    expect(usual.volume.voxels).toBeInstanceOf(Int16Array);
    expect(usual.volume.voxels[0]).toBe(-24);
    const padded = await readDicomVolume(signed(-32768));
    expect(padded.volume.voxels).toBeInstanceOf(Int32Array);
    expect(padded.volume.voxels[0]).toBe(-33792);
  });

  it('names the series when there are several', async () => {
    const sources = [
      ...syntheticSeries(size),
      ...syntheticSeries({
        ...size,
        edit: (c) => ({ ...c, SeriesInstanceUID: '7.7', SOPInstanceUID: `${c.SOPInstanceUID as string}.7` }),
      }),
    ];
    await expect(readDicomVolume(sources)).rejects.toMatchObject({ details: { kind: 'split' } });
    expect((await readDicomVolume(sources, { series: '7.7' })).stack.series).toBe('7.7');
    await expect(readDicomVolume(sources, { series: '8' })).rejects.toThrow('no DICOM image of series 8');
  });
});
