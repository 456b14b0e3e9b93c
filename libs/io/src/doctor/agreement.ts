/** How well a label fits its image: the image changes more across the borders of a label that was drawn on it than around them. */
import { worldOf } from '@voxelwise/volume';
import type { Grid, PerAxis, VoxelArray } from '@voxelwise/volume';

/** One flag per array axis: is the label turned round along it? */
export type Flip = readonly [boolean, boolean, boolean];

/** Steepness is how much the image changes from voxel to voxel across the label's borders, as a multiple of what it does around them. */
export interface Agreement {
  readonly asStored: number;
  /** The turned label with the steepest borders. */
  readonly bestFlip: { readonly flip: Flip; readonly value: number };
}

const UNTURNED: Flip = [false, false, false];
const FLIPS: readonly Flip[] = [1, 2, 3, 4, 5, 6, 7].map((n) => [(n & 4) > 0, (n & 2) > 0, (n & 1) > 0]);
/** Places that are looked at: enough for two digits of the result. */
const SAMPLES = 20_000;
/** Borders of fewer voxels tell nothing. */
const FEWEST_BORDERS = 60;
/** Part of the label's box that counts as around it, on every side. */
const MARGIN = 0.25;
/** Changes larger than this part of all changes are taken for as large: one outlier would outweigh everything. */
const LARGEST = 0.99;

interface Pair {
  /** The channels. */
  readonly images: readonly VoxelArray[];
  readonly label: VoxelArray;
  readonly shape: PerAxis;
}

/** Undefined where the label is empty or too small, or the image is flat. */
export function agreementOf(pair: Pair): Agreement | undefined {
  const { shape } = pair;
  const borders = bordersOf(pair);
  const channels = bordersTell(borders) ? scalesOf(pair) : [];
  if (channels.length === 0) return undefined;
  const turned = FLIPS.filter((flip) => flip.every((turn, axis) => !turn || shape[axis]! > 1)).map((flip) => ({
    flip,
    value: steepness(channels, borders, shape, flip),
  }));
  if (turned.length === 0) return undefined;
  return {
    asStored: steepness(channels, borders, shape, UNTURNED),
    bestFlip: turned.reduce((best, one) => (one.value > best.value ? one : best)),
  };
}

/** `agreementOf(…).asStored` alone; 0 where that is undefined. */
export function steepnessOf(pair: Pair): number {
  const borders = bordersOf(pair);
  const channels = bordersTell(borders) ? scalesOf(pair) : [];
  return channels.length === 0 ? 0 : steepness(channels, borders, pair.shape, UNTURNED);
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

/** Places between neighbors of different labels: z, y, x of the lower neighbor, and the axis along which the other follows. */
type Borders = readonly number[];
const WORDS = 4;
const bordersTell = (borders: Borders): boolean => borders.length >= WORDS * FEWEST_BORDERS;

/** Those of the whole label, or, where there are very many, evenly chosen ones. */
function bordersOf({ label, shape }: Pair): Borders {
  const [depth, height, width] = shape;
  const steps = [height * width, width, 1] as const;
  let found: number[] = [];
  let [seen, every] = [0, 1];
  const note = (z: number, y: number, x: number, axis: number): void => {
    if (seen++ % every !== 0) return;
    found.push(z, y, x, axis);
    if (found.length < 2 * WORDS * SAMPLES) return;
    found = found.filter((_, i) => Math.floor(i / WORDS) % 2 === 0);
    every *= 2;
  };
  for (let z = 0, i = 0; z < depth; z++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++, i++) {
        const value = label[i]!;
        if (z + 1 < depth && label[i + steps[0]] !== value) note(z, y, x, 0);
        if (y + 1 < height && label[i + steps[1]] !== value) note(z, y, x, 1);
        if (x + 1 < width && label[i + 1] !== value) note(z, y, x, 2);
      }
  return found;
}

interface Channel {
  readonly image: VoxelArray;
  /** The mean change from voxel to voxel around the label. */
  readonly around: number;
  /** Larger changes count as this. */
  readonly most: number;
}

/** The channels that are not flat around the label. */
function scalesOf({ images, label, shape }: Pair): readonly Channel[] {
  const box = boxOf(label, shape);
  if (box === undefined) return [];
  const ranges = box.map(([first, last], axis) => {
    const margin = Math.ceil(MARGIN * (last - first + 1)) + 1;
    return [Math.max(0, first - margin), Math.min(shape[axis]! - 1, last + margin)] as const;
  }) as unknown as readonly [Box[number], Box[number], Box[number]];
  const voxels = ranges.reduce((product, [a, b]) => product * (b - a + 1), 1);
  const step = Math.max(1, Math.round(Math.cbrt(voxels / SAMPLES)));
  const neighbors = [shape[1] * shape[2], shape[2], 1];
  const [depths, rows, columns] = ranges;
  return images.flatMap((image) => {
    const changes: number[] = [];
    for (let z = depths[0]; z <= depths[1]; z += step)
      for (let y = rows[0]; y <= rows[1]; y += step)
        for (let x = columns[0]; x <= columns[1]; x += step) {
          const i = (z * shape[1] + y) * shape[2] + x;
          for (let axis = 0; axis < 3; axis++) {
            if ([z, y, x][axis]! + 1 >= shape[axis]!) continue;
            const change = Math.abs(image[i]! - image[i + neighbors[axis]!]!);
            if (change < Infinity) changes.push(change);
          }
        }
    const sorted = Float64Array.from(changes).sort();
    const most = sorted[Math.floor(LARGEST * sorted.length)] || Infinity;
    const around = sorted.reduce((sum, change) => sum + Math.min(change, most), 0) / sorted.length;
    return around > 0 && around < Infinity ? [{ image, around, most }] : [];
  });
}

/** How much the image changes across the borders of the turned label, in multiples of `around`; the mean over the channels. */
function steepness(channels: readonly Channel[], borders: Borders, shape: PerAxis, flip: Flip): number {
  const neighbors = [shape[1] * shape[2], shape[2], 1];
  let total = 0;
  for (const { image, around, most } of channels) {
    let [sum, count] = [0, 0];
    for (let at = 0; at < borders.length; at += WORDS) {
      let i = 0;
      for (let axis = 0; axis < 3; axis++) {
        const place = borders[at + axis]!;
        i += neighbors[axis]! * (flip[axis] ? shape[axis]! - 1 - place : place);
      }
      const axis = borders[at + 3]!;
      const change = Math.abs(image[i]! - image[i + (flip[axis] ? -1 : 1) * neighbors[axis]!]!);
      if (!(change < Infinity)) continue;
      sum += Math.min(change, most);
      count++;
    }
    total += count === 0 ? 0 : sum / count / around;
  }
  return total / channels.length;
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
