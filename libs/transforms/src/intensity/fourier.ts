/** Discrete Fourier transforms of volumes on the host, float64, any size. */

/** Real and imaginary parts, row-major over [z, y, x]. */
export interface Spectrum {
  readonly re: Float64Array;
  readonly im: Float64Array;
  readonly shape: readonly [number, number, number];
}

export function forward(data: ArrayLike<number>, shape: readonly [number, number, number]): Spectrum {
  const spectrum = { re: Float64Array.from(data), im: new Float64Array(data.length), shape };
  for (let axis = 0; axis < 3; axis++) alongAxis(spectrum, axis, -1);
  return spectrum;
}

/** The real part of the inverse transform; the spectrum is used up. */
export function realInverse(spectrum: Spectrum): Float64Array {
  for (let axis = 0; axis < 3; axis++) alongAxis(spectrum, axis, 1);
  const scale = 1 / spectrum.re.length;
  return spectrum.re.map((value) => value * scale);
}

/** Index of frequency position `p` in a centered spectrum (zero frequency at floor(n / 2)) within the plain order. */
export const uncentered = (p: number, n: number): number => (((p - Math.floor(n / 2)) % n) + n) % n;

function alongAxis({ re, im, shape }: Spectrum, axis: number, sign: 1 | -1): void {
  const n = shape[axis]!;
  if (n === 1) return;
  const inner = shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  const outer = shape.slice(0, axis).reduce((a, b) => a * b, 1);
  const lineRe = new Float64Array(n);
  const lineIm = new Float64Array(n);
  const cos = Float64Array.from({ length: n }, (_, k) => Math.cos((2 * Math.PI * k) / n));
  const sin = Float64Array.from({ length: n }, (_, k) => sign * Math.sin((2 * Math.PI * k) / n));
  for (let o = 0; o < outer; o++)
    for (let i = 0; i < inner; i++) {
      for (let k = 0; k < n; k++) {
        lineRe[k] = re[(o * n + k) * inner + i]!;
        lineIm[k] = im[(o * n + k) * inner + i]!;
      }
      const [a, b] = line(lineRe, lineIm, n, 1, 0, cos, sin, n);
      for (let k = 0; k < n; k++) {
        re[(o * n + k) * inner + i] = a[k]!;
        im[(o * n + k) * inner + i] = b[k]!;
      }
    }
}

/** Mixed radix, smallest factor first (Cooley & Tukey 1965); a prime length is summed as defined. */
function line(
  re: Float64Array,
  im: Float64Array,
  n: number,
  stride: number,
  offset: number,
  cos: Float64Array,
  sin: Float64Array,
  whole: number,
): [Float64Array, Float64Array] {
  const outRe = new Float64Array(n);
  const outIm = new Float64Array(n);
  const factor = smallestFactor(n);
  const m = n / factor;
  const unit = whole / n;
  const parts =
    m === 1
      ? []
      : Array.from({ length: factor }, (_, r) =>
          line(re, im, m, stride * factor, offset + r * stride, cos, sin, whole),
        );
  for (let k = 0; k < n; k++) {
    let a = 0;
    let b = 0;
    for (let r = 0; r < factor; r++) {
      const x = m === 1 ? re[offset + r * stride]! : parts[r]![0][k % m]!;
      const y = m === 1 ? im[offset + r * stride]! : parts[r]![1][k % m]!;
      const t = ((r * k) % n) * unit;
      a += x * cos[t]! - y * sin[t]!;
      b += x * sin[t]! + y * cos[t]!;
    }
    outRe[k] = a;
    outIm[k] = b;
  }
  return [outRe, outIm];
}

function smallestFactor(n: number): number {
  for (let f = 2; f * f <= n; f++) if (n % f === 0) return f;
  return n;
}
