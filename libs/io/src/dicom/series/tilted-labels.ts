/** Labels of a tilted gantry's images between their own slices and the grid with right angles that the images were resampled to. */
import type { Volume, VoxelArray } from '@voxelwise/volume';
import { gridOf } from './arrange.ts';
import type { Lattice } from './arrange.ts';
import { shearing } from './tilt.ts';

interface Move {
  readonly from: Lattice;
  readonly to: Lattice;
  /** Columns and rows to add to a voxel of `to` for that of `from` which is nearest. */
  offset(z: number): { readonly columns: number; readonly rows: number };
}

/** Each voxel of `to` gets the label of the nearest voxel of `from` on its slice; background where there is none. */
function moved(labels: Volume, { from, to, offset }: Move): Volume {
  const make = labels.voxels.constructor as new (length: number) => VoxelArray;
  const planes = labels.channels.length * to.slices;
  const voxels = new make(planes * to.rows * to.columns);
  for (let plane = 0; plane < planes; plane++) {
    const { columns: dx, rows: dy } = offset(plane % to.slices);
    for (let y = 0; y < to.rows; y++) {
      const j = Math.round(y + dy);
      if (j < 0 || j >= from.rows) continue;
      const line = (plane * from.rows + j) * from.columns;
      const at = (plane * to.rows + y) * to.columns;
      for (let x = 0; x < to.columns; x++) {
        const i = Math.round(x + dx);
        if (i >= 0 && i < from.columns) voxels[at + x] = labels.voxels[line + i]!;
      }
    }
  }
  return { ...labels, grid: gridOf(to), voxels };
}

/** Labels on tilted slices, on the grid that `onTilt: 'shear'` makes of the images: shifted to the nearest voxels of each slice. */
export function straightLabels(labels: Volume, tilted: Lattice): Volume {
  const { lattice, shift } = shearing(tilted);
  const offset: Move['offset'] = (z) => ({ columns: -shift(z).columns, rows: -shift(z).rows });
  return moved(labels, { from: tilted, to: lattice, offset });
}

/** Labels on that grid, back on the tilted slices. What `straightLabels` made comes back as it was. */
export function tiltedLabels(labels: Volume, tilted: Lattice): Volume {
  const { lattice, shift } = shearing(tilted);
  return moved(labels, { from: lattice, to: tilted, offset: shift });
}
