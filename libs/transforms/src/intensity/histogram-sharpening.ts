/** Log intensities drawn toward the peaks of their histogram, as if a Gaussian blur of it were undone. Source: Sled et al. 1998. */
import { forward, realInverse, type Spectrum } from './fourier.ts';

export interface SharpeningSettings {
  readonly bins: number;
  /** Full width at half maximum of the Gaussian, in units of the logarithm. */
  readonly fullWidth: number;
  /** Of the Wiener filter. */
  readonly noise: number;
}

export function sharpened(values: Float64Array, { bins, fullWidth, noise }: SharpeningSettings): Float64Array {
  let [low, high] = [Infinity, -Infinity];
  for (const x of values) {
    low = Math.min(low, x);
    high = Math.max(high, x);
  }
  if (!(high > low)) return Float64Array.from(values);
  const step = (high - low) / (bins - 1);
  // Room on both sides, so that what wraps around does not matter.
  const size = 2 ** (Math.ceil(Math.log2(bins)) + 1);
  const offset = (size - bins) >> 1;
  const histogram = new Float64Array(size);
  for (const x of values) {
    const place = (x - low) / step;
    const bin = Math.min(bins - 2, Math.floor(place));
    histogram[offset + bin]! += 1 - (place - bin);
    histogram[offset + bin + 1]! += place - bin;
  }
  const width = fullWidth / step;
  const gaussian = Float64Array.from({ length: size }, (_, k) => {
    const n = Math.min(k, size - k);
    return (2 * Math.sqrt(Math.LN2 / Math.PI) * Math.exp((-4 * Math.LN2 * n * n) / (width * width))) / width;
  });
  const shape = [1, 1, size] as const;
  // The Gaussian is even: its spectrum is real.
  const kernel = forward(gaussian, shape).re;
  const filtered = (data: Float64Array, filter: (k: number) => number): Float64Array => {
    const { re, im } = forward(data, shape);
    const spectrum: Spectrum = {
      re: re.map((value, k) => value * filter(k)),
      im: im.map((value, k) => value * filter(k)),
      shape,
    };
    return Float64Array.from(realInverse(spectrum));
  };
  const sharp = filtered(histogram, (k) => kernel[k]! / (kernel[k]! ** 2 + noise)).map((x) => Math.max(0, x));
  const valueOf = (k: number): number => low + (k - offset) * step;
  const weighted = filtered(
    sharp.map((x, k) => x * valueOf(k)),
    (k) => kernel[k]!,
  );
  const weights = filtered(sharp, (k) => kernel[k]!);
  const greatest = weights.reduce((a, b) => Math.max(a, b), 0);
  // The expected true value of each bin; a bin that nothing reaches keeps its own.
  const expected = weights.map((w, k) => (w > 1e-10 * greatest ? weighted[k]! / w : valueOf(k)));
  return values.map((x) => {
    const place = (x - low) / step;
    const bin = Math.min(bins - 2, Math.floor(place));
    return expected[offset + bin]! * (1 - (place - bin)) + expected[offset + bin + 1]! * (place - bin);
  });
}
