/** Segmentations and structure sets: read against stored sums, written and read back to the same voxels, judged by other programs. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Volume } from '@voxelwise/volume';
import { parseDicom } from '../dataset/parse.ts';
import { dicomFolder } from '../node-files.ts';
import { readStack } from '../series/read-volume.ts';
import { scanDicom } from '../series/scan.ts';
import type { DicomStack } from '../series/scan.ts';
import { readStructures } from '../structures/read-structures.ts';
import { readStructureSet } from '../structures/structure-set.ts';
import { writeStructures } from '../structures/write-structures.ts';
import { bytesOf, corpora, expectations, fixtures } from '../testing/corpus.ts';
import { syntheticSeries } from '../testing/synthetic-series.ts';
import { readSegmentation } from './read-segmentation.ts';
import { openSegmentation } from './segment-frames.ts';
import { targetOf } from './target.ts';
import { writeSegmentation } from './write-segmentation.ts';

interface ExpectedObject {
  readonly SegmentationType?: string;
  readonly segments?: readonly { readonly number: number; readonly label: string }[];
  readonly perSegment?: Readonly<
    Record<string, { readonly frames: number; readonly sum: number; readonly nonzero: number }>
  >;
  readonly overlappingSegments?: boolean;
  readonly uniquePositions?: number;
  readonly rois?: readonly {
    readonly number: number;
    readonly name: string;
    readonly contours: number;
    readonly points: number;
    readonly sumXYZ: readonly number[] | null;
  }[];
}

for (const corpus of corpora) {
  describe(`objects: ${corpus.name}`, () => {
    for (const [name, wanted] of Object.entries(expectations<ExpectedObject>(corpus, 'expected-objects.json'))) {
      if (wanted.SegmentationType !== undefined)
        it(name, async () => {
          const file = parseDicom(bytesOf(corpus, `objects/${name}`), name);
          const object = await openSegmentation(file);
          expect(object.type).toBe(wanted.SegmentationType);
          expect(object.segments.map(({ number, label }) => ({ number, label }))).toEqual(
            wanted.segments!.map(({ number, label }) => ({ number, label })),
          );
          const sums: Record<string, { frames: number; sum: number; nonzero: number }> = {};
          for (const frame of object.frames) {
            const sum = (sums[String(frame.segment ?? -1)] ??= { frames: 0, sum: 0, nonzero: 0 });
            sum.frames++;
            for (const value of await object.read(frame.index)) {
              sum.sum += value;
              if (value !== 0) sum.nonzero++;
            }
          }
          expect(sums).toEqual(wanted.perSegment);
          if (wanted.uniquePositions === 0)
            return void (await expect(readSegmentation(file)).rejects.toMatchObject({ code: 'format' }));
          if (wanted.overlappingSegments === true) await expect(readSegmentation(file)).rejects.toThrow('overlap');
          const read = await readSegmentation(file, {
            onOverlap: wanted.overlappingSegments === true ? 'channels' : 'error',
          });
          if (wanted.SegmentationType === 'BINARY')
            for (const mask of read.masks)
              expect([mask.number, mask.voxels]).toEqual([mask.number, wanted.perSegment![mask.number]!.nonzero]);
        });
      if (wanted.rois !== undefined)
        it(name, () => {
          const { regions } = readStructureSet(parseDicom(bytesOf(corpus, `objects/${name}`), name));
          expect(
            regions.map((r) => [
              r.number,
              r.name,
              r.contours.length,
              r.contours.reduce((n, c) => n + c.points.length / 3, 0),
            ]),
          ).toEqual(wanted.rois!.map((r) => [r.number, r.name, r.contours, r.points]));
          wanted.rois!.forEach((roi, i) => {
            const sum = [0, 0, 0];
            for (const contour of regions[i]!.contours) contour.points.forEach((p, at) => (sum[at % 3]! += p));
            if (roi.sumXYZ !== null) roi.sumXYZ.forEach((s, a) => expect(sum[a]).toBeCloseTo(s, 1));
          });
        });
    }
  });
}

describe('a label map as SEG and RTSTRUCT', () => {
  let stack: DicomStack;
  beforeAll(async () => {
    stack = (await scanDicom(dicomFolder(join(fixtures.folder, 'hippo_case/image')))).stacks[0]!;
  });
  const expected = JSON.parse(new TextDecoder().decode(bytesOf(fixtures, 'hippo_case/expected.json'))) as {
    sha256_label_u8_ifastest: string;
    voxels: Record<string, number>;
  };
  const seg = (): ReturnType<typeof parseDicom> =>
    parseDicom(bytesOf(fixtures, 'hippo_case/seg_binary_2segments.dcm'), 'seg');
  const rtstruct = (): ReturnType<typeof parseDicom> =>
    parseDicom(bytesOf(fixtures, 'hippo_case/rtstruct.dcm'), 'rtstruct');

  it('both give the original labels exactly', async () => {
    const target = targetOf(stack);
    for (const read of [await readSegmentation(seg(), { target }), await readStructures(rtstruct(), { target })]) {
      expect(createHash('sha256').update(Uint8Array.from(read.volume.voxels)).digest('hex')).toBe(
        expected.sha256_label_u8_ifastest,
      );
      expect(Object.fromEntries(read.masks.map((m) => [m.label, m.voxels]))).toEqual(expected.voxels);
      expect(read.volume.grid).toEqual((await readStack(stack)).volume.grid);
    }
  });

  it('selects by name and pattern, merges what one pattern matches, reports the rest', async () => {
    const target = targetOf(stack);
    const one = await readStructures(rtstruct(), { target, select: [{ pattern: 'anterior*', label: 7 }] });
    expect(one.masks.map((m) => [m.label, m.voxels, m.status])).toEqual([
      [7, 1832, 'used'],
      [undefined, 0, 'unselected'],
    ]);
    const both = await readSegmentation(seg(), { target, select: [{ pattern: /hippocampus$/, label: 1 }] });
    expect(both.volume.voxels.reduce((n: number, v: number) => n + v, 0)).toBe(1832 + 1866);
    await expect(readSegmentation(seg(), { target, select: [{ pattern: 'liver', label: 1 }] })).rejects.toThrow(
      /no mask is called liver; it holds Anterior hippocampus, Posterior/,
    );
    const reported = await readSegmentation(seg(), {
      target,
      select: [{ pattern: 'liver', label: 1 }],
      onUnmatched: 'report',
    });
    expect(reported.unmatched).toEqual(['liver']);
  });

  it('settles overlaps by priority or keeps them in channels', async () => {
    const overlap = parseDicom(bytesOf(fixtures, 'objects/highdicom/seg_image_ct_binary_overlap.dcm'), 'overlap');
    const priority = async (names: readonly string[]): Promise<Record<number, number>> => {
      const read = await readSegmentation(overlap, {
        onOverlap: 'priority',
        select: names.map((pattern, i) => ({ pattern, label: i + 1 })),
      });
      return Object.fromEntries([1, 2].map((l) => [l, read.volume.voxels.filter((v: number) => v === l).length]));
    };
    expect(await priority(['first segment', 'second segment'])).toEqual({ 1: 64, 2: 0 });
    expect(await priority(['second segment', 'first segment'])).toEqual({ 1: 16, 2: 48 });
    const channels = await readSegmentation(overlap, { onOverlap: 'channels' });
    const size = channels.volume.voxels.length / 2;
    expect(
      [0, 1].map((c) =>
        channels.volume.voxels.subarray(c * size, (c + 1) * size).reduce((n: number, v: number) => n + v, 0),
      ),
    ).toEqual([64, 16]);
  });

  it('refuses another grid and another frame of reference', async () => {
    const other = (await scanDicom(syntheticSeries({ rows: 8, columns: 8, slices: 5 }))).stacks[0]!;
    await expect(readSegmentation(seg(), { target: targetOf(other) })).rejects.toThrow('frame of reference');
    const moved = {
      ...targetOf(stack),
      index: (p: readonly [number, number, number]) => targetOf(stack).index([p[0] + 0.4, p[1], p[2]]),
    };
    await expect(readSegmentation(seg(), { target: moved })).rejects.toMatchObject({
      details: { kind: 'grid-mismatch' },
    });
  });
});

/** Blobs with holes, islands in holes, touching corners and single voxels, from a small deterministic generator. */
function ragged(grid: Volume['grid'], labels: number): Uint8Array {
  const [slices, rows, columns] = grid.shape;
  const voxels = new Uint8Array(slices * rows * columns);
  let state = 12345;
  const next = (): number => (state = (state * 1103515245 + 12345) % 2147483648) / 2147483648;
  for (let i = 0; i < voxels.length; i++) voxels[i] = next() < 0.35 ? 0 : 1 + Math.floor(next() * labels);
  for (let k = 0; k < slices; k++) voxels.fill(0, k * rows * columns, k * rows * columns + columns);
  return voxels;
}

