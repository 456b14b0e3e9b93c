/** The image grid that masks are placed on, and the way from patient coordinates to its voxels. */
import type { Grid } from '@voxelwise/volume';
import { gridOf } from '../series/arrange.ts';
import type { Lattice } from '../series/arrange.ts';
import type { DicomStack } from '../series/scan.ts';
import { cross, dot, minus, times } from '../series/vector.ts';
import type { Vector } from '../series/vector.ts';
import { refusal } from '../series/issue.ts';

export interface MaskTarget {
  readonly lattice: Lattice;
  readonly grid: Grid;
  /** SeriesInstanceUID of the images; undefined when only a grid is known. */
  readonly series: string | undefined;
  readonly frameOfReference: string | undefined;
  /** Slices by the SOPInstanceUID of their file; only where a file holds one slice. */
  readonly sliceOf: ReadonlyMap<string, number>;
  /** Patient coordinates (LPS, mm) to fractional [column, row, slice]. */
  index(point: Vector): Vector;
}

/** Reads voxel indices off a lattice: the inverse of its affine. */
export function indexer({ origin, alongRow, alongColumn, step }: Lattice): (point: Vector) => Vector {
  const volume = dot(alongRow, cross(alongColumn, step));
  const i = times(cross(alongColumn, step), 1 / volume);
  const j = times(cross(step, alongRow), 1 / volume);
  const k = times(cross(alongRow, alongColumn), 1 / volume);
  return (point) => {
    const offset = minus(point, origin);
    return [dot(offset, i), dot(offset, j), dot(offset, k)];
  };
}

/** The grid of a stack as a target. Throws: FormatError when the stack is not one volume (a tilt is no obstacle: the masks lie on the same slices). */
export function targetOf(stack: DicomStack): MaskTarget {
  const blocking = stack.issues.filter((i) => i.severity === 'refuse' && i.code !== 'tilt');
  if (stack.lattice === undefined || blocking.length > 0) throw refusal(`series ${stack.series}`, blocking);
  const sliceOf = new Map<string, number>();
  for (const slices of stack.order)
    for (const [k, frame] of slices.entries())
      if (frame.instance.frames.length === 1) sliceOf.set(frame.instance.sopInstance, k);
  return {
    lattice: stack.lattice,
    grid: gridOf(stack.lattice),
    series: stack.series,
    frameOfReference: stack.instances[0]!.frameOfReference,
    sliceOf,
    index: indexer(stack.lattice),
  };
}

/** A grid of ours as a target: masks are placed by their coordinates alone. */
export function targetOfGrid(grid: Grid): MaskTarget {
  const a = grid.affine;
  const column = (c: number): Vector => [-a[c]!, -a[4 + c]!, a[8 + c]!];
  const [slices, rows, columns] = grid.shape;
  const lattice: Lattice = {
    step: column(0),
    alongColumn: column(1),
    alongRow: column(2),
    origin: column(3),
    slices,
    rows,
    columns,
  };
  return { lattice, grid, series: undefined, frameOfReference: undefined, sliceOf: new Map(), index: indexer(lattice) };
}
