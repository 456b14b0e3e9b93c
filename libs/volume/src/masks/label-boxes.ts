/** The box of every label of a map, found in one pass. */
import type { PerAxis } from '../volume.ts';
import type { Box } from './box.ts';

/** Label → the smallest box that holds it, over one or several maps [z, y, x] of the same shape; the background included. */
export function labelBoxes(maps: readonly ArrayLike<number>[], shape: PerAxis): Map<number, Box> {
  const extents = new Map<number, Int32Array>();
  for (const map of maps) extend(extents, map, shape);
  return new Map(
    [...extents].map(([label, [z0, z1, y0, y1, x0, x1]]) => [
      label,
      { start: [z0!, y0!, x0!], end: [z1! + 1, y1! + 1, x1! + 1] },
    ]),
  );
}

/** The smallest box that holds all of several; undefined for none. */
export function unionBox(boxes: readonly Box[]): Box | undefined {
  if (boxes.length === 0) return undefined;
  const lowest = (axis: number): number => Math.min(...boxes.map((box) => box.start[axis]!));
  const highest = (axis: number): number => Math.max(...boxes.map((box) => box.end[axis]!));
  return { start: [lowest(0), lowest(1), lowest(2)], end: [highest(0), highest(1), highest(2)] };
}

/** Extents hold six numbers: first and last index along z, y, x. Runs of one label along x are taken in one step. */
function extend(extents: Map<number, Int32Array>, labels: ArrayLike<number>, [depth, height, width]: PerAxis): void {
  for (let z = 0, i = 0; z < depth; z++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width;) {
        const label = labels[i]!;
        let run = 1;
        while (x + run < width && labels[i + run] === label) run++;
        include(extents, label, z, y, x, x + run - 1);
        x += run;
        i += run;
      }
}

function include(
  extents: Map<number, Int32Array>,
  label: number,
  z: number,
  y: number,
  first: number,
  last: number,
): void {
  const extent = extents.get(label);
  if (extent === undefined) {
    extents.set(label, Int32Array.of(z, z, y, y, first, last));
    return;
  }
  // Noise comes here with every voxel.
  if (z < extent[0]!) extent[0] = z;
  if (z > extent[1]!) extent[1] = z;
  if (y < extent[2]!) extent[2] = y;
  if (y > extent[3]!) extent[3] = y;
  if (first < extent[4]!) extent[4] = first;
  if (last > extent[5]!) extent[5] = last;
}