const has = (program: string): boolean => {
  try {
    execFileSync('which', [program], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

describe('written objects', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'dicom-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const segments = [
    { label: 1, name: 'Größe 肝', color: [200, 30, 40] as const },
    { label: 2, name: 'rechts' },
    { label: 3, name: 'empty one' },
  ];
  const oblique = {
    row: [0.8, 0.6, 0] as const,
    column: [-0.36, 0.48, 0.8] as const,
    step: [0.96, -1.28, 1.2] as const,
    spacing: [0.9, 1.1] as const,
    origin: [-12.3456789, 4, 100.125] as const,
  };
  const stackOf = async (tilted = false): Promise<DicomStack> =>
    (
      await scanDicom(
        syntheticSeries({
          rows: 21,
          columns: 17,
          slices: 6,
          ...oblique,
          ...(tilted ? { step: [0.96, -1.28, 1.7] as const } : {}),
        }),
      )
    ).stacks[0]!;
  const labelsOn = async (stack: DicomStack): Promise<Volume> => {
    const { grid } = (await readStack(stack, { onTilt: 'keep' })).volume;
    return { grid, kind: 'labels', channels: ['labels'], voxels: ragged(grid, 2) };
  };

  it.each([
    ['straight', false],
    ['tilted', true],
  ])('read back to the same voxels: oblique, ragged, %s', async (_, tilted) => {
    const stack = await stackOf(tilted);
    const labels = await labelsOn(stack);
    const target = targetOf(stack);
    const seg = await readSegmentation(parseDicom(await writeSegmentation(labels, stack, { segments }), 'seg'), {
      target,
    });
    expect(seg.volume.voxels).toEqual(labels.voxels);
    expect(seg.labels).toEqual({ 1: 'Größe 肝', 2: 'rechts', 3: 'empty one' });
    expect(seg.masks.map((m) => m.status)).toEqual(['used', 'used', 'empty']);
    const rtstruct = await readStructures(parseDicom(await writeStructures(labels, stack, { segments }), 'rtstruct'), {
      target,
    });
    expect(rtstruct.volume.voxels).toEqual(labels.voxels);
    expect(rtstruct.masks.flatMap((m) => m.notes)).toEqual([]);
  });

  it('are the same bytes for the same input, and other identifiers for other content', async () => {
    const stack = await stackOf();
    const labels = await labelsOn(stack);
    expect(await writeSegmentation(labels, stack, { segments })).toEqual(
      await writeSegmentation(labels, stack, { segments }),
    );
    const uid = async (salt: string): Promise<string> =>
      parseDicom(await writeSegmentation(labels, stack, { segments, salt })).dataset.string(0x00080018)!;
    expect(await uid('a')).not.toBe(await uid('b'));
    expect(await uid('a')).toMatch(/^2\.25\.[1-9]\d{20,38}$/);
  });

  it('keep overlapping labels apart', async () => {
    const stack = await stackOf();
    const labels = await labelsOn(stack);
    const voxels = new Uint8Array(labels.voxels.length * 2);
    labels.voxels.forEach((v, i) => {
      voxels[i] = v > 0 ? 1 : 0;
      voxels[labels.voxels.length + i] = v === 2 ? 1 : 0;
    });
    const two = { ...labels, channels: ['whole', 'part'], voxels };
    const options = {
      segments: [
        { label: 1, name: 'whole' },
        { label: 2, name: 'part' },
      ],
    };
    const target = targetOf(stack);
    for (const read of [
      await readSegmentation(parseDicom(await writeSegmentation(two, stack, options)), {
        target,
        onOverlap: 'channels',
      }),
      await readStructures(parseDicom(await writeStructures(two, stack, options)), { target, onOverlap: 'channels' }),
    ])
      expect(read.volume.voxels).toEqual(voxels);
  });

  it('need the grid of the series and a name for every label', async () => {
    const stack = await stackOf();
    const labels = await labelsOn(stack);
    const moved = {
      ...labels,
      grid: { ...labels.grid, affine: labels.grid.affine.map((v, i) => (i === 3 ? v + 5 : v)) },
    };
    await expect(writeSegmentation(moved, stack, { segments })).rejects.toThrow('placed elsewhere');
    await expect(writeStructures(labels, stack, { segments: segments.slice(0, 1) })).rejects.toThrow(
      'labels 2 occur in the volume',
    );
  });

  const judges = [
    ['dcmdump', ['-q']],
    ['dciodvfy', ['-new']],
  ] as const;
  for (const [program, options] of judges) {
    const there = has(program);
    it.skipIf(!there)(`pass ${program}${there ? '' : ' (skipped: not installed)'}`, async () => {
      const stack = await stackOf();
      const labels = await labelsOn(stack);
      for (const [name, bytes] of [
        ['seg', await writeSegmentation(labels, stack, { segments })],
        ['rt', await writeStructures(labels, stack, { segments })],
      ] as const) {
        const path = join(folder, `${name}.dcm`);
        writeFileSync(path, bytes);
        const said = execFileSync('sh', ['-c', `${program} ${options.join(' ')} "${path}" 2>&1`], {
          encoding: 'utf8',
          maxBuffer: 1 << 28,
        });
        expect(said.split('\n').filter((line) => /^(Error|E:|F:)/.test(line))).toEqual([]);
      }
    });
  }

  const python = '/usr/bin/python3';
  const pydicom = ((): boolean => {
    try {
      execFileSync(python, ['-c', 'import pydicom, numpy'], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  })();
  it.skipIf(!pydicom)(
    `SEG: pydicom finds the same voxels${pydicom ? '' : ' (skipped: pydicom is not installed)'}`,
    async () => {
      const stack = await stackOf();
      const labels = await labelsOn(stack);
      const path = join(folder, 'seg-pydicom.dcm');
      writeFileSync(path, await writeSegmentation(labels, stack, { segments }));
      const script = `
import pydicom, numpy as np, sys
d = pydicom.dcmread(sys.argv[1]); a = d.pixel_array
shared = d.SharedFunctionalGroupsSequence[0]
iop = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float)
normal = np.cross(iop[:3], iop[3:])
step = float(shared.PixelMeasuresSequence[0].SpacingBetweenSlices)
frames = d.PerFrameFunctionalGroupsSequence
heights = np.array([np.dot(np.array(f.PlanePositionSequence[0].ImagePositionPatient, float), normal) for f in frames])
k = np.round((heights - heights.min()) / step).astype(int)
out = np.zeros((k.max() + 1,) + a.shape[1:], 'u1')
for i, f in enumerate(frames): out[k[i]][a[i] > 0] = f.SegmentIdentificationSequence[0].ReferencedSegmentNumber
sys.stdout.buffer.write(out.tobytes())`;
      const out = execFileSync(python, ['-c', script, path]);
      expect(new Uint8Array(out)).toEqual(labels.voxels);
    },
  );
});
