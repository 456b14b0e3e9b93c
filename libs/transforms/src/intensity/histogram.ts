/** Histograms and order statistics, applied on the host: equalization, shifts, landmarks, matching, thresholds. */
import type { Rng } from '@voxelwise/compute';
import { type Application, type Scene, type Transform } from '../contract/transform.ts';
import { hostIntensity, perChannel, readVoxels, type HostVoxels } from '../contract/host.ts';
import { TransformError } from '../errors.ts';
import { measureHistogram, percentilesPerChannel } from './range.ts';

const fixed = <P>(
  application: Application<P>,
  sample: (scene: Scene, rng: Rng) => P | Promise<P>,
  measures = false,
): Transform<P> => ({ ...application, measures, sample });

/** Piecewise linear through (xs, ys), xs ascending; the ends go on flat. */
export function interpolate(x: number, xs: ArrayLike<number>, ys: ArrayLike<number>): number {
  const n = xs.length;
  if (x <= xs[0]!) return ys[0]!;
  if (x >= xs[n - 1]!) return ys[n - 1]!;
  let low = 0;
  let high = n - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (xs[middle]! <= x) low = middle;
    else high = middle;
  }
  return ys[low]! + ((ys[high]! - ys[low]!) * (x - xs[low]!)) / (xs[high]! - xs[low]!);
}

export interface EqualizeParameters {
  readonly bins: number;
  readonly to: readonly [number, number];
}
export const equalizeApplication = hostIntensity<EqualizeParameters>(
  'equalize',
  async ({ data }, { bins, to }, { voxels }) => {
    const { counts, edges } = await measureHistogram('equalize', voxels, bins);
    const centers = Float64Array.from(counts, (_, k) => (edges[k]! + edges[k + 1]!) / 2);
    let sum = 0;
    const share = Float64Array.from(counts, (count) => (sum += count));
    const [first, last] = [share[0]!, share[bins - 1]!];
    const cumulative = share.map((value) => ((value - first) / (last - first || 1)) * (to[1] - to[0]) + to[0]);
    return data.map((value) => interpolate(value, centers, cumulative));
  },
);
/** Histogram equalization onto a range, by the histogram of all channels together. Throws: TransformError for values that are not finite. */
export const equalize = ({
  bins = 256,
  to = [0, 255],
}: { readonly bins?: number; readonly to?: readonly [number, number] } = {}): Transform<EqualizeParameters> =>
  fixed(equalizeApplication, () => ({ bins, to }));

export interface CurveParameters {
  /** Both in shares of the image's own range, ascending. */
  readonly from: readonly number[];
  readonly to: readonly number[];
}
export const curveApplication = hostIntensity<CurveParameters>('curve', ({ data }, { from, to }) => {
  const [low, high] = extremes(data);
  const xs = from.map((share) => low + share * (high - low));
  const ys = to.map((share) => low + share * (high - low));
  return data.map((value) => interpolate(value, xs, ys));
});
/** A random monotone curve through `points` control points. */
export const histogramShift = (points = 10): Transform<CurveParameters> =>
  fixed(curveApplication, (_scene, rng) => {
    const from = Array.from({ length: points }, (_, k) => k / (points - 1));
    const to = [...from];
    for (let k = 1; k < points - 1; k++) to[k] = rng.uniform(to[k - 1], to[k + 1]);
    return { from, to };
  });

