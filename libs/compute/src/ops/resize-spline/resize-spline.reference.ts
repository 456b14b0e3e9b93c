/** Axis by axis, line by line: pad by 12 edge samples, prefilter with half-sample symmetric ends, evaluate four taps. */
import type { ReferenceKernel } from '../../op/op.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { ResizeSplineOptions } from './resize-spline.ts';

const PADDING = 12;
const POLE = Math.sqrt(3) - 2;

export const reference: ReferenceKernel<{ x: Tensor }, ResizeSplineOptions> = (
  { x },
  { shape, order, separateAxis },
  [y],
) => {
  const from = x.shape.slice(1);
  const voxels = from[0]! * from[1]! * from[2]!;
  const outVoxels = shape[0] * shape[1] * shape[2];
  for (let c = 0; c < x.shape[0]!; c++) {
    const source = Float64Array.from(x.data.subarray(c * voxels, (c + 1) * voxels));
    y!.data.set(
      separateAxis < 0
        ? clipTo(source, resizeAxes(source, from, shape, order, [0, 1, 2]))
        : resizeSlices(source, from, shape, order, separateAxis),
      c * outVoxels,
    );
  }
};

function resizeSlices(
  source: Float64Array,
  from: readonly number[],
  shape: readonly number[],
  order: number,
  axis: number,
): Float64Array {
  const plane = [0, 1, 2].filter((a) => a !== axis);
  const between = from.map((n, a) => (a === axis ? n : shape[a]!));
  const result = new Float64Array(between[0]! * between[1]! * between[2]!);
  for (let k = 0; k < from[axis]!; k++) {
    const one = from.map((n, a) => (a === axis ? 1 : n));
    const slice = take(source, from, axis, k);
    put(
      result,
      between,
      axis,
      k,
      clipTo(
        slice,
        resizeAxes(
          slice,
          one,
          between.map((n, a) => (a === axis ? 1 : n)),
          order,
          plane,
        ),
      ),
    );
  }
  return resizeAxes(result, between, shape, 0, [axis]);
}

function resizeAxes(
  source: Float64Array,
  from: readonly number[],
  to: readonly number[],
  order: number,
  axes: readonly number[],
): Float64Array {
  let data = source;
  const shape = [...from];
  for (const axis of axes) {
    const [n, m] = [shape[axis]!, to[axis]!];
    const inner = shape.slice(axis + 1).reduce((a, b) => a * b, 1);
    const outer = shape.slice(0, axis).reduce((a, b) => a * b, 1);
    const next = new Float64Array(outer * m * inner);
    for (let o = 0; o < outer; o++)
      for (let i = 0; i < inner; i++) {
        const line = Float64Array.from({ length: n }, (_, k) => data[(o * n + k) * inner + i]!);
        resizeLine(line, m, order).forEach((value, k) => (next[(o * m + k) * inner + i] = value));
      }
    data = next;
    shape[axis] = m;
  }
  return data;
}

/** One line of n samples to m. */
export function resizeLine(line: Float64Array, m: number, order: number): Float64Array {
  const n = line.length;
  const coefficients = order === 3 ? prefilter(line) : line;
  return Float64Array.from({ length: m }, (_, i) => {
    const t = (i + 0.5) * (n / m) - 0.5;
    if (order === 0) return line[Math.min(n - 1, Math.max(0, Math.floor(t + 0.5)))]!;
    if (order === 1) {
      const inside = Math.min(n - 1, Math.max(0, t));
      const k = Math.min(Math.floor(inside), Math.max(0, n - 2));
      const u = inside - k;
      return line[k]! * (1 - u) + (n > 1 ? line[k + 1]! * u : 0);
    }
    const k = Math.floor(t);
    const u = t - k;
    const v = 1 - u;
    const at = k + PADDING;
    return (
      coefficients[at - 1]! * ((v * v * v) / 6) +
      coefficients[at]! * ((4 - 6 * u * u + 3 * u * u * u) / 6) +
      coefficients[at + 1]! * ((4 - 6 * v * v + 3 * v * v * v) / 6) +
      coefficients[at + 2]! * ((u * u * u) / 6)
    );
  });
}

/** Cubic B-spline coefficients of the line, with PADDING edge samples on either side. */
function prefilter(line: Float64Array): Float64Array {
  const n = line.length + 2 * PADDING;
  const c = Float64Array.from({ length: n }, (_, k) => 6 * line[Math.min(line.length - 1, Math.max(0, k - PADDING))]!);
  // Sum over the half-sample symmetric extension to the left of the first sample.
  const whole = POLE ** n;
  let power = POLE;
  let sum = c[0]! + whole * c[n - 1]!;
  for (let k = 1; k < n; k++, power *= POLE) sum += power * (c[k]! + whole * c[n - 1 - k]!);
  c[0] = c[0]! + (sum * POLE) / (1 - whole * whole);
  for (let k = 1; k < n; k++) c[k]! += POLE * c[k - 1]!;
  c[n - 1]! *= POLE / (POLE - 1);
  for (let k = n - 2; k >= 0; k--) c[k] = POLE * (c[k + 1]! - c[k]!);
  return c;
}

function clipTo(range: Float64Array, values: Float64Array): Float64Array {
  let low = Infinity;
  let high = -Infinity;
  for (const value of range) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return values.map((value) => Math.min(high, Math.max(low, value)));
}

function take(data: Float64Array, shape: readonly number[], axis: number, k: number): Float64Array {
  const inner = shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  const outer = shape.slice(0, axis).reduce((a, b) => a * b, 1);
  const slice = new Float64Array(outer * inner);
  for (let o = 0; o < outer; o++)
    slice.set(data.subarray((o * shape[axis]! + k) * inner, (o * shape[axis]! + k + 1) * inner), o * inner);
  return slice;
}

function put(data: Float64Array, shape: readonly number[], axis: number, k: number, slice: Float64Array): void {
  const inner = shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  const outer = shape.slice(0, axis).reduce((a, b) => a * b, 1);
  for (let o = 0; o < outer; o++) data.set(slice.subarray(o * inner, (o + 1) * inner), (o * shape[axis]! + k) * inner);
}
