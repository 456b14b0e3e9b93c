/** DICOM segmentations onto the grid of the images they belong to. */
import type { VoxelArray } from '@voxelwise/volume';
import type { DataSet } from '../dataset/dataset.ts';
import type { DicomFile } from '../dataset/parse.ts';
import { TAG } from '../dataset/tags.ts';
import type { Plane } from '../series/plane.ts';
import { dot, minus, plus } from '../series/vector.ts';
import type { Vector } from '../series/vector.ts';
import { labelVolume } from './masks.ts';
import type { LabelVolume, Mask, MaskOptions } from './masks.ts';
import { ownTarget } from './own-target.ts';
import { openSegmentation } from './segment-frames.ts';
import type { SegmentFrame, SegmentationObject } from './segment-frames.ts';
import type { MaskTarget } from './target.ts';

export interface SegmentationOptions extends MaskOptions {
  /** The images' grid; without it, the smallest lattice that holds the object's own frames. */
  readonly target?: MaskTarget;
  /** Fractional objects: the least fraction that counts as inside. */
  readonly threshold?: number;
}

/** Frames may lie this far, in voxels, from the voxels they are put on. */
const OFFSET_TOLERANCE = 0.1;

/** The pixel of a frame at (0, 0), and the steps along its columns and rows, as array indices on the target. */
interface Landing {
  readonly first: Vector;
  readonly right: Vector;
  readonly down: Vector;
}

function landing(plane: Plane, target: MaskTarget): Landing {
  const first = target.index(plane.position);
  const right = minus(target.index(plus(plane.position, plane.row, plane.spacing[1])), first);
  const down = minus(target.index(plus(plane.position, plane.column, plane.spacing[0])), first);
  return { first, right, down };
}

/** Rounded to whole voxels. Throws: FormatError when the frame's pixels are not voxels of the target. */
function onVoxels(
  { first, right, down }: Landing,
  { rows, columns }: { rows: number; columns: number },
  where: { dataset: DataSet; frame: number },
): Landing {
  const whole = (v: Vector): Vector => [Math.round(v[0]), Math.round(v[1]), Math.round(v[2])];
  const exact = { first: whole(first), right: whole(right), down: whole(down) };
  let worst = 0;
  for (const [x, y] of [
    [0, 0],
    [columns - 1, 0],
    [0, rows - 1],
    [columns - 1, rows - 1],
  ] as const) {
    for (let a = 0; a < 3; a++)
      worst = Math.max(
        worst,
        Math.abs(first[a]! - exact.first[a]! + x * (right[a]! - exact.right[a]!) + y * (down[a]! - exact.down[a]!)),
      );
  }
  const steps = [exact.right, exact.down].every(
    (v) => v.filter((c) => c !== 0).length === 1 && v.every((c) => Math.abs(c) <= 1),
  );
  if (worst <= OFFSET_TOLERANCE && steps && dot(exact.right, exact.down) === 0) return exact;
  throw where.dataset.fault(
    TAG.PerFrameFunctionalGroupsSequence,
    `frame ${where.frame + 1} does not lie on the voxels of the images (a corner is ${worst.toFixed(2)} voxels off): the segmentation was made on another grid. Read it on its own grid and resample it, or give the series it was made on.`,
    { kind: 'grid-mismatch', frame: where.frame, offVoxels: worst },
  );
}

function placeOf(object: SegmentationObject, frame: SegmentFrame, target: MaskTarget): Landing {
  const where = { dataset: object.file.dataset, frame: frame.index };
  if (frame.plane !== undefined) return onVoxels(landing(frame.plane, target), object.format, where);
  const slices = new Set(frame.sources.flatMap((uid) => target.sliceOf.get(uid) ?? []));
  const sameSize = object.format.rows === target.lattice.rows && object.format.columns === target.lattice.columns;
  const only =
    slices.size === 1
      ? [...slices][0]
      : target.lattice.slices === 1 && object.frames.every((f) => f.plane === undefined)
        ? 0
        : undefined;
  if (only !== undefined && sameSize) return { first: [0, 0, only], right: [1, 0, 0], down: [0, 1, 0] };
  throw where.dataset.fault(
    TAG.PerFrameFunctionalGroupsSequence,
    `frame ${frame.index + 1} states no position in the patient and names no image of this series; it cannot be placed (slide and projection segmentations are not read).`,
    { kind: 'no-geometry', frame: frame.index },
  );
}

async function paintFrame(
  object: SegmentationObject,
  frame: SegmentFrame,
  {
    target,
    inside,
    read,
    set,
  }: {
    target: MaskTarget;
    inside: (value: number) => boolean;
    read: SegmentationObject['read'];
    set: (index: number) => void;
  },
): Promise<number> {
  const { first, right, down } = placeOf(object, frame, target);
  const { rows, columns } = object.format;
  const { lattice } = target;
  const values = await read(frame.index);
  let outside = 0;
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      const value = values[y * columns + x]!;
      if (value === 0 || !inside(value)) continue;
      const i = first[0] + x * right[0] + y * down[0];
      const j = first[1] + x * right[1] + y * down[1];
      const k = first[2] + x * right[2] + y * down[2];
      if (i < 0 || j < 0 || k < 0 || i >= lattice.columns || j >= lattice.rows || k >= lattice.slices) outside++;
      else set((k * lattice.rows + j) * lattice.columns + i);
    }
  }
  return outside;
}

