/**
 * Spline interpolation along one axis as a sparse matrix, worked out on the host in float64. The recursive prefilter of cubic
 * splines is written as the symmetric filter it is, c[i] = Σ √3 · pole^|k| · x[i + k], cut off where a weight no longer
 * reaches the last bit of a float32: unlike the recursion, every element is then independent of the others.
 * Source: Unser 1993.
 */
import { fromEntries, type AxisWeights } from '../resample-axis/axis-weights.ts';

const POLE = Math.sqrt(3) - 2;
/** |pole|^17 is 2e-10. */
const REACH = 16;
const FILTER = Array.from({ length: 2 * REACH + 1 }, (_, k) => Math.sqrt(3) * POLE ** Math.abs(k - REACH));

/** From samples, of which the outermost go on forever, to cubic B-spline coefficients. */
export function coefficientWeights(n: number): AxisWeights {
  return fromEntries(
    n,
    n,
    Array.from({ length: n }, (_, i) => clampedRow(n, i - REACH, n === 1 ? [1] : FILTER)),
  );
}

/** From n samples to m values of the spline of order 0, 1 or 3 with pixel edges aligned, as `resizeSpline` defines it. */
export function splineWeights(n: number, m: number, order: 0 | 1 | 3): AxisWeights {
  return fromEntries(
    n,
    m,
    Array.from({ length: m }, (_, i) => {
      const t = (i + 0.5) * (n / m) - 0.5;
      if (n === m) return [[i, 1]];
      if (order === 0) return [[Math.min(n - 1, Math.max(0, Math.floor(t + 0.5))), 1]];
      const low = Math.floor(t);
      const u = t - low;
      const v = 1 - u;
      if (order === 1) return clampedRow(n, low, [v, u]);
      const taps = [v ** 3 / 6, (4 - 6 * u * u + 3 * u ** 3) / 6, (4 - 6 * v * v + 3 * v ** 3) / 6, u ** 3 / 6];
      const both = new Array<number>(FILTER.length + 3).fill(0);
      taps.forEach((tap, j) => FILTER.forEach((weight, k) => (both[j + k]! += tap * weight)));
      return clampedRow(n, low - 1 - REACH, both);
    }),
  );
}

/** Weights of the positions from `first` on; those outside fall to the outermost positions. */
function clampedRow(n: number, first: number, weights: readonly number[]): (readonly [number, number])[] {
  const row = new Map<number, number>();
  weights.forEach((weight, k) => {
    const column = Math.min(n - 1, Math.max(0, first + k));
    row.set(column, (row.get(column) ?? 0) + weight);
  });
  return [...row].filter(([, weight]) => weight !== 0);
}
