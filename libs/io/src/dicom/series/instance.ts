/** One image object and its frames, each with its place in the patient: what sorting and stacking need, and no more. */
import { DataSet } from '../dataset/dataset.ts';
import type { Element } from '../dataset/dataset.ts';
import type { DicomFile } from '../dataset/parse.ts';
import { TAG, tagName } from '../dataset/tags.ts';
import { modalityTable, paletteOf } from '../pixels/lookup-table.ts';
import type { LookupTable, Palette } from '../pixels/lookup-table.ts';
import { checkRoom, pixelFormat } from '../pixels/pixel-format.ts';
import type { PixelFormat } from '../pixels/pixel-format.ts';
import { mosaicOf, saysMosaic } from './mosaic.ts';
import type { Mosaic } from './mosaic.ts';
import { Groups, planeOf } from './plane.ts';
import type { Plane } from './plane.ts';

/** A rectangle of pixels inside a stored frame: a mosaic tile, or the whole frame. */
export interface Window {
  readonly top: number;
  readonly left: number;
  readonly rows: number;
  readonly columns: number;
}

export interface FrameInfo {
  readonly instance: DicomInstance;
  /** Index of the stored frame, from 0. */
  readonly index: number;
  readonly window: Window;
  /** Undefined when the file does not place this frame in the patient. */
  readonly plane: Plane | undefined;
  /** StackID of the frame, where its object sorts frames into stacks. */
  readonly stack: string | undefined;
  /** Millimeters to the next slice as the header claims; only for a slice that stands alone. */
  readonly thickness: number | undefined;
  readonly slope: number;
  readonly intercept: number;
  /** The header says 0, and `slope` is 1 instead. */
  readonly zeroSlope: boolean;
  /** What stored values stand for, where a table says so instead of slope and intercept. */
  readonly table: LookupTable | undefined;
  /** What tells apart images taken at one place, by name. */
  readonly keys: Readonly<Record<string, number | string>>;
}

export interface DicomInstance {
  readonly name: string;
  /** Elements other than a few are dropped once read, except for the first instance of a series. */
  readonly file: DicomFile;
  readonly sopClass: string;
  readonly sopInstance: string;
  readonly study: string;
  readonly series: string;
  readonly frameOfReference: string | undefined;
  readonly modality: string;
  readonly description: string;
  readonly format: PixelFormat;
  /** Of a PALETTE COLOR image. */
  readonly palette: Palette | undefined;
  readonly mosaic: Mosaic | undefined;
  /** It says that it is a mosaic, and not of how many slices. */
  readonly untoldMosaic: boolean;
  readonly frames: readonly FrameInfo[];
}

/** Positions inside DimensionIndexValues that index anything but place. */
function otherDimensions(top: DataSet): readonly number[] {
  const spatial = new Set<number>([
    TAG.ImagePositionPatient,
    TAG.InStackPositionNumber,
    TAG.StackID,
    TAG.SliceLocation,
    TAG.ImagePositionVolume,
  ]);
  return top
    .items(TAG.DimensionIndexSequence)
    .flatMap((item, i) => (spatial.has(item.number(TAG.DimensionIndexPointer) ?? 0) ? [] : [i]));
}

/** What tells frames of nuclear medicine apart, frame by frame. */
const vectors = [
  ['energy window', TAG.EnergyWindowVector],
  ['phase', TAG.PhaseVector],
  ['R-R interval', TAG.RRIntervalVector],
  ['time slot', TAG.TimeSlotVector],
] as const;

const GE_IMAGE_PART = 0x0043102f;
const GE_PARTS: Readonly<Record<number, string>> = { 0: 'MAGNITUDE', 1: 'PHASE', 2: 'REAL', 3: 'IMAGINARY' };
const frameTypes = [TAG.MRFrameTypeSequence, TAG.CTFrameTypeSequence, TAG.PETFrameTypeSequence] as const;

