/** What every object made from a series shares with it: patient, study, frame of reference, and the list of its images. */
import type { Volume } from '@voxelwise/volume';
import { FormatError } from '../../errors.ts';
import type { DataSet } from '../dataset/dataset.ts';
import { readDicomFile } from '../dataset/parse.ts';
import { TAG } from '../dataset/tags.ts';
import type { Keyword } from '../dataset/tags.ts';
import type { Lattice } from '../series/arrange.ts';
import type { FrameInfo } from '../series/instance.ts';
import type { DicomStack } from '../series/scan.ts';
import { plus } from '../series/vector.ts';
import type { Vector } from '../series/vector.ts';
import { derivedUid, dicomTime } from './identity.ts';
import type { DicomTime } from './identity.ts';
import type { Content } from './encode.ts';
import { labelsOnSlices } from './placed-labels.ts';

/** One label of a prediction, as it is described to others. */
export interface SegmentDescription {
  /** Its number in the label volume. */
  readonly label: number;
  readonly name: string;
  /** A code for what it is: value, scheme, meaning; tissue when absent. */
  readonly type?: readonly [string, string, string];
  readonly category?: readonly [string, string, string];
  /** Red, green, blue, 0 to 255. */
  readonly color?: readonly [number, number, number];
}

export interface DerivedOptions {
  readonly segments: readonly SegmentDescription[];
  /** Name of the model or method. */
  readonly algorithm?: string;
  readonly automatic?: 'AUTOMATIC' | 'SEMIAUTOMATIC' | 'MANUAL';
  readonly seriesDescription?: string;
  readonly seriesNumber?: number;
  /** When the object was made; the images' study time when absent, so that the same input gives the same file. */
  readonly created?: Date;
  /** Added to what the identifiers are derived from: two runs over one series that must not share them. */
  readonly salt?: string;
}

export interface DerivedContext {
  readonly header: DataSet;
  readonly lattice: Lattice;
  /** On the slices of the images. */
  readonly labels: Volume;
  /** The image on each slice. */
  readonly slices: readonly FrameInfo[];
  /** Its first pixel's place: LPS millimeters. */
  readonly corners: readonly Vector[];
  readonly when: DicomTime;
  /** Patient, study, frame of reference and equipment. */
  readonly shared: Content;
  /** Whether the images, and so what was made of them, lost anything to compression (PS3.3 C.7.6.1.1.5). */
  readonly lossy: Content;
}

const copied: readonly Keyword[] = [
  'PatientName',
  'PatientID',
  'PatientBirthDate',
  'PatientSex',
  'PatientAge',
  'StudyInstanceUID',
  'StudyDate',
  'StudyTime',
  'StudyID',
  'AccessionNumber',
  'ReferringPhysicianName',
  'StudyDescription',
  'FrameOfReferenceUID',
  'PositionReferenceIndicator',
];

/** Dates and times as today's standard spells them: files of its forerunner have dots and colons. Empty where they are neither. */
function asWritten(keyword: Keyword, value: string): string {
  const digits = value.replace(/[.:]/g, '');
  if (keyword.endsWith('Date')) return /^\d{8}$/.test(digits) ? digits : '';
  if (!keyword.endsWith('Time')) return value;
  const [, whole = '', fraction = ''] = /^([\d:]{2,8})(\.\d{1,6})?$/.exec(value) ?? [];
  const plain = whole.replaceAll(':', '');
  return /^\d{2}(\d{2}){0,2}$/.test(plain) ? plain + (plain.length === 6 ? fraction : '') : '';
}

function copyOf(header: DataSet): Content {
  const content: Record<string, string> = {};
  for (const keyword of copied) content[keyword] = asWritten(keyword, header.text(TAG[keyword]) ?? '');
  for (const optional of ['PatientAge', 'StudyDescription'] as const)
    if (content[optional] === '') delete content[optional];
  return content;
}

function lossOf(header: DataSet): Content {
  if (header.string(TAG.LossyImageCompression) !== '01') return { LossyImageCompression: '00' };
  const ratio = header.numbers(TAG.LossyImageCompressionRatio);
  const method = header.strings(TAG.LossyImageCompressionMethod).filter((name) => name !== '');
  return {
    LossyImageCompression: '01',
    ...(ratio.length > 0 ? { LossyImageCompressionRatio: ratio } : {}),
    ...(method.length > 0 ? { LossyImageCompressionMethod: method } : {}),
  };
}

async function headerOf(stack: DicomStack): Promise<DataSet> {
  const kept = stack.instances.find((i) => i.file.dataset.has(TAG.SOPClassUID));
  return kept === undefined
    ? (await readDicomFile(stack.instances[0]!.file.pixels!.source)).dataset
    : kept.file.dataset;
}

/**
 * Checks that labels lie on a stack's slices and collects what objects about it share.
 * Throws: FormatError when the stack is no volume or the grids differ.
 */
