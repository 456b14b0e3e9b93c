/** One image object and its frames, each with its place in the patient: what sorting and stacking need, and no more. */
import { DataSet } from '../dataset/dataset.ts';
import type { DicomFile } from '../dataset/parse.ts';
import { TAG, tagName } from '../dataset/tags.ts';
import { pixelFormat } from '../pixels/pixel-format.ts';
import type { PixelFormat } from '../pixels/pixel-format.ts';
import { mosaicOf } from './mosaic.ts';
import type { Mosaic } from './mosaic.ts';
import { cross, dot, length, plus } from './vector.ts';
import type { Vector } from './vector.ts';

/** Where a plane of pixels lies: LPS millimeters. */
export interface Plane {
  /** Center of the first pixel. */
  readonly position: Vector;
  /** Along a row (column index grows) and along a column (row index grows); unit vectors as the file spells them. */
  readonly row: Vector;
  readonly column: Vector;
  /** Millimeters between rows, and between columns. */
  readonly spacing: readonly [number, number];
}

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
  /** Millimeters to the next slice as the header claims; only for a slice that stands alone. */
  readonly thickness: number | undefined;
  readonly slope: number;
  readonly intercept: number;
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
  readonly mosaic: Mosaic | undefined;
  readonly frames: readonly FrameInfo[];
}

function triple(values: readonly number[], from = 0): Vector | undefined {
  const [x, y, z] = [values[from], values[from + 1], values[from + 2]];
  return x === undefined || y === undefined || z === undefined ? undefined : [x, y, z];
}

/** Functional groups of one frame, innermost first: per-frame, shared, then the data set itself. */
class Groups {
  private readonly levels: readonly DataSet[];
  private readonly top: DataSet;
  constructor(top: DataSet, frame: number) {
    this.top = top;
    const perFrame = top.items(TAG.PerFrameFunctionalGroupsSequence)[frame];
    const shared = top.items(TAG.SharedFunctionalGroupsSequence)[0];
    this.levels = [perFrame, shared].filter((level) => level !== undefined);
  }

  numbers(macro: number, tag: number): readonly number[] {
    for (const level of this.levels) {
      const found = level.first(macro)?.numbers(tag) ?? [];
      if (found.length > 0) return found;
    }
    return this.top.numbers(tag);
  }

  string(macro: number, tag: number): string | undefined {
    for (const level of this.levels) {
      const found = level.first(macro)?.strings(tag).join('\\');
      if (found !== undefined && found !== '') return found;
    }
    return this.top.strings(tag).join('\\') || undefined;
  }
}

function planeOf(groups: Groups, top: DataSet, frame: number): Plane | undefined {
  const position = triple(groups.numbers(TAG.PlanePositionSequence, TAG.ImagePositionPatient));
  const orientation = groups.numbers(TAG.PlaneOrientationSequence, TAG.ImageOrientationPatient);
  const row = triple(orientation);
  const column = triple(orientation, 3);
  if (position === undefined || row === undefined || column === undefined) return undefined;
  const lengths = [length(row), length(column)];
  if (lengths.some((l) => Math.abs(l - 1) > 1e-2) || Math.abs(dot(row, column)) > 1e-2)
    throw top.fault(
      TAG.ImageOrientationPatient,
      `frame ${frame + 1}: the row and column directions [${orientation.join(', ')}] are not two unit vectors at right angles.`,
      { orientation },
    );
  const measured = groups.numbers(TAG.PixelMeasuresSequence, TAG.PixelSpacing);
  const spacing = measured.length >= 2 ? measured : top.numbers(TAG.ImagerPixelSpacing);
  if (spacing.length < 2) return undefined;
  if (!spacing.every((s) => s > 0))
    throw top.fault(TAG.PixelSpacing, `expected two positive millimeters, came [${spacing.join(', ')}].`, { spacing });
  const offset = top.numbers(TAG.GridFrameOffsetVector)[frame];
  return {
    position: offset === undefined ? position : plus(position, cross(row, column), offset),
    row,
    column,
    spacing: [spacing[0]!, spacing[1]!],
  };
}

/** Positions inside DimensionIndexValues that index anything but place. */
function otherDimensions(top: DataSet): readonly number[] {
  const spatial = new Set<number>([
    TAG.ImagePositionPatient,
    TAG.InStackPositionNumber,
    TAG.StackID,
    TAG.SliceLocation,
  ]);
  return top
    .items(TAG.DimensionIndexSequence)
    .flatMap((item, i) => (spatial.has(item.number(TAG.DimensionIndexPointer) ?? 0) ? [] : [i]));
}

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
  add('image type', groups.string(TAG.MRFrameTypeSequence, TAG.ImageType));
  add('acquisition time', top.string(TAG.AcquisitionTime));
  add('instance', top.number(TAG.InstanceNumber));
  add('frame', frame);
  return keys;
}

/** Keeps what reading pixels still needs. */
function slim(file: DicomFile): DicomFile {
  if (file.dataset.has(TAG.ExtendedOffsetTable) || file.syntax.deflated) return file;
  const empty = new DataSet({ bytes: new Uint8Array(0), littleEndian: true, file: file.name, readItems: () => [] }, 0);
  return { ...file, meta: empty, dataset: empty };
}

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
    mosaic,
    frames,
  };
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
    const transformed = TAG.PixelValueTransformationSequence;
    const info = {
      instance,
      index,
      plane,
      thickness:
        groups.numbers(TAG.PixelMeasuresSequence, TAG.SpacingBetweenSlices)[0] ??
        groups.numbers(TAG.PixelMeasuresSequence, TAG.SliceThickness)[0],
      slope: groups.numbers(transformed, TAG.RescaleSlope)[0] ?? 1,
      intercept: groups.numbers(transformed, TAG.RescaleIntercept)[0] ?? 0,
      keys: keysOf(groups, top, { frame: index, dimensions }),
    };
    if (mosaic === undefined || plane === undefined) frames.push({ ...info, window: whole });
    else
      for (const tile of mosaic.tiles(plane))
        frames.push({ ...info, window: tile.window, plane: tile.plane, thickness: mosaic.sliceSpacing });
  }
  return instance;
}
