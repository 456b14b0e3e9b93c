/**
 * A cubic B-spline over an image, fitted to values at some voxels of a regular sub-grid, in one pass per call. Source: Lee, Wolberg and
 * Shin 1997. All its weights are products of one number per axis, so each pass goes along one axis after another.
 */

type Space = readonly [number, number, number];

/** Per position of an axis: the first of four control points, and four weights. */
interface AxisWeights {
  readonly first: Int32Array;
  readonly weights: Float64Array;
}

export class SplineMesh {
  readonly #control: Space;
  /** Every voxel of the image. */
  readonly #whole: readonly AxisWeights[];
  /** Positions of the sub-grid. */
  readonly #axes: readonly AxisWeights[];
  /** The same with w³ / Σ w². */
  readonly #cubes: readonly AxisWeights[];
  /** Σ w² over the places, at each control point. */
  readonly #squares: Float64Array;
  readonly #sum: Float64Array;

  /** `cells` per axis span the image; of every `steps`th voxel those count where `mask` is 1. */
  constructor(space: Space, cells: readonly number[], steps: readonly number[], mask: Float64Array) {
    this.#control = cells.map((n) => n + 3) as unknown as Space;
    this.#whole = space.map((n, axis) => axisWeights(n, cells[axis]!));
    this.#axes = this.#whole.map((axis, k) => every(axis, steps[k]!));
    this.#cubes = this.#axes.map((axis) => changed(axis, (w, squares) => w ** 3 / squares));
    const squared = this.#axes.map((axis) => changed(axis, (w) => w * w));
    this.#squares = gather(mask, squared, this.#control);
    this.#sum = new Float64Array(this.#squares.length);
  }

  /** Fits values on the sub-grid (0 outside the mask), adds the fit to the mesh, and returns the fit on the sub-grid. */
  add(values: Float64Array): Float64Array {
    const fit = gather(values, this.#cubes, this.#control).map((a, k) =>
      this.#squares[k]! > 0 ? a / this.#squares[k]! : 0,
    );
    fit.forEach((f, k) => (this.#sum[k]! += f));
    return spread(fit, this.#axes, this.#control);
  }

  /** Adds the mesh's value at every voxel. */
  evaluate(onto: Float64Array): void {
    spread(this.#sum, this.#whole, this.#control, onto);
  }
}

/** From positions to control points: each value goes to four of them per axis. */
function gather(values: Float64Array, axes: readonly AxisWeights[], control: Space): Float64Array {
  let data = values;
  const sizes = axes.map(({ first }) => first.length);
  for (const axis of [2, 1, 0]) {
    const [n, c] = [sizes[axis]!, control[axis]!];
    const { first, weights } = axes[axis]!;
    const inner = sizes.slice(axis + 1).reduce((a, b) => a * b, 1);
    const outer = sizes.slice(0, axis).reduce((a, b) => a * b, 1);
    const next = new Float64Array(outer * c * inner);
    for (let o = 0; o < outer; o++)
      for (let i = 0; i < n; i++)
        for (let k = 0, from = (o * n + i) * inner; k < inner; k++, from++) {
          const value = data[from]!;
          if (value === 0) continue;
          let to = (o * c + first[i]!) * inner + k;
          for (let j = 4 * i; j < 4 * i + 4; j++, to += inner) next[to]! += weights[j]! * value;
        }
    data = next;
    sizes[axis] = c;
  }
  return data;
}

/** From control points to positions; added to `onto` where that is given. */
function spread(
  points: Float64Array,
  axes: readonly AxisWeights[],
  control: Space,
  onto: Float64Array = new Float64Array(axes.reduce((product, { first }) => product * first.length, 1)),
): Float64Array {
  let data = points;
  const sizes: number[] = [...control];
  for (const axis of [0, 1, 2]) {
    const { first, weights } = axes[axis]!;
    const [n, c] = [first.length, sizes[axis]!];
    const inner = sizes.slice(axis + 1).reduce((a, b) => a * b, 1);
    const outer = sizes.slice(0, axis).reduce((a, b) => a * b, 1);
    const next = axis === 2 ? onto : new Float64Array(outer * n * inner);
    for (let o = 0; o < outer; o++)
      for (let i = 0; i < n; i++) {
        const w = 4 * i;
        const start = (o * c + first[i]!) * inner;
        for (let k = 0, to = (o * n + i) * inner; k < inner; k++, to++)
          next[to]! +=
            weights[w]! * data[start + k]! +
            weights[w + 1]! * data[start + inner + k]! +
            weights[w + 2]! * data[start + 2 * inner + k]! +
            weights[w + 3]! * data[start + 3 * inner + k]!;
      }
    data = next;
    sizes[axis] = n;
  }
  return data;
}

/** Other weights, made of each and the sum of squares of its four. */
function changed({ first, weights }: AxisWeights, change: (w: number, squares: number) => number): AxisWeights {
  const squaresOf = (k: number): number => {
    const start = k - (k % 4);
    return weights.subarray(start, start + 4).reduce((sum, w) => sum + w * w, 0);
  };
  return { first, weights: weights.map((w, k) => change(w, squaresOf(k))) };
}

/** Every `step`th position. */
function every({ first, weights }: AxisWeights, step: number): AxisWeights {
  const kept = [...first.keys()].filter((i) => i % step === 0);
  return {
    first: Int32Array.from(kept, (i) => first[i]!),
    weights: Float64Array.from(kept.flatMap((i) => [...weights.subarray(4 * i, 4 * i + 4)])),
  };
}

function axisWeights(n: number, cells: number): AxisWeights {
  const first = new Int32Array(n);
  const weights = new Float64Array(4 * n);
  for (let i = 0; i < n; i++) {
    const t = n === 1 ? cells / 2 : (i / (n - 1)) * cells;
    const low = Math.min(cells - 1, Math.floor(t));
    const u = t - low;
    first[i] = low;
    weights.set(
      [(1 - u) ** 3 / 6, (4 - 6 * u * u + 3 * u ** 3) / 6, (1 + 3 * u + 3 * u * u - 3 * u ** 3) / 6, u ** 3 / 6],
      4 * i,
    );
  }
  return { first, weights };
}