export async function derivedContext(
  stack: DicomStack,
  labels: Volume,
  { created }: DerivedOptions,
): Promise<DerivedContext> {
  const { labels: placed, lattice } = labelsOnSlices(labels, stack);
  const header = await headerOf(stack);
  const stated = {
    date: asWritten('StudyDate', header.string(TAG.StudyDate) ?? header.string(TAG.SeriesDate) ?? '') || '19700101',
    time: asWritten('StudyTime', header.string(TAG.StudyTime) ?? header.string(TAG.SeriesTime) ?? '') || '000000',
  };
  const when = created === undefined ? stated : dicomTime(created);
  const shared: Content = {
    ...copyOf(header),
    // What belongs to no study would be taken by no archive.
    StudyInstanceUID: stack.study === '' ? await derivedUid('study', stack.series) : stack.study,
    SeriesDate: when.date,
    SeriesTime: when.time,
    Manufacturer: 'Voxelwise',
    ManufacturerModelName: 'Voxelwise',
    DeviceSerialNumber: '1',
    SoftwareVersions: '1',
    InstanceNumber: 1,
  };
  return {
    header,
    labels: placed,
    lattice,
    slices: stack.order[0]!,
    corners: stack.order[0]!.map((f, k) => f.plane?.position ?? plus(lattice.origin, lattice.step, k)),
    when,
    shared,
    lossy: lossOf(header),
  };
}

/** Each image object once, with its class: items of a referenced instance sequence. */
export function referencedInstances(slices: readonly FrameInfo[]): readonly Content[] {
  return [...new Set(slices.map((f) => f.instance))].map((i) => ({
    ReferencedSOPClassUID: i.sopClass,
    ReferencedSOPInstanceUID: i.sopInstance,
  }));
}

/** The image of one slice: an item of a source image or contour image sequence. */
export function referencedImage(slice: FrameInfo): Content {
  const { sopClass, sopInstance, format } = slice.instance;
  return {
    ReferencedSOPClassUID: sopClass,
    ReferencedSOPInstanceUID: sopInstance,
    ...(format.frames > 1 ? { ReferencedFrameNumber: slice.index + 1 } : {}),
  };
}

/** Texts of an object and the characters their representation holds (PS3.5 6.2): of LO 64, of SH 16. */
function texts({
  segments,
  algorithm,
  seriesDescription,
}: DerivedOptions): readonly (readonly [string, string, number])[] {
  const codes = segments.flatMap(({ name, type, category }) =>
    [type, category].flatMap((code) =>
      code === undefined
        ? []
        : ([
            [`the code value of ${name}`, code[0], 16],
            [`the coding scheme of ${name}`, code[1], 16],
            [`the code meaning of ${name}`, code[2], 64],
          ] as const),
    ),
  );
  const names = segments.map(({ label, name }) => [`the name of label ${label}`, name, 64] as const);
  return [...names, ...codes, ['algorithm', algorithm ?? '', 64], ['seriesDescription', seriesDescription ?? '', 64]];
}

/** Segment names and numbers checked. `fractional`: the volume holds fractions. Throws: FormatError when one is missing, given twice, or too long. */
export function checkSegments(labels: Volume, options: DerivedOptions, fractional = false): void {
  const { segments } = options;
  const described = new Set(segments.map((s) => s.label));
  if (
    segments.length === 0 ||
    described.size !== segments.length ||
    segments.some((s) => !Number.isInteger(s.label) || s.label < 1 || s.label > 65535 || s.name.trim() === '')
  )
    throw new FormatError('write: each segment needs a name and a label of its own, from 1 to 65535.', {
      field: 'segments',
      details: { segments },
    });
  for (const [what, value, most] of texts(options))
    if ([...value].length > most || /[\\\u0000-\u001f\u007f]/.test(value))
      throw new FormatError(
        `write: ${what} may have ${most} characters, no backslash and no control characters, came ${JSON.stringify(value.slice(0, 80))} of ${[...value].length}.`,
        { field: 'segments', details: { value } },
      );
  if (labels.kind !== (fractional ? 'intensity' : 'labels'))
    throw new FormatError(
      `write: ${fractional ? 'fractions are an intensity volume with a channel per segment, came labels' : 'the volume holds intensities, not labels'}.`,
      { field: 'kind' },
    );
  if (labels.channels.length > 1 || fractional) {
    if (labels.channels.length !== segments.length)
      throw new FormatError(
        `write: ${labels.channels.length} channels of labels, ${segments.length} segments described.`,
        { field: 'segments' },
      );
    return;
  }
  const found = new Set<number>();
  let last = 0;
  for (const value of labels.voxels) if (value !== last) found.add((last = value));
  const unnamed = [...found].filter((value) => value !== 0 && !described.has(value));
  if (unnamed.length > 0)
    throw new FormatError(
      `write: labels ${unnamed.slice(0, 10).join(', ')} occur in the volume and are not described.`,
      { field: 'segments', details: { unnamed } },
    );
}

/** Places in the list of segments by label. */
export function segmentIndex(segments: readonly SegmentDescription[]): Uint16Array {
  const index = new Uint16Array(Math.max(...segments.map((s) => s.label)) + 1);
  segments.forEach(({ label }, i) => (index[label] = i));
  return index;
}
