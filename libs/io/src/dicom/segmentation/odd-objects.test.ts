/** Segmentations as other programs store them: frames in any order, direction and extent; with their images and without. */
import { beforeAll, describe, expect, it } from 'vitest';
import { worldOf } from '@voxelwise/volume';
import type { Volume } from '@voxelwise/volume';
import { memorySource } from '../dataset/dicom-source.ts';
import { parseDicom } from '../dataset/parse.ts';
import type { DicomFile } from '../dataset/parse.ts';
import { EXPLICIT_BIG, transferSyntax } from '../dataset/transfer-syntax.ts';
import { TAG } from '../dataset/tags.ts';
import { nativeFrame } from '../pixels/native.ts';
import { pixelFormat } from '../pixels/pixel-format.ts';
import { scanDicom } from '../series/scan.ts';
import { cross, plus, times } from '../series/vector.ts';
import type { Vector } from '../series/vector.ts';
import { syntheticSeries } from '../testing/synthetic-series.ts';
import { encodeFile } from '../write/encode.ts';
import type { Content } from '../write/encode.ts';
import { readSegmentation } from './read-segmentation.ts';
import { targetOf } from './target.ts';
import type { MaskTarget } from './target.ts';

const [slices, rows, columns] = [6, 11, 13];
const spacing = [0.9, 1.1] as const;
const row: Vector = [0.8, 0.6, 0];
const column: Vector = [-0.36, 0.48, 0.8];
const normal = cross(row, column);
const origin: Vector = [-12.345, 4, 100.125];

/** Three labels by a rule that fills no slice and leaves slice 2 empty. */
const labelAt = (k: number, j: number, i: number): number => (k === 2 ? 0 : (k * 7 + j * 5 + i * i * 3) % 4);
const place = (k: number, j = 0, i = 0): Vector =>
  plus(plus(plus(origin, normal, 2.5 * k), column, spacing[0] * j), row, spacing[1] * i);

interface Frame {
  readonly segment: number | undefined;
  readonly position: Vector;
  readonly directions?: readonly [Vector, Vector];
  readonly spacing?: readonly [number, number];
  /** [rows][columns], all frames of one size. */
  readonly pixels: readonly (readonly number[])[];
}

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const mask = (k: number, label: number, j0 = 0, j1 = rows, i0 = 0, i1 = columns): number[][] =>
  range(j1 - j0).map((j) => range(i1 - i0).map((i) => (labelAt(k, j0 + j, i0 + i) === label ? 1 : 0)));

/** A segmentation object of these frames, those that are not empty, in an order that is nobody's. */
function object(
  frames: readonly Frame[],
  { more = {}, keep = false }: { more?: Content; keep?: boolean } = {},
): DicomFile {
  const kept = frames
    .filter((f) => keep || f.pixels.flat().some((v) => v !== 0))
    .map((f, i) => ({ f, key: (i * 37) % 101 }))
    .sort((a, b) => a.key - b.key)
    .map(({ f }) => f);
  const bits = kept.flatMap((f) => f.pixels.flat());
  const binary = new Uint8Array(Math.ceil(bits.length / 8));
  bits.forEach((bit, i) => (binary[i >> 3]! |= bit << (i & 7)));
  const labelMap = more.SegmentationType === 'LABELMAP';
  const numbers = [...new Set(kept.map((f) => f.segment ?? 0))].filter((n) => n > 0);
  const depth = labelMap ? 8 : 1;
  return parseDicom(
    encodeFile({
      SOPClassUID: '1.2.840.10008.5.1.4.1.1.66.4',
      SOPInstanceUID: '1.2.3.9',
      SeriesInstanceUID: '1.2.3.8',
      Modality: 'SEG',
      SegmentationType: 'BINARY',
      SegmentSequence: numbers.map((n) => ({ SegmentNumber: n, SegmentLabel: `segment ${n}` })),
      FrameOfReferenceUID: '1.2.3.3',
      SamplesPerPixel: 1,
      PhotometricInterpretation: 'MONOCHROME2',
      NumberOfFrames: kept.length,
      Rows: kept[0]!.pixels.length,
      Columns: kept[0]!.pixels[0]!.length,
      BitsAllocated: depth,
      BitsStored: depth,
      HighBit: depth - 1,
      PixelRepresentation: 0,
      SharedFunctionalGroupsSequence: [{ PixelMeasuresSequence: [{ SliceThickness: 1, PixelSpacing: spacing }] }],
      PerFrameFunctionalGroupsSequence: kept.map((f) => ({
        PlanePositionSequence: [{ ImagePositionPatient: f.position }],
        PlaneOrientationSequence: [{ ImageOrientationPatient: (f.directions ?? [row, column]).flat() }],
        ...(f.spacing === undefined ? {} : { PixelMeasuresSequence: [{ PixelSpacing: f.spacing }] }),
        ...(f.segment === undefined ? {} : { SegmentIdentificationSequence: [{ ReferencedSegmentNumber: f.segment }] }),
      })),
      PixelData: labelMap ? Uint8Array.from(bits) : binary,
      ...more,
    }),
    'object',
  );
}

