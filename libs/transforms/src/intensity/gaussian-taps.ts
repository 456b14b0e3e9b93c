/** Gaussian kernels as lists of taps. */

/** The error function (Abramowitz & Stegun 7.1.26 is too coarse: series below 3, continued fraction above). */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (a > 6) return Math.sign(x);
  if (a < 3) {
    let term = a;
    let sum = a;
    for (let n = 1; n < 100 && Math.abs(term) > 1e-18; n++) {
      term *= (-a * a) / n;
      sum += term / (2 * n + 1);
    }
    return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI);
  }
  let fraction = 0;
  for (let n = 60; n > 0; n--) fraction = n / 2 / (a + fraction);
  return Math.sign(x) * (1 - Math.exp(-a * a) / (Math.sqrt(Math.PI) * (a + fraction)));
}

const tailOf = (sigma: number, truncated: number): number => Math.trunc(Math.max(sigma * truncated, 0.5) + 0.5);

/** MONAI's default: the integral of the Gaussian over each voxel, cut at `truncated` sigmas, not normalized. */
export function erfTaps(sigma: number, truncated = 4): number[] {
  const tail = tailOf(sigma, truncated);
  const t = 0.70710678 / Math.abs(sigma);
  return Array.from({ length: 2 * tail + 1 }, (_, k) =>
    Math.max(0, 0.5 * (erf(t * (k - tail + 0.5)) - erf(t * (k - tail - 0.5)))),
  );
}

/** The Gaussian at whole voxels, normalized to sum 1. */
export function sampledTaps(sigma: number, truncated = 4): number[] {
  if (sigma === 0) return [1];
  const tail = tailOf(sigma, truncated);
  const taps = Array.from({ length: 2 * tail + 1 }, (_, k) => Math.exp(-((k - tail) ** 2) / (2 * sigma * sigma)));
  const sum = taps.reduce((a, b) => a + b, 0);
  return taps.map((tap) => tap / sum);
}

/** Lindeberg's discrete scale space: e^-t I_k(t), t = sigma². */
export function scaleSpaceTaps(sigma: number, truncated = 4): number[] {
  const tail = tailOf(sigma, truncated);
  const t = sigma * sigma;
  const bessel = (k: number): number => {
    let term = 1;
    for (let j = 1; j <= k; j++) term *= t / 2 / j;
    let sum = term;
    for (let m = 1; m < 200; m++) {
      term *= (t * t) / 4 / (m * (m + k));
      sum += term;
    }
    return sum * Math.exp(-t);
  };
  const side = Array.from({ length: tail + 1 }, (_, k) => bessel(k));
  return [...side.slice(1).reverse(), ...side];
}
