/** Structure sets as other programs draw them: holes, borders, points, planes that are not the images', and numbers that do not fit. */
import { beforeAll, describe, expect, it } from 'vitest';
import { parseDicom } from '../dataset/parse.ts';
import type { DicomFile } from '../dataset/parse.ts';
import { scanDicom } from '../series/scan.ts';
import { cross, plus, times } from '../series/vector.ts';
import type { Vector } from '../series/vector.ts';
import { targetOf } from '../segmentation/target.ts';
import type { MaskTarget } from '../segmentation/target.ts';
import type { LabelVolume } from '../segmentation/masks.ts';
import { syntheticSeries } from '../testing/synthetic-series.ts';
import { encodeFile } from '../write/encode.ts';
import type { Content } from '../write/encode.ts';
import { readStructures } from './read-structures.ts';

const [slices, rows, columns] = [5, 12, 10];
const spacing = [0.8, 1.25] as const;
const row: Vector = [0.8, 0.6, 0];
const column: Vector = [-0.36, 0.48, 0.8];
const normal = cross(row, column);
const origin: Vector = [-7.5, 31, -220];

interface Drawn {
  /** Slice, and column and row of each corner, in pixels. */
  readonly slice: number;
  readonly corners: readonly (readonly [number, number])[];
  readonly type?: string;
}
interface Roi {
  readonly number: number;
  readonly name: string;
  readonly contours?: readonly Drawn[];
  readonly more?: Content;
}

function contour({ slice, corners, type = 'CLOSED_PLANAR' }: Drawn): Content {
  const at = (x: number, y: number): Vector =>
    plus(plus(plus(origin, normal, 2.5 * slice), row, spacing[1] * x), column, spacing[0] * y);
  return {
    ContourGeometricType: type,
    NumberOfContourPoints: corners.length,
    ContourData: corners.flatMap(([x, y]) => at(x, y)),
  };
}

function structures(rois: readonly Roi[], more: Content = {}): DicomFile {
  const content: Content = {
    SOPClassUID: '1.2.840.10008.5.1.4.1.1.481.3',
    SOPInstanceUID: '1.2.3.7',
    Modality: 'RTSTRUCT',
    ReferencedFrameOfReferenceSequence: [{ FrameOfReferenceUID: '1.2.3.3' }],
    StructureSetROISequence: rois.map(({ number, name, more: own }) => ({ ROINumber: number, ROIName: name, ...own })),
    ROIContourSequence: rois.flatMap(({ number, contours }) =>
      contours === undefined ? [] : [{ ReferencedROINumber: number, ContourSequence: contours.map(contour) }],
    ),
    ...more,
  };
  return parseDicom(encodeFile(content, { implicit: true }), 'structures');
}

const box = (x0: number, y0: number, x1: number, y1: number): (readonly [number, number])[] => [
  [x0, y0],
  [x1, y0],
  [x1, y1],
  [x0, y1],
];
/** An outline of pixels from column x0 and row y0 to x1 and y1, drawn around their edges. */
const around = (x0: number, y0: number, x1: number, y1: number): (readonly [number, number])[] =>
  box(x0 - 0.5, y0 - 0.5, x1 + 0.5, y1 + 0.5);