const segments = [2, 5, 9];
const eachOf = (make: (k: number, label: number) => Omit<Frame, 'segment'>): Frame[] =>
  segments.flatMap((segment, i) => range(slices).map((k) => ({ segment, ...make(k, i + 1) })));

/** The labels of a volume where they lie on the images, as an array of these. */
function onImages({ grid, voxels }: Volume, target: MaskTarget): number[] {
  const found = range(slices * rows * columns).map(() => 0);
  const [, r, c] = grid.shape;
  voxels.forEach((value: number, at: number) => {
    if (value === 0) return;
    const [x, y, z] = worldOf(grid, [Math.floor(at / (r * c)), Math.floor(at / c) % r, at % c]);
    const [i, j, k] = target.index([-x, -y, z]).map(Math.round) as [number, number, number];
    found[(k * rows + j) * columns + i] = value;
  });
  return found;
}

describe('frames of other programs', () => {
  let target: MaskTarget;
  let expected: number[];
  beforeAll(async () => {
    const step = times(normal, 2.5);
    const series = syntheticSeries({ rows, columns, slices, row, column, step, origin, spacing });
    target = targetOf((await scanDicom(series)).stacks[0]!);
    expected = range(slices * rows * columns).map(
      (at) =>
        [0, ...segments][labelAt(Math.floor(at / (rows * columns)), Math.floor(at / columns) % rows, at % columns)]!,
    );
  });

  const reversed = <T>(list: readonly T[]): T[] => [...list].reverse();
  const turned = times(row, -1);
  it.each<readonly [string, Frame[]]>([
    ['numbers with gaps, any order, no empty frames', eachOf((k, l) => ({ position: place(k), pixels: mask(k, l) }))],
    [
      'rows from right to left',
      eachOf((k, l) => ({
        position: place(k, 0, columns - 1),
        directions: [turned, column],
        pixels: mask(k, l).map(reversed),
      })),
    ],
    [
      'rows and columns exchanged',
      eachOf((k, l) => ({
        position: place(k),
        directions: [column, row],
        spacing: [spacing[1], spacing[0]],
        pixels: range(columns).map((i) => mask(k, l).map((line) => line[i]!)),
      })),
    ],
    [
      'planes across the slices',
      segments.flatMap((segment, label) =>
        range(columns).map((i) => ({
          segment,
          position: place(0, 0, i),
          directions: [column, normal] as const,
          spacing: [2.5, spacing[0]] as const,
          pixels: range(slices).map((k) => mask(k, label + 1).map((line) => line[i]!)),
        })),
      ),
    ],
    [
      'frames larger than the images',
      eachOf((k, l) => ({
        position: place(k, -1, -2),
        pixels: [range(columns + 3).map(() => 0), ...mask(k, l).map((line) => [0, 0, ...line, 0])],
      })),
    ],
    [
      'positions off by rounding',
      eachOf((k, l) => ({ position: plus(place(k), [0.003, -0.004, 0.003], k % 2), pixels: mask(k, l) })),
    ],
  ])('%s', async (_, frames) => {
    const file = object(frames);
    const placed = await readSegmentation(file, { target });
    expect([...placed.volume.voxels]).toEqual(expected);
    const alone = await readSegmentation(file);
    expect(onImages(alone.volume, target)).toEqual(expected);
  });

  it('of different extents each: alone, the grid holds them all', async () => {
    const file = object(
      eachOf((k, l) => ({
        position: place(k, k % 3, k % 2),
        pixels: mask(k, l, k % 3, (k % 3) + 8, k % 2, (k % 2) + 12),
      })),
    );
    const alone = await readSegmentation(file);
    expect(alone.volume.grid.shape).toEqual([slices, 10, 13]);
    expect(alone.masks.flatMap((m) => m.notes)).toEqual([]);
    expect(onImages(alone.volume, target)).toEqual([...(await readSegmentation(file, { target })).volume.voxels]);
  });

  it('of a tilted gantry: alone, the grid is sheared as they are', async () => {
    const tilted = (k: number): Vector => plus(place(k), column, 0.43 * k);
    const read = await readSegmentation(object(eachOf((k, l) => ({ position: tilted(k), pixels: mask(k, l) }))));
    expect([...read.volume.voxels]).toEqual(expected);
    const [x, y, z] = tilted(5);
    worldOf(read.volume.grid, [5, 0, 0]).forEach((mm, a) => expect(mm).toBeCloseTo([-x, -y, z][a]!, 6));
  });

  it('between the voxels of the images are refused', async () => {
    for (const frames of [
      [{ segment: 1, position: place(1.5), pixels: mask(1, 1) }],
      [{ segment: 1, position: place(1, 0, 0.4), pixels: mask(1, 1) }],
      [{ segment: 1, position: place(1), spacing: [0.45, 0.55] as const, pixels: mask(1, 1) }],
    ])
      await expect(readSegmentation(object(frames), { target })).rejects.toMatchObject({
        details: { kind: 'grid-mismatch' },
      });
  });

  it('of a label map may hold numbers that no segment has: they are told of', async () => {
    const frames = range(slices).map((k) => ({
      segment: undefined,
      position: place(k),
      pixels: range(rows).map((j) => range(columns).map((i) => labelAt(k, j, i))),
    }));
    const known = [1, 2].map((n) => ({ SegmentNumber: n, SegmentLabel: `segment ${n}` }));
    const read = await readSegmentation(
      object(frames, { more: { SegmentationType: 'LABELMAP', SegmentSequence: known } }),
      {
        target,
      },
    );
    expect(read.notes).toEqual(['label map values 3 belong to no segment; they are left out']);
    expect(new Set(read.volume.voxels)).toEqual(new Set([0, 1, 2]));
  });

  it('of a slide are refused as such', async () => {
    const frames = [{ segment: 1, position: place(0), pixels: mask(0, 1) }];
    await expect(readSegmentation(object(frames, { more: { TotalPixelMatrixColumns: 40 } }))).rejects.toMatchObject({
      details: { kind: 'slide' },
    });
  });

  it('of single bits in big endian words are read from the middle of a word', async () => {
    const file = object(eachOf((k, l) => ({ position: place(k), pixels: mask(k, l) })));
    const format = pixelFormat(file);
    const { source, offset, length } = file.pixels!;
    const bytes = (await source.read(offset, length)).slice();
    for (let i = 0; i < bytes.length; i += 2) bytes.set([bytes[i + 1]!, bytes[i]!], i);
    const swapped: DicomFile = {
      ...file,
      syntax: transferSyntax(EXPLICIT_BIG)!,
      pixels: { tag: TAG.PixelData, vr: 'OW', source: memorySource('words', bytes), offset: 0, length },
    };
    for (let index = 0; index < format.frames; index++) {
      const how = { index, scratch: undefined };
      expect(await nativeFrame(swapped, format, how)).toEqual(await nativeFrame(file, format, how));
    }
  });
});