/** The percentiles of TorchIO's landmarks. */
export const LANDMARK_PERCENTILES = [1, 10, 20, 25, 30, 40, 50, 60, 70, 75, 80, 90, 99] as const;
/** The quartiles are trained but not mapped. */
const USED = [0, 1, 2, 4, 5, 6, 7, 8, 10, 11, 12];
const USED_PERCENTILES = USED.map((k) => LANDMARK_PERCENTILES[k]!);
export interface LandmarkParameters {
  readonly landmarks: readonly number[];
}
export const landmarksApplication = hostIntensity<LandmarkParameters>(
  'landmarks',
  async (voxels, { landmarks }, volume) => {
    const rows = await percentilesPerChannel(volume.voxels, USED_PERCENTILES);
    return perChannel(voxels, (channel, c) => {
      const own = rows[c]!;
      const aims = USED.map((k) => landmarks[k]!);
      const slopes = own.slice(1).map((value, k) => (aims[k + 1]! - aims[k]!) / (value - own[k]! || Infinity));
      return channel.map((value) => {
        let piece = own.findIndex((edge, k) => k > 0 && value < edge) - 1;
        if (piece < 0) piece = value < own[1]! ? 0 : slopes.length - 1;
        return aims[piece]! + slopes[piece]! * (value - own[piece]!);
      });
    });
  },
);
/** Histogram standardization (Nyúl & Udupa 2000): percentiles go to trained landmarks, linearly in between and beyond. */
export function standardizeHistogram(landmarks: readonly number[]): Transform<LandmarkParameters> {
  if (landmarks.length !== LANDMARK_PERCENTILES.length)
    throw new TransformError(
      `standardizeHistogram: expects ${LANDMARK_PERCENTILES.length} landmarks (percentiles ${LANDMARK_PERCENTILES.join(', ')}), came ${landmarks.length}.`,
      { landmarks },
    );
  return fixed(landmarksApplication, () => ({ landmarks }));
}
/** Trains landmarks: the mean of every image's percentiles after its 1st and 99th went to 0 and 100. */
export function trainLandmarks(images: readonly ArrayLike<number>[]): number[] {
  if (images.length === 0) throw new TransformError('trainLandmarks: needs at least one image.', {});
  const rows = images.map((image) => {
    const sorted = Float64Array.from(image).sort();
    const own = LANDMARK_PERCENTILES.map((p) => percentileOf(sorted, p));
    return own.map((value) => ((value - own[0]!) / (own.at(-1)! - own[0]! || 1)) * 100);
  });
  return LANDMARK_PERCENTILES.map((_, k) => rows.reduce((sum, row) => sum + row[k]!, 0) / rows.length);
}

export interface MatchParameters {
  /** Intensities at equal shares of the reference's voxels, ascending. */
  readonly quantiles: readonly number[];
}
export const matchApplication = hostIntensity<MatchParameters>('matchHistogram', (voxels, { quantiles }) =>
  perChannel(voxels, (channel) => {
    const sorted = Float64Array.from(channel).sort();
    const own = quantiles.map((_, k) => percentileOf(sorted, (100 * k) / (quantiles.length - 1)));
    return channel.map((value) => interpolate(value, own, quantiles));
  }),
);
/** Gives the image the histogram of another (by `points` quantiles). */
export const matchHistogram = (reference: ArrayLike<number>, points = 256): Transform<MatchParameters> => {
  const sorted = Float64Array.from(reference).sort();
  const quantiles = Array.from({ length: points }, (_, k) => percentileOf(sorted, (100 * k) / (points - 1)));
  return fixed(matchApplication, () => ({ quantiles }));
};

export function percentileOf(sorted: Float64Array, p: number): number {
  const rank = (p / 100) * (sorted.length - 1);
  const low = Math.floor(rank);
  const high = Math.min(sorted.length - 1, low + 1);
  return sorted[low]! + (sorted[high]! - sorted[low]!) * (rank - low);
}

function extremes(data: Float64Array): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const value of data) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

export interface ThresholdParameters {
  readonly threshold: number;
  /** Keep what is above (or what is below) and replace the rest. */
  readonly keep: 'above' | 'below';
  readonly value: number;
}
export const thresholdApplication = hostIntensity<ThresholdParameters>(
  'threshold',
  ({ data }, { threshold, keep, value }) =>
    data.map((x) => ((keep === 'above' ? x > threshold : x < threshold) ? x : value)),
);
export const threshold = (settings: ThresholdParameters): Transform<ThresholdParameters> =>
  fixed(thresholdApplication, () => settings);

export interface SoftClipParameters {
  readonly low: number;
  readonly high: number;
  readonly sharpness: number;
}
export const softClipApplication = hostIntensity<SoftClipParameters>(
  'softClip',
  ({ data }, { low, high, sharpness }) => {
    const softplus = (t: number): number => (t > 30 ? t : Math.log1p(Math.exp(t)));
    return data.map(
      (x) => x + softplus(sharpness * (low - x)) / sharpness - softplus(sharpness * (x - high)) / sharpness,
    );
  },
);
/** Clips to percentiles with a smooth bend. */
export const softClipPercentiles = ({
  lower,
  upper,
  sharpness,
}: {
  readonly lower: number;
  readonly upper: number;
  readonly sharpness: number;
}): Transform<SoftClipParameters> =>
  fixed(
    softClipApplication,
    async ({ images }) => {
      const sorted = (await readVoxels(images)).data.sort();
      return { low: percentileOf(sorted, lower), high: percentileOf(sorted, upper), sharpness };
    },
    true,
  );