describe('structure sets', () => {
  let target: MaskTarget;
  beforeAll(async () => {
    const step = times(normal, 2.5);
    const series = syntheticSeries({ rows, columns, slices, row, column, step, origin, spacing });
    target = targetOf((await scanDicom(series)).stacks[0]!);
  });
  const pixels = ({ volume }: LabelVolume): string[] => {
    const found: string[] = [];
    volume.voxels.forEach((v: number, at: number) => {
      if (v > 0)
        found.push(`${Math.floor(at / (rows * columns))} ${Math.floor(at / columns) % rows} ${at % columns}: ${v}`);
    });
    return found;
  };
  const filled = (boxes: readonly (readonly [number, number, number, number, number])[]): string[] =>
    boxes.flatMap(([k, x0, y0, x1, y1]) =>
      Array.from({ length: y1 - y0 + 1 }, (_, j) =>
        Array.from({ length: x1 - x0 + 1 }, (__, i) => `${k} ${y0 + j} ${x0 + i}: 1`),
      ).flat(),
    );
  const one = (contours: readonly Drawn[]): DicomFile => structures([{ number: 1, name: 'one', contours }]);

  it('a hole is a contour within, an island within that, or a keyhole: the volume in mm³ is the same', async () => {
    const rings = [around(1, 1, 8, 10), around(3, 3, 6, 8), around(4, 5, 5, 6)];
    const nested = await readStructures(one(rings.map((corners) => ({ slice: 2, corners }))), { target });
    const backwards = await readStructures(one([...rings].reverse().map((corners) => ({ slice: 2, corners }))), {
      target,
    });
    const [outer, inner, island] = rings as [
      (readonly [number, number])[],
      (readonly [number, number])[],
      (readonly [number, number])[],
    ];
    const keyhole = [...outer, outer[0]!, ...[...inner].reverse(), inner.at(-1)!, outer[0]!];
    const keyed = await readStructures(
      one([
        { slice: 2, corners: keyhole },
        { slice: 2, corners: island },
      ]),
      { target },
    );
    expect(nested.masks[0]!.voxels).toBe(80 - 24 + 4);
    const mm3 = nested.masks[0]!.voxels * spacing[0] * spacing[1] * 2.5;
    expect(mm3).toBeCloseTo((8 * 10 - 4 * 6 + 2 * 2) * 0.8 * 1.25 * 2.5, 9);
    for (const read of [backwards, keyed]) expect(read.volume.voxels).toEqual(nested.volume.voxels);
  });

  it('an edge passed there and back joins two parts, or a hole, and is none of them', async () => {
    // drawn along pixel centers, the bridge along a row of them
    const [left, right] = [box(1, 2, 3, 8), box(6, 2, 8, 8)];
    const bridge: (readonly [number, number])[] = [
      [3, 5],
      [6, 5],
    ];
    const joined = [
      left[0]!,
      left[1]!,
      bridge[0]!,
      bridge[1]!,
      right[0]!,
      right[1]!,
      right[2]!,
      right[3]!,
      bridge[1]!,
      bridge[0]!,
      left[2]!,
      left[3]!,
    ];
    const read = await readStructures(one([{ slice: 2, corners: joined }]), { target });
    expect(pixels(read).sort()).toEqual(
      filled([
        [2, 1, 2, 3, 8],
        [2, 6, 2, 8, 8],
      ]).sort(),
    );
  });

  it('one contour drawn twice counts once', async () => {
    const corners = around(2, 3, 5, 6);
    const read = await readStructures(
      one([
        { slice: 1, corners },
        { slice: 1, corners },
      ]),
      { target },
    );
    expect(pixels(read)).toEqual(filled([[1, 2, 3, 5, 6]]));
    expect(read.masks[0]!.notes).toEqual(['1 contour(s) left out: there twice']);
  });

  it('what reaches beyond the images is cut and told of; what keeps to their edge is not', async () => {
    const edge = await readStructures(one([{ slice: 0, corners: around(0, 0, 9, 11) }]), { target });
    expect(edge.masks[0]).toMatchObject({ voxels: 120, notes: [] });
    const over = await readStructures(one([{ slice: 0, corners: around(-3, 8, 4, 20) }]), { target });
    expect(pixels(over)).toEqual(filled([[0, 0, 8, 4, 11]]));
    expect(over.masks[0]!.notes).toEqual(['1 contour(s) reach beyond the edges of the images and were cut there']);
  });

  it('what encloses nothing, or lies on no slice, is left out by reason', async () => {
    const corners = around(2, 3, 5, 6);
    const points = contour({ slice: 1, corners }).ContourData as number[];
    const oblique = {
      ...contour({ slice: 1, corners }),
      ContourData: points.map((v, i) => (i < 6 ? v + 3 * normal[i % 3]! : v)),
    };
    const read = await readStructures(
      structures([{ number: 1, name: 'one' }], {
        ROIContourSequence: [
          {
            ReferencedROINumber: 1,
            ContourSequence: [
              contour({ slice: 1, corners: [[4, 4]], type: 'POINT' }),
              contour({ slice: 1, corners, type: 'OPEN_PLANAR' }),
              contour({ slice: 1.5, corners }),
              contour({ slice: 7, corners }),
              contour({
                slice: 1,
                corners: [
                  [1, 1],
                  [2, 2],
                ],
              }),
              oblique,
            ],
          },
        ],
      }),
      { target },
    );
    expect(read.masks[0]).toMatchObject({ status: 'empty', voxels: 0 });
    expect(read.masks[0]!.notes).toEqual([
      '1 contour(s) left out: of type POINT, which encloses nothing',
      '1 contour(s) left out: of type OPEN_PLANAR, which encloses nothing',
      '1 contour(s) left out: between two slices',
      '1 contour(s) left out: above or below the images',
      '1 contour(s) left out: of fewer than three points',
      '1 contour(s) left out: not parallel to the slices',
    ]);
  });

  it('contours of one region in several items are all read, those of none are told of', async () => {
    const item = (number: number, slice: number): Content => ({
      ReferencedROINumber: number,
      ContourSequence: [contour({ slice, corners: around(2, 3, 5, 6) })],
    });
    const read = await readStructures(
      structures([{ number: 1, name: 'one' }], { ROIContourSequence: [item(1, 0), item(9, 1), item(1, 3)] }),
      { target },
    );
    expect(pixels(read)).toEqual(
      filled([
        [0, 2, 3, 5, 6],
        [3, 2, 3, 5, 6],
      ]),
    );
    expect(read.notes).toEqual(['holds contours of regions 9, which it does not describe; they are left out']);
  });

  it('regions of another frame of reference are not painted', async () => {
    const contours = [{ slice: 1, corners: around(2, 3, 5, 6) }];
    const rois = ['1.2.3.3', '9.9'].map((uid, i) => ({
      number: i + 1,
      name: `in ${uid}`,
      contours,
      more: { ReferencedFrameOfReferenceUID: uid },
    }));
    const frames = ['1.2.3.3', '9.9'].map((uid) => ({ FrameOfReferenceUID: uid }));
    const read = await readStructures(structures(rois, { ReferencedFrameOfReferenceSequence: frames }), { target });
    expect(read.masks.map((m) => [m.voxels, m.notes.join()])).toEqual([
      [16, ''],
      [0, 'drawn in frame of reference 9.9, which is not that of the images; left out'],
    ]);
    const unnamed = await readStructures(structures(rois.slice(0, 1), { ReferencedFrameOfReferenceSequence: [] }), {
      target,
    });
    expect(unnamed.masks[0]!.voxels).toBe(16);
  });

  it('names may be alike, with jokers, numbered from 0, and without contours', async () => {
    const contours = (x: number): Drawn[] => [{ slice: 1, corners: around(x, 3, x + 1, 6) }];
    const file = structures([
      { number: 0, name: 'Lung_L', contours: contours(1) },
      { number: 4, name: 'lung_R ', contours: contours(4) },
      { number: 5, name: 'Heart', contours: contours(7) },
      { number: 6, name: 'Heart', contours: contours(5) },
      { number: 7, name: 'Skin' },
    ]);
    const read = await readStructures(file, {
      target,
      onOverlap: 'priority',
      select: [
        { pattern: 'lung*', label: 3 },
        { pattern: 'heart', label: 1 },
        { pattern: 'sk?n', label: 2 },
      ],
    });
    expect(read.masks.map((m) => [m.label, m.voxels, m.status])).toEqual([
      [3, 8, 'used'],
      [3, 8, 'used'],
      [1, 8, 'used'],
      [1, 4, 'used'],
      [2, 0, 'empty'],
    ]);
    await expect(readStructures(file, { target })).rejects.toThrow('masks overlap: lung_R and Heart in 4 voxels');
    const apart = await readStructures(file, { target, onOverlap: 'channels' });
    expect(apart.volume.channels).toHaveLength(5);
  });
});
