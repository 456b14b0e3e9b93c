/**
 * How much a voxel of a window counts: a Gaussian around the window's center, so that seams do not show.
 * Source: nnU-Net v2, `compute_gaussian` (σ an eighth of the patch, scipy's truncation at four σ, float16 steps).
 */

/** Weights of a window, row-major; largest 10, none zero. With `rounded: false` without the reference's float16 steps. */
export function gaussianWeights(patch: readonly number[], { rounded = true } = {}): Float64Array {
  const axes = patch.map(axisProfile);
  let weights = new Float64Array([1]);
  for (const axis of axes) {
    const next = new Float64Array(weights.length * axis.length);
    weights.forEach((w, i) => axis.forEach((a, j) => (next[i * axis.length + j] = w * a)));
    weights = next;
  }
  let largest = 0;
  for (const w of weights) if (w > largest) largest = w;
  let smallest = Infinity;
  for (let k = 0; k < weights.length; k++) {
    const w = (weights[k]! / largest) * 10;
    weights[k] = rounded ? roundToHalf(w) : w;
    if (weights[k]! > 0 && weights[k]! < smallest) smallest = weights[k]!;
  }
  for (let k = 0; k < weights.length; k++) if (weights[k] === 0) weights[k] = smallest;
  return weights;
}

/** A unit impulse at n // 2 after a Gaussian filter of σ = n / 8; zero beyond four σ and outside. */
function axisProfile(n: number): Float64Array {
  const sigma = n / 8;
  const radius = Math.floor(4 * sigma + 0.5);
  const kernel = Float64Array.from({ length: radius + 1 }, (_, x) => Math.exp((-0.5 / (sigma * sigma)) * x * x));
  const sum = kernel.reduce((total, w, x) => total + (x === 0 ? w : 2 * w), 0);
  const center = n >> 1;
  return Float64Array.from({ length: n }, (_, i) =>
    Math.abs(i - center) <= radius ? kernel[Math.abs(i - center)]! / sum : 0,
  );
}

/** The nearest float16, ties to even. For 0 … 65504. */
function roundToHalf(x: number): number {
  if (x === 0) return 0;
  const exponent = Math.max(-14, Math.floor(Math.log2(x)));
  const unit = 2 ** (exponent - 10);
  const scaled = x / unit;
  const floor = Math.floor(scaled);
  const rest = scaled - floor;
  const up = rest > 0.5 || (rest === 0.5 && floor % 2 === 1);
  return (up ? floor + 1 : floor) * unit;
}
