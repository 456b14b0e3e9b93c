/** A cubic B-spline over an image, fitted to scattered values in one pass per call. Source: Lee, Wolberg and Shin 1997. */

/** Per position of an axis: the first of four control points, and their weights. */
interface AxisWeights {
  readonly first: Int32Array;
  readonly weights: Float64Array;
}

export class SplineMesh {
  readonly #space: readonly [number, number, number];
  readonly #control: readonly number[];
  readonly #axes: readonly AxisWeights[];
  readonly #places: readonly number[];
  readonly #sum: Float64Array;

  /** `cells` per axis span the image; `places`: flat voxel indices of the scattered values. */
  constructor(space: readonly [number, number, number], cells: readonly number[], places: readonly number[]) {
    this.#space = space;
    this.#control = cells.map((n) => n + 3);
    this.#axes = space.map((n, axis) => axisWeights(n, cells[axis]!));
    this.#places = places;
    this.#sum = new Float64Array(this.#control.reduce((a, b) => a * b, 1));
  }

  /** Fits the values, adds the fit to the mesh, and returns the fit at the places. */
  add(values: Float64Array): Float64Array {
    const weight = new Float64Array(64);
    const index = new Int32Array(64);
    const above = new Float64Array(this.#sum.length);
    const below = new Float64Array(this.#sum.length);
    this.#places.forEach((v, p) => {
      this.#around(v, weight, index);
      let squares = 0;
      for (let k = 0; k < 64; k++) squares += weight[k]! ** 2;
      for (let k = 0; k < 64; k++) {
        const square = weight[k]! ** 2;
        above[index[k]!]! += (square * weight[k]! * values[p]!) / squares;
        below[index[k]!]! += square;
      }
    });
    const fit = above.map((a, k) => (below[k]! > 0 ? a / below[k]! : 0));
    fit.forEach((f, k) => (this.#sum[k]! += f));
    return Float64Array.from(this.#places, (v) => {
      this.#around(v, weight, index);
      let sum = 0;
      for (let k = 0; k < 64; k++) sum += weight[k]! * fit[index[k]!]!;
      return sum;
    });
  }

  /** Adds the mesh's value at every voxel. */
  evaluate(onto: Float64Array): void {
    const weight = new Float64Array(64);
    const index = new Int32Array(64);
    for (let v = 0; v < onto.length; v++) {
      this.#around(v, weight, index);
      for (let k = 0; k < 64; k++) onto[v]! += weight[k]! * this.#sum[index[k]!]!;
    }
  }

  #around(v: number, weight: Float64Array, index: Int32Array): void {
    const [, ny, nx] = this.#space;
    const [, cy, cx] = this.#control as [number, number, number];
    const [az, ay, ax] = this.#axes as [AxisWeights, AxisWeights, AxisWeights];
    const x = v % nx;
    const y = Math.floor(v / nx) % ny;
    const z = Math.floor(v / (nx * ny));
    let k = 0;
    for (let a = 0; a < 4; a++)
      for (let b = 0; b < 4; b++) {
        const w = az.weights[z * 4 + a]! * ay.weights[y * 4 + b]!;
        const row = ((az.first[z]! + a) * cy + ay.first[y]! + b) * cx + ax.first[x]!;
        for (let c = 0; c < 4; c++, k++) {
          weight[k] = w * ax.weights[x * 4 + c]!;
          index[k] = row + c;
        }
      }
  }
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
