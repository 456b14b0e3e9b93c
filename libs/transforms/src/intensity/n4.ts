/**
 * N4 bias field correction: the log intensities' histogram is sharpened, what that leaves over is fitted by a smooth cubic
 * B-spline, again and again, with a mesh twice as fine at every level. Source: Tustison et al., "N4ITK: Improved N3 Bias
 * Correction", IEEE TMI 29(6), 2010; histogram sharpening: Sled et al. 1998; the spline fit: Lee et al. 1997.
 */
import { hostIntensity, perChannel } from '../contract/host.ts';
import type { Transform } from '../contract/transform.ts';
import { TransformError } from '../errors.ts';
import { SplineMesh } from './spline-mesh.ts';
import { sharpened, type SharpeningSettings } from './histogram-sharpening.ts';

export interface N4Parameters extends SharpeningSettings {
  /** Most iterations of each level; as many levels as numbers. */
  readonly iterations: readonly number[];
  /** A level ends when the field changes by less than this (coefficient of variation of the ratio of fields). */
  readonly convergence: number;
  /** Spline cells per axis at the first level; they double with each. */
  readonly cells: readonly number[];
  /** Every how manieth voxel along each axis the field is found from. */
  readonly shrink: number;
  /** Only voxels above this count; the others are corrected along. Must be at least 0: logarithms are taken. */
  readonly above: number;
}

export const n4Application = hostIntensity<N4Parameters>('n4', (voxels, parameters) => {
  const space = [voxels.shape[1], voxels.shape[2], voxels.shape[3]] as const;
  return perChannel(voxels, (channel) => {
    const field = n4Field(channel, space, parameters);
    return channel.map((x, v) => x / field[v]!);
  });
});

/** The multiplicative bias field of one channel [z, y, x]; its mean logarithm over the foreground is 0. All 1 where there is nothing to correct. */
export function n4Field(
  channel: ArrayLike<number>,
  space: readonly [number, number, number],
  { iterations, convergence, cells, shrink, above, ...sharpening }: N4Parameters,
): Float64Array {
  // A single slice keeps all of its one plane.
  const steps = space.map((n) => Math.max(1, Math.min(shrink, Math.floor(n / 8))));
  const places: number[] = [];
  // Where each place lies on the sub-grid.
  const dense: number[] = [];
  let at = 0;
  for (let z = 0; z < space[0]; z += steps[0]!)
    for (let y = 0; y < space[1]; y += steps[1]!)
      for (let x = 0; x < space[2]; x += steps[2]!, at++) {
        const v = (z * space[1] + y) * space[2] + x;
        if (!(channel[v]! > above)) continue;
        places.push(v);
        dense.push(at);
      }
  const total = new Float64Array(space[0] * space[1] * space[2]);
  const logs = Float64Array.from(places, (v) => Math.log(channel[v]!));
  const range = logs.reduce(([low, high], x) => [Math.min(low, x), Math.max(high, x)] as const, [
    Infinity,
    -Infinity,
  ] as const);
  if (!(range[1] > range[0])) return total.fill(1);
  const bias = new Float64Array(logs.length);
  const mask = new Float64Array(at);
  for (const d of dense) mask[d] = 1;
  const values = new Float64Array(at);
  iterations.forEach((most, level) => {
    const mesh = new SplineMesh(
      space,
      cells.map((n) => n * 2 ** level),
      steps,
      mask,
    );
    for (let k = 0; k < most; k++) {
      const flat = logs.map((x, p) => x - bias[p]!);
      const peaks = sharpened(flat, sharpening);
      dense.forEach((d, p) => (values[d] = flat[p]! - peaks[p]!));
      const fit = mesh.add(values);
      const change = Float64Array.from(dense, (d) => fit[d]!);
      change.forEach((c, p) => (bias[p]! += c));
      if (variation(change) < convergence) break;
    }
    mesh.evaluate(total);
  });
  const mean = bias.reduce((a, b) => a + b, 0) / bias.length;
  return total.map((x) => Math.exp(x - mean));
}

/** Coefficient of variation of exp(change). */
function variation(change: Float64Array): number {
  let [sum, squares] = [0, 0];
  for (const c of change) {
    const ratio = Math.exp(c);
    sum += ratio;
    squares += ratio * ratio;
  }
  const mean = sum / change.length;
  return Math.sqrt(Math.max(0, squares / change.length - mean * mean)) / mean;
}

/** Removes slow changes of brightness, as of an MRI coil. Defaults as in ITK's N4, on every second voxel. */
export function n4({
  iterations = [50, 50, 50, 50],
  convergence = 0.001,
  cells = [1, 1, 1],
  shrink = 2,
  above = 0,
  bins = 200,
  fullWidth = 0.15,
  noise = 0.01,
}: Partial<N4Parameters> = {}): Transform<N4Parameters> {
  const whole = (n: number): boolean => Number.isInteger(n) && n >= 1;
  if (iterations.length === 0 || ![...iterations, ...cells, shrink].every(whole) || cells.length !== 3)
    throw new TransformError(
      `n4: iterations, three cells and shrink are whole numbers of at least 1, came [${iterations.join(', ')}], [${cells.join(', ')}] and ${shrink}.`,
      { iterations, cells, shrink },
    );
  if (!(convergence > 0 && above >= 0 && whole(bins) && bins >= 3 && fullWidth > 0 && noise > 0))
    throw new TransformError(
      `n4: expects convergence, fullWidth and noise above 0, above of at least 0 and at least 3 bins; came ${convergence}, ${fullWidth}, ${noise}, ${above} and ${bins}.`,
      { convergence, fullWidth, noise, above, bins },
    );
  return {
    ...n4Application,
    measures: false,
    sample: () => ({ iterations, convergence, cells, shrink, above, bins, fullWidth, noise }),
  };
}
