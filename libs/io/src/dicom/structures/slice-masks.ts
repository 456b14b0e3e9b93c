/** The segments on one slice of a label volume, each as a mask cut to the rows and columns it reaches. */
import type { Volume } from '@voxelwise/volume';
import type { MaskSlice } from './outline.ts';

export interface SegmentMask extends MaskSlice {
  /** Index of the segment in the order described. */
  readonly segment: number;
  /** The slice's row and column that the mask begins with. */
  readonly top: number;
  readonly left: number;
}

interface Box {
  readonly segment: number;
  top: number;
  bottom: number;
  left: number;
  right: number;
}

/** Masks of the segments that slice `slice` has voxels of. `indexOf`: segments by label, for labels of one channel. */
export function sliceMasks(labels: Volume, indexOf: Uint16Array, slice: number): SegmentMask[] {
  const [slices, rows, columns] = labels.grid.shape;
  const several = labels.channels.length > 1;
  const at = (channel: number): number => (channel * slices + slice) * rows * columns;
  const boxes = new Map<number, Box>();
  for (let channel = 0; channel < labels.channels.length; channel++)
    for (let y = 0, i = at(channel); y < rows; y++)
      for (let x = 0; x < columns; x++, i++) {
        const value = labels.voxels[i]!;
        if (value === 0) continue;
        const segment = several ? channel : indexOf[value]!;
        const box = boxes.get(segment);
        if (box === undefined) boxes.set(segment, { segment, top: y, bottom: y, left: x, right: x });
        else {
          box.bottom = y;
          if (x < box.left) box.left = x;
          if (x > box.right) box.right = x;
        }
      }
  return [...boxes.values()].map(({ segment, top, bottom, left, right }) => {
    const size = { rows: bottom - top + 1, columns: right - left + 1 };
    const values = new Uint8Array(size.rows * size.columns);
    const from = at(several ? segment : 0);
    for (let y = 0; y < size.rows; y++)
      for (let x = 0; x < size.columns; x++) {
        const value = labels.voxels[from + (top + y) * columns + left + x]!;
        if (value !== 0 && (several || indexOf[value] === segment)) values[y * size.columns + x] = 1;
      }
    return { segment, top, left, ...size, values };
  });
}
