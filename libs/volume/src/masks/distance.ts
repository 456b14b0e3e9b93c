/**
 * Exact Euclidean distance transform with anisotropic spacing, one axis after the other.
 *
 * Source: Felzenszwalb & Huttenlocher, "Distance transforms of sampled functions", Theory of Computing 8, 2012.
 */
import { GeometryError } from '../errors.ts';
import type { PerAxis } from '../volume.ts';

/** Neighboring columns that are swept together: their values share a few lines of the processor's cache. */
const COLUMNS = 16;

/** Buffers of the transform, kept between calls so that one after the other takes no more than the largest. */
export class DistanceBuffers {
  #steps: Uint16Array | Uint32Array = new Uint16Array(0);
  #block = new Float64Array(0);

  /** Room for `size` counts up to `most`; what they held before may still be there. */
  steps(size: number, most: number): Uint16Array | Uint32Array {
    const wide = most > 0xffff;
    if (this.#steps.length < size || (wide && this.#steps.BYTES_PER_ELEMENT === 2))
      this.#steps = wide ? new Uint32Array(size) : new Uint16Array(size);
    return this.#steps;
  }

  block(size: number): Float64Array {
    if (this.#block.length < size) this.#block = new Float64Array(size);
    return this.#block;
  }

  /** Makes room for each of these shapes. */
  reserve(shapes: readonly PerAxis[]): void {
    const most = (size: (shape: PerAxis) => number): number => Math.max(0, ...shapes.map(size));
    this.steps(
      most(([depth, height, width]) => depth * height * width),
      most(([, , width]) => width),
    );
    this.block(most(([depth, height]) => depth * height * COLUMNS));
  }

  /** Bytes that a transform of [z, y, x] takes. */
  static bytes([depth, height, width]: PerAxis): number {
    return depth * height * (width * (width > 0xffff ? 4 : 2) + COLUMNS * 8);
  }
}

/**
 * Takes squared distances of `count` neighboring voxels of a row, the first at index `voxel` of the volume: they stand in
 * `squared` from `at` on, until this returns.
 */
export type TakeDistances = (voxel: number, squared: Float64Array, at: number, count: number) => void;

/**
 * Squared distance in mm² from every voxel of [z, y, x] to the center of the nearest voxel where `mask` is not zero;
 * Infinity everywhere if there is none.
 *
 * Throws: GeometryError if the mask does not fill the shape or a spacing is not positive.
 */
export function squaredDistance(mask: ArrayLike<number>, shape: PerAxis, spacingMm: PerAxis = [1, 1, 1]): Float64Array {
  const all = new Float64Array(shape[0] * shape[1] * shape[2]);
  takeSquaredDistances(mask, shape, spacingMm, (voxel, squared, at, count) => {
    for (let i = 0; i < count; i++) all[voxel + i] = squared[at + i]!;
  });
  return all;
}

/**
 * The same distances without a volume of them: `take` gets every voxel once. A row comes from left to right, in pieces
 * between which there are pieces of other rows.
 *
 * Throws: GeometryError as `squaredDistance`.
 */
export function takeSquaredDistances(
  mask: ArrayLike<number>,
  shape: PerAxis,
  spacingMm: PerAxis,
  take: TakeDistances,
  buffers = new DistanceBuffers(),
): void {
  const [depth, height, width] = shape;
  const rows = depth * height;
  if (mask.length !== rows * width)
    throw new GeometryError(`squaredDistance: ${mask.length} voxels do not fill the shape [${shape.join(', ')}].`, {
      shape,
    });
  if (!spacingMm.every((s) => Number.isFinite(s) && s > 0))
    throw new GeometryError(`squaredDistance: spacing must be positive millimetres, came [${spacingMm.join(', ')}].`, {
      spacingMm,
    });
  const steps = buffers.steps(rows * width, width);
  alongRows(mask, steps, rows, width);
  // `width` steps stand for a row without any voxel of the mask.
  const squares = Float64Array.from({ length: width + 1 }, (_, n) =>
    n === width ? Infinity : n * spacingMm[2] * (n * spacingMm[2]),
  );
  const block = buffers.block(rows * COLUMNS);
  const [down, through] = [new Envelopes(height, spacingMm[1]), new Envelopes(depth, spacingMm[0])];
  for (let x = 0; x < width; x += COLUMNS) {
    const count = Math.min(COLUMNS, width - x);
    for (let row = 0; row < rows; row++)
      for (let i = 0; i < count; i++) block[row * COLUMNS + i] = squares[steps[row * width + x + i]!]!;
    for (let z = 0; z < depth; z++) down.sweep(block, z * height * COLUMNS, COLUMNS, count);
    for (let y = 0; y < height; y++) through.sweep(block, y * COLUMNS, height * COLUMNS, count);
    for (let row = 0; row < rows; row++) take(row * width + x, block, row * COLUMNS, count);
  }
}

/** The first axis is binary: two running counts are enough. */
function alongRows(mask: ArrayLike<number>, steps: Uint16Array | Uint32Array, rows: number, width: number): void {
  for (let row = 0; row < rows * width; row += width) {
    let away = width;
    for (let x = 0; x < width; x++) {
      away = mask[row + x] !== 0 ? 0 : Math.min(away + 1, width);
      steps[row + x] = away;
    }
    away = width;
    for (let x = width - 1; x >= 0; x--) {
      away = mask[row + x] !== 0 ? 0 : Math.min(away + 1, width);
      if (away < steps[row + x]!) steps[row + x] = away;
    }
  }
}

/** The lower envelopes of the parabolas f(i) + (step · (x - i))² over the samples of neighboring lines. */
class Envelopes {
  readonly #n: number;
  readonly #step2: number;
  readonly #lines: Float64Array;
  readonly #vertex: Int32Array;
  /** Vertex k is lowest from `#from[k]` on. */
  readonly #from: Float64Array;

  constructor(n: number, step: number) {
    this.#n = n;
    this.#step2 = step * step;
    this.#lines = new Float64Array(n * COLUMNS);
    this.#vertex = new Int32Array(n);
    this.#from = new Float64Array(n + 1);
  }

  /** Transforms `count` neighboring lines, in place; the samples of a line are `stride` apart. */
  sweep(values: Float64Array, offset: number, stride: number, count: number): void {
    const [n, lines] = [this.#n, this.#lines];
    if (n === 1) return;
    for (let i = 0, from = offset; i < n; i++, from += stride)
      for (let l = 0; l < count; l++) lines[l * n + i] = values[from + l]!;
    for (let l = 0; l < count; l++) this.#transform(l * n, values, offset + l, stride);
  }

  #transform(start: number, values: Float64Array, offset: number, stride: number): void {
    const [n, line, vertex, lowestFrom, step2] = [this.#n, this.#lines, this.#vertex, this.#from, this.#step2];
    const count = this.#build(start);
    if (count === 0) return;
    for (let i = 0, k = 0; i < n; i++) {
      while (k + 1 < count && lowestFrom[k + 1]! < i) k++;
      const v = vertex[k]!;
      values[offset + i * stride] = line[start + v]! + step2 * (i - v) * (i - v);
    }
  }

  #build(start: number): number {
    const [n, line, vertex, lowestFrom, step2] = [this.#n, this.#lines, this.#vertex, this.#from, this.#step2];
    let count = 0;
    for (let i = 0; i < n; i++) {
      const value = line[start + i]!;
      if (value === Infinity) continue;
      let from = -Infinity;
      while (count > 0) {
        const v = vertex[count - 1]!;
        from = (i + v) / 2 + (value - line[start + v]!) / (2 * step2 * (i - v));
        if (from > lowestFrom[count - 1]!) break;
        count--;
        from = -Infinity;
      }
      vertex[count] = i;
      lowestFrom[count] = from;
      count++;
    }
    return count;
  }
}
