/** Series that hold more than one image, or say less than they should: each is told apart, told of, or refused. */
import { describe, expect, it } from 'vitest';
import { memorySource } from '../dataset/dicom-source.ts';
import type { DicomSource } from '../dataset/dicom-source.ts';
import { syntheticSeries } from '../testing/synthetic-series.ts';
import { encodeFile } from '../write/encode.ts';
import type { Content } from '../write/encode.ts';
import { readStack } from './read-volume.ts';
import { scanDicom } from './scan.ts';

const size = { rows: 4, columns: 3 };

/** `places` slices 3 mm apart, taken `times` times; `tell` writes what tells the times apart. */
function repeated(
  places: number,
  times: number,
  tell: (time: number, place: number) => Content | undefined,
): DicomSource[] {
  return syntheticSeries({
    ...size,
    slices: places * times,
    edit(content, n) {
      const [place, time] = [n % places, Math.floor(n / places)];
      const told = tell(time, place);
      return told === undefined ? undefined : { ...content, ImagePositionPatient: [0, 0, 3 * place], ...told };
    },
  });
}

const issuesOf = async (sources: DicomSource[]): Promise<string[]> =>
  (await scanDicom(sources)).stacks.flatMap((s) => s.issues.map((i) => `${i.severity} ${i.code}: ${i.message}`));

describe('several images in one series', () => {
  it('an echo that lacks a slice is named', async () => {
    const sources = repeated(6, 2, (time, place) =>
      time === 1 && place === 2 ? undefined : { EchoTime: [5, 10][time]! },
    );
    expect(await issuesOf(sources)).toEqual([
      'refuse missing-slice: echo time 10 has no slice where slice 2 lies: other places have 2 images, told apart by echo time.',
    ]);
  });

  it('parts of complex images are told apart by the standard element and by that of GE', async () => {
    const standard = repeated(4, 2, (time) => ({ ComplexImageComponent: ['MAGNITUDE', 'PHASE'][time]! }));
    const plain = repeated(4, 2, () => ({}));
    const ge = plain.map((source) => {
      const bytes = source.read(0, source.size) as Uint8Array;
      // (0043,102F) SS in front of the pixels: 2 is real, 3 imaginary
      const at = bytes.length - 2 * size.rows * size.columns - 12;
      const part = 2 + Math.floor(Number(source.name.replace('slice ', '')) / 4);
      const own = [0x43, 0, 0x2f, 0x10, 0x53, 0x53, 2, 0, part, 0];
      return memorySource(source.name, Uint8Array.from([...bytes.subarray(0, at), ...own, ...bytes.subarray(at)]));
    });
    for (const [sources, parts] of [
      [standard, ['MAGNITUDE', 'PHASE']],
      [ge, ['REAL', 'IMAGINARY']],
    ] as const) {
      const { volume } = await readStack((await scanDicom(sources)).stacks[0]!);
      expect([...volume.channels].sort()).toEqual(parts.map((part) => `MR complex component ${part}`).sort());
    }
  });

  it('one echo between the slices of the other is a volume of its own; one above the other is told of', async () => {
    for (const offset of [1.5, 1.1]) {
      const between = repeated(4, 2, (time, place) => ({
        EchoTime: [5, 10][time]!,
        ImagePositionPatient: [0, 0, 3 * place + offset * time],
      }));
      const { stacks } = await scanDicom(between);
      expect(stacks.map((s) => [s.order[0]!.length, s.parts, s.issues])).toEqual([
        [4, 2, []],
        [4, 2, []],
      ]);
      expect(stacks.map((s) => new Set(s.frames.map((f) => f.keys['echo time'])).size)).toEqual([1, 1]);
    }
    const above = repeated(8, 1, (_, place) => ({ EchoTime: place < 4 ? 5 : 10 }));
    expect(await issuesOf(above)).toEqual([
      'warn mixed-acquisitions: slices of one stack differ in echo time: 5 in 4, 10 in 4.',
    ]);
  });

  it('two frames of reference are told of', async () => {
    const sources = repeated(6, 1, (_, place) => ({ FrameOfReferenceUID: `1.2.${place < 3 ? 1 : 2}` }));
    expect(await issuesOf(sources)).toEqual([
      'warn mixed-frames-of-reference: the slices name 2 frames of reference: their positions need not share an origin.',
    ]);
  });

  it('a localizer among the slices does not pass for gaps and tilts', async () => {
    const sources = repeated(6, 1, (_, place) =>
      place < 5 ? {} : { Rows: 6, Columns: 2, ImagePositionPatient: [7, 1, -40] },
    );
    expect(await issuesOf(sources)).toEqual(['refuse mixed-size: slice 5 is 2 × 6, the other slices are 3 × 4.']);
  });
});

