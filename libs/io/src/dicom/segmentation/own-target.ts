/** The grid of a segmentation whose images are not at hand: the smallest lattice that holds its frames. */
import { TAG } from '../dataset/tags.ts';
import { gridOf } from '../series/arrange.ts';
import type { Lattice } from '../series/arrange.ts';
import type { Plane } from '../series/plane.ts';
import { cross, dot, length, minus, plus, times, unit } from '../series/vector.ts';
import type { Vector } from '../series/vector.ts';
import type { SegmentationObject } from './segment-frames.ts';
import { indexer } from './target.ts';
import type { MaskTarget } from './target.ts';

/** Heights this fraction of a pixel's or slice's edge apart are one: positions are rounded. */
const SAME_PLACE = 0.05;
/** Distances may be this many slices off a whole number. */
const UNEVEN = 0.1;

interface Heights {
  /** Millimeters from slice to slice. */
  readonly step: number;
  /** Slices from the lowest frame to the highest. */
  readonly count: number;
}

/** How far apart slices lie, from the heights of those that have a frame; undefined when they make no regular stack. */
function slicesOf(
  heights: readonly number[],
  { sliceSpacing, sliceThickness }: SegmentationObject,
): Heights | undefined {
  const gaps = heights.slice(1).map((h, i) => h - heights[i]!);
  if (gaps.length === 0) return { step: sliceSpacing ?? sliceThickness ?? 1, count: 1 };
  const even = (step: number): boolean =>
    gaps.every((gap) => Math.abs(gap / step - Math.round(gap / step)) <= UNEVEN && Math.round(gap / step) > 0);
  const usual = [sliceSpacing, Math.min(...gaps)].find((step) => step !== undefined && step > 0 && even(step));
  if (usual === undefined) return undefined;
  const steps = gaps.reduce((sum, gap) => sum + Math.round(gap / usual), 0);
  return { step: (heights.at(-1)! - heights[0]!) / steps, count: steps + 1 };
}

/** From one slice to the next: along the normal, or where frames of a tilted gantry lead. */
function stepOf(planes: readonly Plane[], normal: Vector, { step, count }: Heights): Vector {
  const height = (p: Plane): number => dot(p.position, normal);
  const sorted = [...planes].sort((a, b) => height(a) - height(b));
  const [low, high] = [sorted[0]!, sorted.at(-1)!];
  const straight = times(normal, step);
  if (count === 1) return straight;
  const tilted = times(minus(high.position, low.position), 1 / (count - 1));
  const isOnLine = sorted.every((p) => {
    const k = Math.round((height(p) - height(low)) / step);
    return length(minus(p.position, plus(low.position, tilted, k))) < UNEVEN * Math.min(...p.spacing);
  });
  return isOnLine ? tilted : straight;
}

/** The lattice with rows, columns and slices added in front and behind until every frame lies on it. */
function enlarged(
  lattice: Lattice,
  planes: readonly Plane[],
  { rows, columns }: SegmentationObject['format'],
): Lattice {
  const index = indexer(lattice);
  const low = [0, 0, 0];
  const high = [0, 0, 0];
  for (const { position, row, column, spacing } of planes)
    for (const [x, y] of [
      [0, 0],
      [columns - 1, 0],
      [0, rows - 1],
      [columns - 1, rows - 1],
    ] as const)
      index(plus(plus(position, row, x * spacing[1]), column, y * spacing[0])).forEach((at, axis) => {
        low[axis] = Math.min(low[axis]!, Math.round(at));
        high[axis] = Math.max(high[axis]!, Math.round(at));
      });
  const { origin, alongRow, alongColumn, step } = lattice;
  const [i, j, k] = low as [number, number, number];
  return {
    ...lattice,
    origin: plus(plus(plus(origin, alongRow, i), alongColumn, j), step, k),
    columns: high[0]! - i + 1,
    rows: high[1]! - j + 1,
    slices: high[2]! - k + 1,
  };
}

/**
 * The smallest lattice, along the first frame's rows and columns, that holds an object's frames: gaps between them are empty slices.
 * Throws: FormatError when frames have no place in the patient, or make no regular stack.
 */
export function ownTarget(object: SegmentationObject): MaskTarget {
  const planes = object.frames.flatMap((f) => f.plane ?? []);
  const first = planes[0];
  const { dataset } = object.file;
  if (first === undefined)
    throw dataset.fault(
      TAG.PerFrameFunctionalGroupsSequence,
      'its frames have no place in the patient; give the series it belongs to.',
    );
  const irregular = (): Error =>
    dataset.fault(
      TAG.PerFrameFunctionalGroupsSequence,
      'its frames make no regular stack; give the series it belongs to.',
      {
        kind: 'grid-mismatch',
      },
    );
  const normal = unit(cross(first.row, first.column));
  const parallel = planes.filter((p) => dot(p.row, first.row) > 0.999 && dot(p.column, first.column) > 0.999);
  const near = SAME_PLACE * Math.min(...first.spacing, object.sliceSpacing ?? Infinity);
  const heights: number[] = [];
  for (const height of parallel.map((p) => dot(p.position, normal)).sort((a, b) => a - b))
    if (heights.length === 0 || height - heights.at(-1)! > near) heights.push(height);
  const stack = slicesOf(heights, object);
  if (stack === undefined) throw irregular();
  const lowest = parallel.reduce((a, b) => (dot(b.position, normal) < dot(a.position, normal) ? b : a));
  const lattice = enlarged(
    {
      origin: lowest.position,
      alongRow: times(first.row, first.spacing[1]),
      alongColumn: times(first.column, first.spacing[0]),
      step: stepOf(parallel, normal, stack),
      columns: 1,
      rows: 1,
      slices: stack.count,
    },
    planes,
    object.format,
  );
  // A lattice much larger than the frames on it comes of a damaged position.
  const voxels = lattice.slices * lattice.rows * lattice.columns;
  if (!(voxels <= 2 ** 24 + 512 * object.frames.length * object.format.rows * object.format.columns)) throw irregular();
  return {
    lattice,
    grid: gridOf(lattice),
    series: undefined,
    frameOfReference: object.frameOfReference,
    sliceOf: new Map(),
    index: indexer(lattice),
  };
}