function keysOf(
  groups: Groups,
  top: DataSet,
  { frame, dimensions }: { frame: number; dimensions: readonly number[] },
): Record<string, number | string> {
  const keys: Record<string, number | string> = {};
  const add = (name: string, value: number | string | undefined): void => {
    if (value !== undefined) keys[name] = value;
  };
  add(
    'temporal position',
    groups.numbers(TAG.FrameContentSequence, TAG.TemporalPositionIndex)[0] ??
      top.number(TAG.TemporalPositionIdentifier),
  );
  const index = groups.numbers(TAG.FrameContentSequence, TAG.DimensionIndexValues);
  for (const i of dimensions) add(`dimension ${i + 1}`, index[i]);
  add('acquisition', top.number(TAG.AcquisitionNumber));
  add('echo time', groups.numbers(TAG.MREchoSequence, TAG.EffectiveEchoTime)[0] ?? top.number(TAG.EchoTime));
  add('b value', groups.numbers(TAG.MRDiffusionSequence, TAG.DiffusionBValue)[0]);
  add('trigger time', top.number(TAG.TriggerTime));
  for (const [name, vector] of vectors) add(name, top.numbers(vector)[frame]);
  const isEnhanced = top.has(TAG.PerFrameFunctionalGroupsSequence);
  const types = isEnhanced ? frameTypes.map((macro) => groups.string(macro, TAG.FrameType)) : [];
  // GE says in a private element which part of the complex image this is.
  const part = GE_PARTS[top.has(GE_IMAGE_PART) ? (top.bytes(GE_IMAGE_PART)![0] ?? -1) : -1];
  const component = isEnhanced ? groups.string(TAG.MRFrameTypeSequence, TAG.ComplexImageComponent) : undefined;
  add('complex component', part ?? component ?? top.string(TAG.ComplexImageComponent));
  add('image type', types.find((type) => type !== undefined) ?? (top.strings(TAG.ImageType).join('\\') || undefined));
  add('acquisition time', top.string(TAG.AcquisitionTime));
  add('instance', top.number(TAG.InstanceNumber));
  add('frame', frame);
  return keys;
}

/** The line from stored values to what they stand for. */
function lineOf(groups: Groups, top: DataSet): Pick<FrameInfo, 'slope' | 'intercept' | 'zeroSlope'> {
  const rescale = TAG.PixelValueTransformationSequence;
  const slope = groups.numbers(rescale, TAG.RescaleSlope)[0] ?? top.number(TAG.DoseGridScaling) ?? 1;
  return {
    // A slope of 0 would make every pixel the same: writers mean that there is none.
    slope: slope === 0 ? 1 : slope,
    intercept: groups.numbers(rescale, TAG.RescaleIntercept)[0] ?? 0,
    zeroSlope: slope === 0,
  };
}

/** Keeps what reading pixels still needs. */
function slim(file: DicomFile): DicomFile {
  if (file.dataset.has(TAG.ExtendedOffsetTable)) return file;
  const { name, syntax, pixels } = file;
  const empty = new DataSet({ bytes: NO_BYTES, littleEndian: true, file: name, readItems: () => [] }, 0, NO_ELEMENTS);
  return { name, syntax, meta: empty, dataset: empty, pixels };
}
const NO_BYTES = new Uint8Array(0);
const NO_ELEMENTS: ReadonlyMap<number, Element> = new Map();

/**
 * Reads one image object. `keepHeader`: keep all its elements in memory.
 * Throws: FormatError when it is no image, or a field that places it cannot be read.
 */