export interface SavitzkyGolayParameters {
  readonly boundary?: LineBoundary;
  readonly taps: readonly number[];
  readonly axis: number;
}
export const savitzkyGolayApplication = hostIntensity<SavitzkyGolayParameters>(
  'savitzkyGolay',
  ({ data, shape }: HostVoxels, { taps, axis, boundary = 'zeros' }) => {
    const n = shape[axis + 1]!;
    const inner = shape.slice(axis + 2).reduce((a, b) => a * b, 1);
    const half = taps.length >> 1;
    return data.map((_, v) => {
      const i = Math.floor(v / inner) % n;
      return taps.reduce((sum, tap, k) => {
        const j = insideLine(i + k - half, n, boundary);
        return j === undefined ? sum : sum + tap * data[v + (j - i) * inner]!;
      }, 0);
    });
  },
);
/** What a line holds beyond its ends: 0, its mirror image without the last voxel again, the last voxel, or the other end. */
export type LineBoundary = 'zeros' | 'reflect' | 'edge' | 'wrap';

function insideLine(i: number, n: number, boundary: LineBoundary): number | undefined {
  if (i >= 0 && i < n) return i;
  if (boundary === 'zeros') return undefined;
  if (boundary === 'edge' || n === 1) return i < 0 ? 0 : n - 1;
  if (boundary === 'wrap') return ((i % n) + n) % n;
  const k = ((i % (2 * n - 2)) + 2 * n - 2) % (2 * n - 2);
  return k < n ? k : 2 * n - 2 - k;
}

/** A least-squares polynomial over a window along one axis. */
export const savitzkyGolay = ({
  window,
  order,
  axis,
  boundary = 'zeros',
}: {
  readonly window: number;
  readonly order: number;
  readonly axis: number;
  readonly boundary?: LineBoundary;
}): Transform<SavitzkyGolayParameters> => {
  const taps = savitzkyGolayTaps(window, order);
  return fixed(savitzkyGolayApplication, () => ({ axis, taps, boundary }));
};

/** The weights that give the fitted polynomial's value in the middle of the window. */
export function savitzkyGolayTaps(window: number, order: number): number[] {
  if (window % 2 === 0 || order >= window)
    throw new TransformError(`savitzkyGolay: the window is odd and above the order, came ${window} and ${order}.`, {
      window,
      order,
    });
  const half = window >> 1;
  const size = order + 1;
  const system = Array.from({ length: size }, (_, i) =>
    Array.from({ length: size + 1 }, (_, j) =>
      j === size
        ? i === 0
          ? 1
          : 0
        : Array.from({ length: window }, (_, k) => (k - half) ** (i + j)).reduce((a, b) => a + b, 0),
    ),
  );
  for (let i = 0; i < size; i++) {
    const pivot = system[i]!;
    for (let r = 0; r < size; r++) {
      if (r === i) continue;
      const factor = system[r]![i]! / pivot[i]!;
      system[r] = system[r]!.map((value, k) => value - factor * pivot[k]!);
    }
  }
  const solution = system.map((row, i) => row[size]! / row[i]!);
  return Array.from({ length: window }, (_, k) =>
    solution.reduce((sum, weight, power) => sum + weight * (k - half) ** power, 0),
  );
}

/** sign(x) · |x|^exponent: TorchIO's gamma. */
export const signedPowerApplication = hostIntensity<{ readonly exponent: number }>(
  'signedPower',
  ({ data }, { exponent }) => data.map((x) => Math.sign(x) * Math.abs(x) ** exponent),
);
export const signedPower = (
  logGamma: readonly [number, number] = [-0.3, 0.3],
): Transform<{ readonly exponent: number }> =>
  fixed(signedPowerApplication, (_scene, rng) => ({ exponent: Math.exp(rng.uniform(...logGamma)) }));
