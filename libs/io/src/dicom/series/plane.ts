/** Where a frame lies, from whichever place its kind of object writes that: the data set itself, functional groups, a detector, a dose grid. */
import type { DataSet } from '../dataset/dataset.ts';
import { TAG } from '../dataset/tags.ts';
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

function triple(values: readonly number[], from = 0): Vector | undefined {
  const [x, y, z] = [values[from], values[from + 1], values[from + 2]];
  return x === undefined || y === undefined || z === undefined ? undefined : [x, y, z];
}

/** Functional groups of one frame, innermost first: per-frame, shared, then the data set itself. */
export class Groups {
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

/** Position and directions as written, before they are checked. */
interface Placement {
  readonly position: readonly number[];
  readonly orientation: readonly number[];
}

function placementOf(groups: Groups, top: DataSet): Placement {
  const stated = groups.numbers(TAG.PlanePositionSequence, TAG.ImagePositionPatient);
  const patient = {
    // Tiles of a grid may have all positions, and the grid none.
    position:
      stated.length > 0 ? stated : (top.first(TAG.MRVirtualFrameSequence)?.numbers(TAG.ImagePositionPatient) ?? []),
    orientation: groups.numbers(TAG.PlaneOrientationSequence, TAG.ImageOrientationPatient),
  };
  if (patient.position.length > 0 || patient.orientation.length > 0) return patient;
  // Nuclear medicine places its frames by the detector (PS3.3 C.8.4.11), ultrasound in the volume's own frame (C.8.24.3).
  const detector = top.first(TAG.DetectorInformationSequence);
  if (detector?.has(TAG.ImagePositionPatient) === true)
    return {
      position: detector.numbers(TAG.ImagePositionPatient),
      orientation: detector.numbers(TAG.ImageOrientationPatient),
    };
  return {
    position: groups.numbers(TAG.PlanePositionVolumeSequence, TAG.ImagePositionVolume),
    orientation: groups.numbers(TAG.PlaneOrientationVolumeSequence, TAG.ImageOrientationVolume),
  };
}

/** Millimeters along the normal from the stated position to this frame, where one position is stated for all frames. */
function offsetOf(top: DataSet, frame: number, position: Vector): number {
  const grid = top.numbers(TAG.GridFrameOffsetVector);
  const [first, own] = [grid[0], grid[frame]];
  // Offsets of a dose grid start at 0, or repeat the z of the position and are places themselves (PS3.3 C.8.8.3.2).
  if (first !== undefined && own !== undefined) return first !== 0 && first === position[2] ? own - first : own;
  const slice = top.numbers(TAG.SliceVector)[frame];
  const spacing = top.number(TAG.SpacingBetweenSlices) ?? top.number(TAG.SliceThickness);
  return slice === undefined || spacing === undefined ? 0 : (slice - 1) * spacing;
}

/**
 * The plane of a frame; undefined when the file does not place it.
 * Throws: FormatError when directions are not at right angles, or spacings not positive.
 */
export function planeOf(groups: Groups, top: DataSet, frame: number): Plane | undefined {
  const { position: corner, orientation } = placementOf(groups, top);
  const position = triple(corner);
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
  const offset = offsetOf(top, frame, position);
  return {
    position: offset === 0 ? position : plus(position, cross(row, column), offset),
    row,
    column,
    spacing: [spacing[0]!, spacing[1]!],
  };
}