export function imageInstance(
  file: DicomFile,
  { keepHeader = true }: { readonly keepHeader?: boolean } = {},
): DicomInstance {
  const top = file.dataset;
  const format = pixelFormat(file);
  const mosaic = mosaicOf(top, format);
  const frames: FrameInfo[] = [];
  const instance: DicomInstance = {
    name: file.name,
    file: keepHeader ? file : slim(file),
    sopClass: top.string(TAG.SOPClassUID) ?? '',
    sopInstance: top.string(TAG.SOPInstanceUID) ?? '',
    study: top.string(TAG.StudyInstanceUID) ?? '',
    series: top.string(TAG.SeriesInstanceUID) ?? '',
    frameOfReference: top.string(TAG.FrameOfReferenceUID),
    modality: top.string(TAG.Modality) ?? '',
    description: top.text(TAG.SeriesDescription) ?? '',
    format,
    palette: format.photometric === 'PALETTE COLOR' ? paletteOf(top, format.signed) : undefined,
    mosaic,
    untoldMosaic: mosaic === undefined && saysMosaic(top, format),
    frames,
  };
  const table = modalityTable(top, format.signed);
  const dimensions = otherDimensions(top);
  const perFrame = top.items(TAG.PerFrameFunctionalGroupsSequence).length;
  if (perFrame > 0 && perFrame !== format.frames)
    throw top.fault(
      TAG.PerFrameFunctionalGroupsSequence,
      `describes ${perFrame} frames, ${tagName(TAG.NumberOfFrames)} says ${format.frames}.`,
      { expected: format.frames, found: perFrame },
    );
  const whole: Window = { top: 0, left: 0, rows: format.rows, columns: format.columns };
  for (let index = 0; index < format.frames; index++) {
    const groups = new Groups(top, index);
    const plane = planeOf(groups, top, index);
    const info = {
      instance,
      index,
      plane,
      stack: perFrame > 0 ? groups.string(TAG.FrameContentSequence, TAG.StackID) : undefined,
      thickness:
        groups.numbers(TAG.PixelMeasuresSequence, TAG.SpacingBetweenSlices)[0] ??
        groups.numbers(TAG.PixelMeasuresSequence, TAG.SliceThickness)[0],
      ...(table === undefined ? lineOf(groups, top) : { slope: 1, intercept: 0, zeroSlope: false }),
      table,
      keys: keysOf(groups, top, { frame: index, dimensions }),
    };
    if (mosaic === undefined || plane === undefined) frames.push({ ...info, window: whole });
    else
      for (const tile of mosaic.tiles(plane))
        frames.push({ ...info, window: tile.window, plane: tile.plane, thickness: mosaic.sliceSpacing });
  }
  return instance;
}

/** What slices of a series differ in: `instanceLike` reads these anew. */
export const VARYING: ReadonlySet<number> = new Set<number>([
  TAG.SOPInstanceUID,
  TAG.ImagePositionPatient,
  TAG.RescaleSlope,
  TAG.RescaleIntercept,
  TAG.InstanceNumber,
  TAG.AcquisitionTime,
]);

/** Whether others may be read like this image: one plain frame, placed and scaled by the data set itself. */
export function isPattern({ format, palette, mosaic, frames }: DicomInstance, file: DicomFile): boolean {
  const top = file.dataset;
  const { plane, table } = frames[0]!;
  const stated = top.numbers(TAG.ImagePositionPatient);
  return (
    format.frames === 1 &&
    palette === undefined &&
    mosaic === undefined &&
    table === undefined &&
    plane !== undefined &&
    plane.position.every((mm, i) => mm === stated[i]) &&
    file.pixels?.tag === TAG.PixelData &&
    !NESTED.some((tag) => top.has(tag))
  );
}
const NESTED = [TAG.SharedFunctionalGroupsSequence, TAG.PerFrameFunctionalGroupsSequence, TAG.ExtendedOffsetTable];

/**
 * What `imageInstance` gives for a file whose elements are those of `pattern`, and equal to them but for the varying ones.
 * Undefined where one of those is missing. Throws: FormatError as that does.
 */
export function instanceLike(pattern: DicomInstance, file: DicomFile): DicomInstance | undefined {
  const top = file.dataset;
  checkRoom(file, pattern.format);
  const [x, y, z] = top.numbers(TAG.ImagePositionPatient);
  if (x === undefined || y === undefined || z === undefined) return undefined;
  const first = pattern.frames[0]!;
  const frames: FrameInfo[] = [];
  const sopInstance = top.string(TAG.SOPInstanceUID) ?? '';
  const instance: DicomInstance = { ...pattern, name: file.name, file: slim(file), sopInstance, frames };
  const keys: Record<string, number | string> = { ...first.keys };
  const own = { 'acquisition time': top.string(TAG.AcquisitionTime), instance: top.number(TAG.InstanceNumber) };
  for (const [name, value] of Object.entries(own)) {
    if ((value === undefined) !== (keys[name] === undefined)) return undefined;
    if (value !== undefined) keys[name] = value;
  }
  frames.push({
    ...first,
    ...lineOf(new Groups(top, 0), top),
    instance,
    plane: { ...first.plane!, position: [x, y, z] },
    keys,
  });
  return instance;
}
