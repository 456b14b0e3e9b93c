/** How well a label explains its image: a flipped or foreign label explains it worse than one that was drawn on it. */
import { worldOf } from '@voxelwise/volume';
import type { Grid, PerAxis, VoxelArray } from '@voxelwise/volume';

/** One flag per array axis: is the label turned round along it? */
export type Flip = readonly [boolean, boolean, boolean];

export interface Agreement {
  /** Part of the image's variance around the label that the label's classes explain, 0 to 1. */
  readonly asStored: number;
  /** The turned label that explains most. */
  readonly bestFlip: { readonly flip: Flip; readonly value: number };
}

const UNTURNED: Flip = [false, false, false];
const FLIPS: readonly Flip[] = [1, 2, 3, 4, 5, 6, 7].map((n) => [(n & 4) > 0, (n & 2) > 0, (n & 1) > 0]);
/** Voxels that are looked at: enough for two digits of the result. */
const SAMPLES = 20_000;
/** Part of the label's box that is added on every side: the label is compared with its surroundings. */
const MARGIN = 0.25;

interface Pair {
  /** One channel. */
  readonly image: VoxelArray;
  readonly label: VoxelArray;
  readonly shape: PerAxis;
}

/** Undefined where the label is empty. */
export function agreementOf(pair: Pair): Agreement | undefined {
  const box = boxOf(pair.label, pair.shape);
  if (box === undefined) return undefined;
  const turned = FLIPS.map((flip) => ({ flip, value: explained(pair, box, flip) }));
  return {
    asStored: explained(pair, box, UNTURNED),
    bestFlip: turned.reduce((best, one) => (one.value > best.value ? one : best)),
  };
}

/** `agreementOf(…).asStored` alone. */
export function explainedBy(pair: Pair): number {
  const box = boxOf(pair.label, pair.shape);
  return box === undefined ? 0 : explained(pair, box, UNTURNED);
}

/** Where each class lies: the mean of its voxels' positions in RAS+ mm, by its number. Empty where there are more than `mostClasses`. */
export function classCenters(
  label: VoxelArray,
  grid: Grid,
  mostClasses = 64,
): ReadonlyMap<number, readonly [number, number, number]> {
  const [depth, height, width] = grid.shape;
  const sums = new Map<number, [count: number, z: number, y: number, x: number]>();
  for (let z = 0, i = 0; z < depth; z++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width;) {
        const value = label[i]!;
        const start = x;
        do [x, i] = [x + 1, i + 1];
        while (x < width && label[i] === value);
        if (!(value > 0)) continue;
        let sum = sums.get(value);
        if (sum === undefined) {
          if (sums.size === mostClasses) return new Map();
          sums.set(value, (sum = [0, 0, 0, 0]));
        }
        const run = x - start;
        sum[0] += run;
        sum[1] += run * z;
        sum[2] += run * y;
        sum[3] += (run * (start + x - 1)) / 2;
      }
  return new Map(
    [...sums].map(([value, [count, z, y, x]]) => [value, worldOf(grid, [z / count, y / count, x / count])]),
  );
}

type Box = readonly (readonly [number, number])[];

/** First and last voxel of the foreground along each axis. */
function boxOf(label: VoxelArray, [depth, height, width]: PerAxis): Box | undefined {
  const low = [depth, height, width];
  const high = [-1, -1, -1];
  const reach = (axis: number, at: number): void => {
    if (at < low[axis]!) low[axis] = at;
    if (at > high[axis]!) high[axis] = at;
  };
  for (let z = 0, i = 0; z < depth; z++)
    for (let y = 0; y < height; y++) {
      let [first, last] = [-1, -1];
      for (let x = 0; x < width; x++, i++)
        if (label[i]! > 0) {
          if (first < 0) first = x;
          last = x;
        }
      if (first < 0) continue;
      reach(0, z);
      reach(1, y);
      reach(2, first);
      reach(2, last);
    }
  return high[0]! < 0 ? undefined : [0, 1, 2].map((axis) => [low[axis]!, high[axis]!] as const);
}

/** The correlation ratio of the image on the turned label, over a lattice of voxels in and around the label's box. */
function explained({ image, label, shape }: Pair, box: Box, flip: Flip): number {
  const ranges = box.map(([first, last], axis) => {
    const size = shape[axis]!;
    const [a, b] = flip[axis] ? [size - 1 - last, size - 1 - first] : [first, last];
    const margin = Math.ceil(MARGIN * (b - a + 1)) + 1;
    return [Math.max(0, a - margin), Math.min(size - 1, b + margin)] as const;
  });
  const voxels = ranges.reduce((product, [a, b]) => product * (b - a + 1), 1);
  const step = Math.max(1, Math.round(Math.cbrt(voxels / SAMPLES)));
  const classes = new Map<number, { count: number; sum: number }>();
  let [count, sum, squares] = [0, 0, 0];
  const turned = (axis: number, at: number): number => (flip[axis] ? shape[axis]! - 1 - at : at);
  const [depths, rows, columns] = ranges as [Box[number], Box[number], Box[number]];
  for (let z = depths[0]; z <= depths[1]; z += step)
    for (let y = rows[0]; y <= rows[1]; y += step) {
      const from = (z * shape[1] + y) * shape[2];
      const labelFrom = (turned(0, z) * shape[1] + turned(1, y)) * shape[2];
      for (let x = columns[0]; x <= columns[1]; x += step) {
        const v = image[from + x]!;
        if (v - v !== 0) continue;
        const value = label[labelFrom + turned(2, x)]!;
        let one = classes.get(value);
        if (one === undefined) classes.set(value, (one = { count: 0, sum: 0 }));
        one.count++;
        one.sum += v;
        count++;
        sum += v;
        squares += v * v;
      }
    }
  const total = squares - (sum * sum) / count;
  if (!(total > 0) || classes.size < 2) return 0;
  let between = -(sum * sum) / count;
  for (const one of classes.values()) between += (one.sum * one.sum) / one.count;
  return Math.min(1, Math.max(0, between / total));
}