interface LabelFrames {
  readonly read: SegmentationObject['read'];
  /** The numbers that occur on a frame. */
  numbers(index: number): Promise<ReadonlySet<number>>;
}

/** The frames of a label map, which every segment looks at, decoded once (they are no larger than the label volume), and the numbers on each. */
function decodedOnce(object: SegmentationObject): LabelFrames {
  const decoded = new Map<number, Promise<{ values: VoxelArray; numbers: ReadonlySet<number> }>>();
  const decode = async (index: number): Promise<{ values: VoxelArray; numbers: ReadonlySet<number> }> => {
    const values = await object.read(index);
    const numbers = new Set<number>();
    let last = -1;
    for (const value of values) if (value !== last) numbers.add((last = value));
    return { values, numbers };
  };
  const frame = (index: number): Promise<{ values: VoxelArray; numbers: ReadonlySet<number> }> => {
    const known = decoded.get(index) ?? decode(index);
    decoded.set(index, known);
    return known;
  };
  return { read: async (index) => (await frame(index)).values, numbers: async (index) => (await frame(index)).numbers };
}

/** Numbers of a label map that belong to no segment and are not its background or padding. */
async function undescribed(object: SegmentationObject, frames: LabelFrames): Promise<string[]> {
  const known = new Set([0, ...(object.padding === undefined ? [] : [object.padding])]);
  for (const segment of object.segments) known.add(segment.number);
  const strange = new Set<number>();
  for (const { index } of object.frames)
    for (const number of await frames.numbers(index)) if (!known.has(number)) strange.add(number);
  return strange.size === 0
    ? []
    : [`label map values ${[...strange].join(', ')} belong to no segment; they are left out`];
}

function masksOf(
  object: SegmentationObject,
  labelMap: LabelFrames | undefined,
  { target, threshold }: { target: MaskTarget; threshold: number },
): Mask[] {
  const { read } = labelMap ?? object;
  return object.segments
    .filter((segment) => labelMap === undefined || segment.number !== 0)
    .map((segment) => ({
      number: segment.number,
      name: segment.label === '' ? `segment ${segment.number}` : segment.label,
      async paint(set) {
        let outside = 0;
        const inside =
          labelMap !== undefined
            ? (v: number) => v === segment.number
            : object.type === 'FRACTIONAL'
              ? (v: number) => v > 0 && v / object.maximum >= threshold
              : (v: number) => v !== 0;
        for (const frame of object.frames)
          if (frame.segment === segment.number || (await labelMap?.numbers(frame.index))?.has(segment.number) === true)
            outside += await paintFrame(object, frame, { target, inside, read, set });
        return outside > 0 ? [`${outside} voxels lie outside the images`] : [];
      },
    }));
}

/**
 * Reads a segmentation (binary, fractional, label map; overlapping or not) as labels on the images' grid.
 * Throws: FormatError when it is damaged, lies on another grid, belongs to another frame of reference, or overlaps unasked.
 */
export async function readSegmentation(file: DicomFile, options: SegmentationOptions = {}): Promise<LabelVolume> {
  const { dataset } = file;
  if (dataset.has(TAG.TotalPixelMatrixColumns) || dataset.has(TAG.ImageOrientationSlide))
    throw dataset.fault(
      TAG.TotalPixelMatrixColumns,
      'a segmentation of a microscope slide lies in the plane of its glass, not in a patient; it is no volume and is not read.',
      { kind: 'slide' },
    );
  const object = await openSegmentation(file);
  const target = options.target ?? ownTarget(object);
  const notes: string[] = [];
  if (
    target.frameOfReference !== undefined &&
    object.frameOfReference !== undefined &&
    target.frameOfReference !== object.frameOfReference
  )
    throw dataset.fault(
      TAG.FrameOfReferenceUID,
      `its frame of reference ${object.frameOfReference} is not that of the images, ${target.frameOfReference}: their coordinates do not share an origin.`,
    );
  if (
    target.series !== undefined &&
    object.referencedSeries.length > 0 &&
    !object.referencedSeries.includes(target.series)
  )
    notes.push(
      `refers to series ${object.referencedSeries.join(', ')}, not to ${target.series}; placed by coordinates`,
    );
  const { threshold = 0.5 } = options;
  const frames = object.type === 'LABELMAP' ? decodedOnce(object) : undefined;
  if (frames !== undefined) notes.push(...(await undescribed(object, frames)));
  return labelVolume(file.name, masksOf(object, frames, { target, threshold }), { ...options, target, notes });
}
