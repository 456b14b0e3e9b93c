/** Labels of the grid that images were read on, back on the slices that are stored. */
import type { Volume, VoxelArray } from '@voxelwise/volume';
import { compareGrids, sameGrid } from '@voxelwise/volume';
import { FormatError } from '../../errors.ts';
import { gridOf } from '../series/arrange.ts';
import type { Lattice } from '../series/arrange.ts';
import { evenGridOf, isGap, nearestEven } from '../series/even-slices.ts';
import { refusal } from '../series/issue.ts';
import type { DicomStack } from '../series/scan.ts';
import { shearing } from '../series/tilt.ts';
import { tiltedLabels } from '../series/tilted-labels.ts';

/** Labels on a lattice, or on the grid with right angles that it is resampled to; undefined for those on another. */
function onLattice(labels: Volume, lattice: Lattice): Volume | undefined {
  if (sameGrid(labels.grid, gridOf(lattice))) return labels;
  const straight = gridOf(shearing(lattice).lattice);
  return sameGrid(labels.grid, straight) ? tiltedLabels(labels, lattice) : undefined;
}

/** Some slices of each channel, in the order named. `lattice`: the grid that these are said to make. */
function pick(labels: Volume, slices: readonly number[], lattice: Lattice): Volume {
  const [stored, rows, columns] = labels.grid.shape;
  const plane = rows * columns;
  const make = labels.voxels.constructor as new (length: number) => VoxelArray;
  const voxels = new make(labels.channels.length * slices.length * plane);
  for (let c = 0; c < labels.channels.length; c++)
    slices.forEach((slice, k) => {
      const from = (c * stored + slice) * plane;
      voxels.set(labels.voxels.subarray(from, from + plane), (c * slices.length + k) * plane);
    });
  return { ...labels, grid: gridOf(lattice), voxels };
}

/**
 * Labels for each slice of a stack. Those on the grid that `onTilt: 'shear'` or `onUneven: 'resample'` makes of the images are taken to the
 * nearest voxels of the stored slices.
 * Throws: FormatError when the stack is no volume, or the labels lie on another grid.
 */
export function labelsOnSlices(
  labels: Volume,
  stack: DicomStack,
): { readonly labels: Volume; readonly lattice: Lattice } {
  const { lattice, issues, series } = stack;
  const even = issues.some(isGap) ? evenGridOf(stack) : undefined;
  const blocking = issues.filter(
    (i) => i.severity === 'refuse' && i.code !== 'tilt' && !(even !== undefined && isGap(i)),
  );
  if (lattice === undefined || blocking.length > 0) throw refusal(`series ${series}`, blocking);
  const placed = onLattice(labels, even?.lattice ?? lattice);
  if (placed !== undefined)
    return {
      labels: even === undefined ? placed : pick(placed, nearestEven(lattice.slices, even), lattice),
      lattice,
    };
  const grid = gridOf(even?.lattice ?? lattice);
  const sameShape = labels.grid.shape.join() === grid.shape.join();
  throw new FormatError(
    `write: the labels lie on a grid of [${labels.grid.shape.join(', ')}], the slices of series ${series} make one of [${grid.shape.join(', ')}]${sameShape ? ' placed elsewhere' : ''}. Resample the labels onto the images first.`,
    { field: 'grid', details: { difference: { ...compareGrids(labels.grid, grid) } } },
  );
}
