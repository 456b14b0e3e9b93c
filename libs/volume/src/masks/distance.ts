/**
 * Exact Euclidean distance transform with anisotropic spacing, one axis after the other.
 *
 * Source: Felzenszwalb & Huttenlocher, "Distance transforms of sampled functions", Theory of Computing 8, 2012.
 */
import { GeometryError } from '../errors.ts';
import type { PerAxis } from '../volume.ts';

/**
 * Squared distance in mm² from every voxel of [z, y, x] to the center of the nearest voxel where `mask` is not zero;
 * Infinity everywhere if there is none.
 *
 * Throws: GeometryError if the mask does not fill the shape or a spacing is not positive.
 */
export function squaredDistance(mask: ArrayLike<number>, shape: PerAxis, spacingMm: PerAxis = [1, 1, 1]): Float64Array {
  const [depth, height, width] = shape;
  const size = depth * height * width;
  if (mask.length !== size)
    throw new GeometryError(`squaredDistance: ${mask.length} voxels do not fill the shape [${shape.join(', ')}].`, {
      shape,
    });
  if (!spacingMm.every((s) => Number.isFinite(s) && s > 0))
    throw new GeometryError(`squaredDistance: spacing must be positive millimetres, came [${spacingMm.join(', ')}].`, {
      spacingMm,
    });
  const squared = new Float64Array(size);
  alongRows(mask, squared, width, spacingMm[2]);
  const slice = height * width;
  for (let z = 0; z < depth; z++) new Envelope(height, spacingMm[1]).sweep(squared, z * slice, width, width);
  new Envelope(depth, spacingMm[0]).sweep(squared, 0, slice, slice);
  return squared;
}

/** The first axis is binary: two running counts are enough. */
function alongRows(mask: ArrayLike<number>, squared: Float64Array, width: number, step: number): void {
  for (let row = 0; row < squared.length; row += width) {
    let away = Infinity;
    for (let x = 0; x < width; x++) {
      away = mask[row + x] !== 0 ? 0 : away + 1;
      squared[row + x] = away;
    }
    away = Infinity;
    for (let x = width - 1; x >= 0; x--) {
      away = mask[row + x] !== 0 ? 0 : away + 1;
      const nearest = Math.min(away, squared[row + x]!) * step;
      squared[row + x] = nearest * nearest;
    }
  }
}

/** The lower envelope of the parabolas f(i) + (step · (x - i))² over the samples of one line. */
class Envelope {
  readonly #n: number;
  readonly #step2: number;
  readonly #line: Float64Array;
  readonly #vertex: Int32Array;
  /** Vertex k is lowest from `#from[k]` on. */
  readonly #from: Float64Array;

  constructor(n: number, step: number) {
    this.#n = n;
    this.#step2 = step * step;
    this.#line = new Float64Array(n);
    this.#vertex = new Int32Array(n);
    this.#from = new Float64Array(n + 1);
  }

  /** Transforms `lines` neighboring lines of stride `stride`, in place. */
  sweep(values: Float64Array, offset: number, lines: number, stride: number): void {
    if (this.#n === 1) return;
    for (let l = 0; l < lines; l++) this.#transform(values, offset + l, stride);
  }

  #transform(values: Float64Array, offset: number, stride: number): void {
    const line = this.#line;
    for (let i = 0; i < this.#n; i++) line[i] = values[offset + i * stride]!;
    const count = this.#build();
    if (count === 0) return;
    const step2 = this.#step2;
    for (let i = 0, k = 0; i < this.#n; i++) {
      while (k + 1 < count && this.#from[k + 1]! < i) k++;
      const v = this.#vertex[k]!;
      values[offset + i * stride] = line[v]! + step2 * (i - v) * (i - v);
    }
  }

  #build(): number {
    const line = this.#line;
    let count = 0;
    for (let i = 0; i < this.#n; i++) {
      if (line[i] === Infinity) continue;
      let from = -Infinity;
      while (count > 0) {
        const v = this.#vertex[count - 1]!;
        from = (i + v) / 2 + (line[i]! - line[v]!) / (2 * this.#step2 * (i - v));
        if (from > this.#from[count - 1]!) break;
        count--;
        from = -Infinity;
      }
      this.#vertex[count] = i;
      this.#from[count] = from;
      count++;
    }
    return count;
  }
}