describe('enhanced images', () => {
  interface Frame {
    readonly z: number;
    readonly content?: Content;
    readonly groups?: Content;
  }
  const enhanced = (frames: readonly Frame[], more: Content = {}): DicomSource[] => [
    memorySource(
      'enhanced',
      encodeFile({
        SOPClassUID: '1.2.840.10008.5.1.4.1.1.4.1',
        SOPInstanceUID: '1.2.3.5',
        SeriesInstanceUID: '1.2.3.6',
        Modality: 'MR',
        ImageType: ['ORIGINAL', 'PRIMARY', 'M', 'MIXED'],
        SamplesPerPixel: 1,
        PhotometricInterpretation: 'MONOCHROME2',
        Rows: size.rows,
        Columns: size.columns,
        NumberOfFrames: frames.length,
        BitsAllocated: 16,
        BitsStored: 16,
        HighBit: 15,
        PixelRepresentation: 0,
        SharedFunctionalGroupsSequence: [
          {
            PixelMeasuresSequence: [{ PixelSpacing: [1, 1], SliceThickness: 3 }],
            PlaneOrientationSequence: [{ ImageOrientationPatient: [1, 0, 0, 0, 1, 0] }],
          },
        ],
        PerFrameFunctionalGroupsSequence: frames.map(({ z, content = {}, groups = {} }) => ({
          PlanePositionSequence: [{ ImagePositionPatient: [0, 0, z] }],
          FrameContentSequence: [content],
          ...groups,
        })),
        PixelData: new Uint8Array(
          Uint16Array.from({ length: 12 * frames.length }, (_, i) => Math.floor(i / 12)).buffer,
        ),
        ...more,
      }),
    ),
  ];
  const stack = (id: string, ...heights: number[]): Frame[] => heights.map((z) => ({ z, content: { StackID: id } }));

  it('of two stacks apart are two volumes; of two that join, one', async () => {
    const apart = await scanDicom(enhanced([...stack('1', 0, 3, 6, 9), ...stack('2', 100, 103, 106)]));
    const shapes = await Promise.all(apart.stacks.map(async (s) => (await readStack(s)).volume.grid.shape));
    expect(shapes).toEqual([
      [4, 4, 3],
      [3, 4, 3],
    ]);
    const joined = await scanDicom(enhanced([...stack('1', 0, 3, 6), ...stack('2', 9, 12)]));
    expect(joined.stacks.map((s) => s.order[0]!.length)).toEqual([5]);
  });

  it('of magnitudes and phases have two channels', async () => {
    const frames = [0, 3, 6].flatMap((z) =>
      ['M', 'P'].map((kind): Frame => ({
        z,
        groups: { MRFrameTypeSequence: [{ FrameType: ['ORIGINAL', 'PRIMARY', kind, 'NONE'] }] },
      })),
    );
    const { volume, kind } = await readStack((await scanDicom(enhanced(frames))).stacks[0]!);
    expect(kind).toBe('4d');
    expect(volume.channels).toEqual(['M', 'P'].map((k) => `MR image type ORIGINAL\\PRIMARY\\${k}\\NONE`));
    expect([...new Set(volume.voxels)]).toEqual([0, 2, 4, 1, 3, 5]);
  });

  it('may still say that they are mosaics, which they no longer are', async () => {
    const frames = [0, 3, 6].map((z) => ({ z }));
    const { volume, issues } = await readStack(
      (await scanDicom(enhanced(frames, { ImageType: ['ORIGINAL', 'PRIMARY', 'M', 'ND', 'MOSAIC'] }))).stacks[0]!,
    );
    expect([volume.grid.shape, issues]).toEqual([[3, 4, 3], []]);
  });
});

