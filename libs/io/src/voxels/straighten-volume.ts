/** A volume on sheared axes, resampled onto the grid with right angles that covers it. */
import { affineFrom, linearPart, invertAffine, shear } from '@voxelwise/volume';
import type { Grid, Matrix3, PerAxis, Volume, VoxelArray } from '@voxelwise/volume';
import { FormatError } from '../errors.ts';

/** A grid that is larger than this many times the sheared one is mostly empty. */
const MOST_GROWTH = 8;

type Vector = readonly [number, number, number];
const dot = (a: Vector, b: Vector): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const plus = (a: Vector, b: Vector, scale: number): Vector => [
  a[0] + scale * b[0],
  a[1] + scale * b[1],
  a[2] + scale * b[2],
];

/** Axes at right angles: of the two that are nearest to it the first is kept; the others lose what they share with those before. */
function rightAngled(axes: readonly Vector[]): readonly Vector[] {
  const cosine = (a: number, b: number): number =>
    Math.abs(dot(axes[a]!, axes[b]!)) / Math.sqrt(dot(axes[a]!, axes[a]!) * dot(axes[b]!, axes[b]!));
  // Ties go to the axes that vary fastest: the planes of a stack stay as they are.
  const pairs: readonly (readonly [number, number])[] = [
    [2, 1],
    [2, 0],
    [1, 0],
  ];
  const [a, b] = pairs.reduce((best, pair) => (cosine(...pair) < cosine(...best) - 1e-9 ? pair : best));
  const straight: Vector[] = [...axes];
  straight[b] = plus(axes[b]!, axes[a]!, -dot(axes[a]!, axes[b]!) / dot(axes[a]!, axes[a]!));
  const c = 3 - a - b;
  straight[c] = [a, b].reduce(
    (rest, i) => plus(rest, straight[i]!, -dot(rest, straight[i]!) / dot(straight[i]!, straight[i]!)),
    axes[c]!,
  );
  return straight;
}

/** The grid with right angles that holds every voxel of a sheared one. */
export function straightGrid({ shape, affine }: Grid): Grid {
  const linear = linearPart(affine);
  const column = (axis: number): Vector => [linear[axis]!, linear[3 + axis]!, linear[6 + axis]!];
  const axes = rightAngled([0, 1, 2].map(column));
  const low = [0, 0, 0];
  const high = [0, 0, 0];
  for (let corner = 0; corner < 8; corner++) {
    const at = [0, 1, 2].reduce<Vector>(
      (sum, axis) => ((corner >> axis) & 1 ? plus(sum, column(axis), shape[axis]! - 1) : sum),
      [0, 0, 0],
    );
    for (const [i, axis] of axes.entries()) {
      const steps = dot(at, axis) / dot(axis, axis);
      low[i] = Math.min(low[i]!, Math.floor(steps + 1e-6));
      high[i] = Math.max(high[i]!, Math.ceil(steps - 1e-6));
    }
  }
  const origin = axes.reduce<Vector>((sum, axis, i) => plus(sum, axis, low[i]!), [affine[3]!, affine[7]!, affine[11]!]);
  const matrix = [0, 1, 2].flatMap((row) => axes.map((axis) => axis[row]!)) as unknown as Matrix3;
  return {
    shape: [0, 1, 2].map((i) => high[i]! - low[i]! + 1) as unknown as PerAxis,
    affine: affineFrom(matrix, origin),
  };
}

/**
 * Resamples a sheared volume onto `straightGrid`: intensities by linear interpolation, labels from the nearest voxel. What lies
 * outside gets the lowest value of its channel, in labels 0. A volume that is straight within rounding is returned as it is.
 *
 * Shape: [C, z, y, x] → [C, z', y', x'], larger where the shear reaches out.
 * Throws: GeometryError if the affine is flat; FormatError if the shear is so strong that the straight grid is mostly empty.
 */
export function straightenVolume(volume: Volume): Volume {
  if (shear(volume.grid) <= 2e-3) return volume;
  const grid = straightGrid(volume.grid);
  const back = invertAffine(volume.grid.affine);
  const from = (v: Vector): Vector =>
    [0, 1, 2].map((row) => dot([back[row * 4]!, back[row * 4 + 1]!, back[row * 4 + 2]!], v)) as unknown as Vector;
  const a = grid.affine;
  const steps = [0, 1, 2].map((axis) => from([a[axis]!, a[4 + axis]!, a[8 + axis]!]));
  const origin = plus(from([a[3]!, a[7]!, a[11]!]), [back[3]!, back[7]!, back[11]!], 1);
  const make = volume.voxels.constructor as new (length: number) => VoxelArray;
  const [count, size] = [volume.grid.shape, grid.shape].map(([z, y, x]) => z * y * x) as [number, number];
  if (size > MOST_GROWTH * count)
    throw new FormatError(
      `straightenVolume: the axes are sheared so much that ${count} voxels would become ${size} (${grid.shape.join(' x ')}); the straight grid would be mostly empty: the affine is probably wrong.`,
      { field: 'geometry', details: { voxels: count, straight: size } },
    );
  const voxels = new make(volume.channels.length * size);
  for (let c = 0; c < volume.channels.length; c++) {
    const source = volume.voxels.subarray(c * count, (c + 1) * count);
    const outside = volume.kind === 'labels' ? 0 : lowest(source);
    const sample = sampler(source, volume.grid.shape, { nearest: volume.kind === 'labels', outside });
    let at = c * size;
    for (let z = 0; z < grid.shape[0]; z++)
      for (let y = 0; y < grid.shape[1]; y++) {
        const row = plus(plus(origin, steps[0]!, z), steps[1]!, y);
        for (let x = 0; x < grid.shape[2]; x++) voxels[at++] = sample(plus(row, steps[2]!, x));
      }
  }
  return { ...volume, grid, voxels };
}

function lowest(values: VoxelArray): number {
  let least = Infinity;
  for (const value of values) if (value < least) least = value;
  return least;
}

interface Sampling {
  readonly nearest: boolean;
  readonly outside: number;
}

/** Values between voxels, at places in array order. Whole numbers stay whole. */
function sampler(source: VoxelArray, shape: PerAxis, { nearest, outside }: Sampling): (at: Vector) => number {
  const whole = !(source instanceof Float32Array || source instanceof Float64Array);
  const strides = [shape[1] * shape[2], shape[2], 1];
  return (at) => {
    let first = 0;
    const fractions = [0, 0, 0];
    for (let i = 0; i < 3; i++) {
      const place = at[i]!;
      if (place < -1e-6 || place > shape[i]! - 1 + 1e-6) return outside;
      const inside = Math.min(shape[i]! - 1, Math.max(0, place));
      const low = nearest ? Math.round(inside) : Math.min(Math.floor(inside), Math.max(0, shape[i]! - 2));
      fractions[i] = nearest ? 0 : inside - low;
      first += low * strides[i]!;
    }
    let sum = 0;
    for (let corner = 0; corner < 8; corner++) {
      let [weight, index] = [1, first];
      for (let i = 0; i < 3; i++) {
        const upper = (corner >> i) & 1;
        weight *= upper ? fractions[i]! : 1 - fractions[i]!;
        index += upper * strides[i]!;
      }
      if (weight > 0) sum += weight * source[index]!;
    }
    return whole ? Math.round(sum) : sum;
  };
}
