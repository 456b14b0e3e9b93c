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

/** Lines that are transformed together: their values at one position lie side by side. */
const TOGETHER = 16;

function alongAxis({ re, im, shape }: Spectrum, axis: number, sign: 1 | -1): void {
  const n = shape[axis]!;
  if (n === 1) return;
  const inner = shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  const lines = re.length / n;
  const stages = stagesOf(n, sign);
  let here: Pair = [new Float64Array(n * TOGETHER), new Float64Array(n * TOGETHER)];
  let there: Pair = [new Float64Array(n * TOGETHER), new Float64Array(n * TOGETHER)];
  const starts = new Int32Array(TOGETHER);
  for (let line = 0; line < lines; line += TOGETHER) {
    const width = Math.min(TOGETHER, lines - line);
    for (let w = 0; w < width; w++) {
      const outer = Math.floor((line + w) / inner);
      starts[w] = outer * n * inner + (line + w - outer * inner);
    }
    for (let k = 0, to = 0; k < n; k++)
      for (let w = 0; w < width; w++, to++) {
        here[0][to] = re[starts[w]! + k * inner]!;
        here[1][to] = im[starts[w]! + k * inner]!;
      }
    for (const stage of stages) {
      combine(here, there, stage, n, width);
      [here, there] = [there, here];
    }
    for (let k = 0, from = 0; k < n; k++)
      for (let w = 0; w < width; w++, from++) {
        re[starts[w]! + k * inner] = here[0][from]!;
        im[starts[w]! + k * inner] = here[1][from]!;
      }
  }
}

type Pair = [re: Float64Array, im: Float64Array];

/** One factor of the length: transforms of `done` values become transforms of `factor` times as many. */
interface Stage {
  readonly done: number;
  readonly factor: number;
  /** Turns [j][s][q]: value q of frequency j + s · done. */
  readonly cos: Float64Array;
  readonly sin: Float64Array;
}

function stagesOf(n: number, sign: 1 | -1): Stage[] {
  const stages: Stage[] = [];
  for (let done = 1; done < n;) {
    const factor = smallestFactor(n / done);
    const cos = new Float64Array(done * factor * factor);
    const sin = new Float64Array(cos.length);
    for (let j = 0, at = 0; j < done; j++)
      for (let s = 0; s < factor; s++)
        for (let q = 0; q < factor; q++, at++) {
          const angle = (2 * Math.PI * ((q * (j + s * done)) % (done * factor))) / (done * factor);
          cos[at] = Math.cos(angle);
          sin[at] = sign * Math.sin(angle);
        }
    stages.push({ done, factor, cos, sin });
    done *= factor;
  }
  return stages;
}

/**
 * Stockham's step (Van Loan 1992): frequency j of the subsequence that begins at p and takes every mth value stands at j · m + p, before
 * and after; nothing has to be put in order at the end. A prime length is summed as defined.
 */
function combine(
  [re, im]: Pair,
  [toRe, toIm]: Pair,
  { done, factor, cos, sin }: Stage,
  n: number,
  width: number,
): void {
  const before = (n / done) * width;
  const after = before / factor;
  for (let j = 0; j < done; j++) {
    const from = j * before;
    if (factor === 2) {
      const [c, d] = [cos[4 * j + 1]!, sin[4 * j + 1]!];
      const [low, high] = [j * after, (j + done) * after];
      for (let k = 0; k < after; k++) {
        const x = re[from + after + k]!;
        const y = im[from + after + k]!;
        const a = x * c - y * d;
        const b = x * d + y * c;
        toRe[low + k] = re[from + k]! + a;
        toIm[low + k] = im[from + k]! + b;
        toRe[high + k] = re[from + k]! - a;
        toIm[high + k] = im[from + k]! - b;
      }
      continue;
    }
    for (let s = 0; s < factor; s++) {
      const to = (j + s * done) * after;
      toRe.fill(0, to, to + after);
      toIm.fill(0, to, to + after);
      for (let q = 0; q < factor; q++) {
        const [c, d] = [cos[(j * factor + s) * factor + q]!, sin[(j * factor + s) * factor + q]!];
        const source = from + q * after;
        for (let k = 0; k < after; k++) {
          const x = re[source + k]!;
          const y = im[source + k]!;
          toRe[to + k]! += x * c - y * d;
          toIm[to + k]! += x * d + y * c;
        }
      }
    }
  }
}

function smallestFactor(n: number): number {
  for (let f = 2; f * f <= n; f++) if (n % f === 0) return f;
  return n;
}