describe('mosaics without the CSA header', () => {
  const text = (value: string): number[] => [...new TextEncoder().encode(value)];
  const short = (value: number): number[] => [value & 255, value >> 8];
  const long = (value: number): number[] => [...short(value & 0xffff), ...short(value >>> 16)];
  const tag = (value: number): number[] => [...short(value >>> 16), ...short(value & 0xffff)];
  const element = (group: number, number: number, vr: string, value: readonly number[]): number[] => [
    ...short(group),
    ...short(number),
    ...text(vr),
    ...short(value.length),
    ...value,
  ];
  /** Seven tiles of 4 × 3 in a square of nine, with a private element in the header. */
  const mosaic = (own: readonly number[], places = 1): DicomSource[] =>
    syntheticSeries({
      rows: 12,
      columns: 9,
      slices: places,
      spacing: [2, 2.5],
      origin: [10, 20, 30],
      step: [0, 0, 3],
      value: (i, j) => Math.floor(j / 4) * 3 + Math.floor(i / 3),
      edit: (content) => ({
        ...content,
        ImageType: ['ORIGINAL', 'PRIMARY', 'M', 'MOSAIC'],
        SpacingBetweenSlices: 3,
      }),
    }).map((source) => {
      const bytes = source.read(0, source.size) as Uint8Array;
      const before = [...short(0x20), ...short(0x0d), ...text('UI')];
      const at = bytes.findIndex((_, i) => before.every((b, k) => bytes[i + k] === b));
      return memorySource(source.name, Uint8Array.from([...bytes.subarray(0, at), ...own, ...bytes.subarray(at)]));
    });

  it.each([
    ['a binary number', element(0x19, 0x100a, 'US', short(7))],
    ['a text', element(0x19, 0x100a, 'IS', text('7 '))],
    ['bytes of unknown kind', [...short(0x19), ...short(0x100a), ...text('UN'), 0, 0, 2, 0, 0, 0, ...short(7)]],
  ])('have as many slices as %s says', async (_, own) => {
    const { volume, kind } = await readStack((await scanDicom(mosaic(own))).stacks[0]!);
    expect([kind, volume.grid.shape]).toEqual(['mosaic', [7, 4, 3]]);
    expect([...volume.voxels].map((v, i) => v - Math.floor(i / 12)).every((v) => v === 0)).toBe(true);
    // the stated corner is that of an image as large as the mosaic around the first slice
    const origin = [3, 7, 11].map((i) => volume.grid.affine[i]!);
    expect(origin).toEqual([-(10 + (2.5 * (9 - 3)) / 2), -(20 + (2 * (12 - 4)) / 2), 30]);
  });

  it.each([7, 6])(
    'of United Imaging have %i tiles in as few rows as hold them, each at its own place',
    async (count) => {
      const down = Math.ceil(count / 3);
      const items = Array.from({ length: count }, (_, k) => {
        // a place of its own for each tile: these lie from the last to the first
        const position = text(`1\\2\\${30 - 4 * k}`.padEnd(8));
        return [...tag(0xfffee000), ...long(8 + position.length), ...element(0x20, 0x32, 'DS', position)];
      }).flat();
      const own = [
        ...element(0x65, 0x1050, 'DS', text(`${count} `)),
        ...tag(0x00651051),
        ...text('SQ'),
        ...[0, 0],
        ...long(items.length),
        ...items,
      ];
      const [grid] = syntheticSeries({
        rows: 4 * down,
        columns: 9,
        slices: 1,
        spacing: [2, 2.5],
        value: (i, j) => Math.floor(j / 4) * 3 + Math.floor(i / 3),
        edit: ({ ImagePositionPatient: _, ...content }) => ({
          ...content,
          ImageType: ['ORIGINAL', 'PRIMARY', 'VFRAME'],
        }),
      });
      const bytes = grid!.read(0, grid!.size) as Uint8Array;
      const at = bytes.length - 2 * 4 * down * 9 - 12;
      const joined = Uint8Array.from([...bytes.subarray(0, at), ...own, ...bytes.subarray(at)]);
      const { volume, kind } = await readStack((await scanDicom([memorySource('grid', joined)])).stacks[0]!);
      expect([kind, volume.grid.shape]).toEqual(['mosaic', [count, 4, 3]]);
      expect([...volume.voxels].every((v, i) => v === count - 1 - Math.floor(i / 12))).toBe(true);
      expect([2, 3, 7, 8, 11].map((i) => volume.grid.affine[i])).toEqual([-2.5, -1, -2, 4, 30 - 4 * (count - 1)]);
    },
  );

  it('that nothing counts are refused alone, and taken for slices where each has its place', async () => {
    expect((await issuesOf(mosaic([])))[0]).toContain('refuse untold-mosaic: the image says it is a mosaic');
    const several = await issuesOf(mosaic([], 5));
    expect(several).toEqual([
      'warn untold-mosaic: 5 image(s) say they are mosaics and not of how many slices; each was taken for one slice.',
    ]);
  });
});

it('samples of 12 bits without gaps are read, signed ones too', async () => {
  const values = (k: number): number[] => Array.from({ length: 15 }, (_, i) => (i * 977 + k * 131) % 4096);
  const packed = (k: number): Uint8Array => {
    const bytes = new Uint8Array(24);
    values(k).forEach((value, i) => {
      for (let bit = 0; bit < 12; bit++)
        if ((value >> bit) & 1) bytes[(i * 12 + bit) >> 3]! |= 1 << ((i * 12 + bit) & 7);
    });
    return bytes;
  };
  for (const PixelRepresentation of [0, 1]) {
    const sources = syntheticSeries({
      rows: 5,
      columns: 3,
      slices: 3,
      edit: (content, k) => ({
        ...content,
        BitsAllocated: 12,
        BitsStored: 12,
        HighBit: 11,
        PixelRepresentation,
        PixelData: packed(k),
      }),
    });
    const { volume } = await readStack((await scanDicom(sources)).stacks[0]!);
    const wanted = [0, 1, 2].flatMap(values).map((v) => (PixelRepresentation === 1 && v > 2047 ? v - 4096 : v));
    expect([...volume.voxels]).toEqual(wanted);
  }
});
