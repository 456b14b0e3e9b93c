/** Curves and smoothing: gamma, contrast, Gaussian blur and sharpening, noise. All on the device. */
import { add, blur, contrast, gamma, gaussianNoise, rescaleIntensity, sub, type Tensor } from '@voxelwise/compute';
import { spacing as spacingOf } from '@voxelwise/volume';
import {
  draw,
  mapIntensities,
  type Application,
  type Range,
  type Scene,
  type Transform,
} from '../contract/transform.ts';
import { TransformError } from '../errors.ts';
import { erfTaps, sampledTaps, scaleSpaceTaps } from './gaussian-taps.ts';
import { SAME } from './range.ts';

type Sync<P> = Application<P> & { apply(to: Scene, parameters: P): Scene };
const all = <T>(x: Tensor, value: T): T[] => Array.from({ length: x.shape[0]! }, () => value);

function notNegative(name: string, what: string, value: number): number {
  if (!(value >= 0)) throw new TransformError(`${name}: the ${what} is at least 0, came ${value}.`, { [what]: value });
  return value;
}

export interface GammaCurveParameters {
  readonly exponent: number;
  /** Negate before and after. */
  readonly invert: boolean;
  /** Keep mean and standard deviation. */
  readonly retain: boolean;
}
export const gammaCurveApplication: Sync<GammaCurveParameters> = {
  name: 'gamma',
  apply: (scene, { exponent, invert, retain }) =>
    mapIntensities(scene, (x) => gamma({ x }, { exponents: all(x, exponent), invert, retain, floor: 1e-7 })),
};
/** ((x - min) / range)^exponent · range + min. */
export const gammaCurve = ({
  exponent,
  invert = false,
  retain = false,
}: {
  readonly exponent: Range;
  readonly invert?: boolean;
  readonly retain?: boolean;
}): Transform<GammaCurveParameters> => ({
  ...gammaCurveApplication,
  measures: false,
  sample: (_scene, rng) => {
    const drawn = draw(exponent, rng);
    if (!(drawn > 0)) throw new TransformError(`gamma: the exponent is positive, came ${drawn}.`, { exponent: drawn });
    return { exponent: drawn, invert, retain };
  },
});

export interface ContrastParameters {
  readonly factor: number;
  readonly preserveRange: boolean;
}
export const contrastCurveApplication: Sync<ContrastParameters> = {
  name: 'contrast',
  apply: (scene, { factor, preserveRange }) =>
    mapIntensities(scene, (x) => contrast({ x }, { factors: all(x, factor), preserveRange })),
};
/** (x - mean) · factor + mean of each channel. */
export const contrastAboutMean = ({
  factor,
  preserveRange = false,
}: {
  readonly factor: Range;
  readonly preserveRange?: boolean;
}): Transform<ContrastParameters> => ({
  ...contrastCurveApplication,
  measures: false,
  sample: (_scene, rng) => ({ factor: draw(factor, rng), preserveRange }),
});

export type Taps = 'integrated' | 'sampled' | 'scaleSpace';
const TAPS = { integrated: erfTaps, sampled: sampledTaps, scaleSpace: scaleSpaceTaps };

export interface SmoothParameters {
  /** Along z, y, x. */
  readonly sigma: readonly number[];
  readonly unit: 'mm' | 'voxels';
  /** `integrated` is not normalized and, with zeros outside, darkens edges: MONAI's default. */
  readonly taps: Taps;
  readonly boundary: 'reflect' | 'symmetric' | 'edge' | 'zeros';
}
export const smoothApplication: Sync<SmoothParameters> = {
  name: 'smooth',
  apply: (scene, parameters) => mapIntensities(scene, (x, { grid }) => smoothed(x, spacingOf(grid), parameters)),
};
function smoothed(x: Tensor, mm: readonly number[], { sigma, unit, taps, boundary }: SmoothParameters): Tensor {
  const perAxis = sigma.map((s, axis) => {
    const voxels = unit === 'mm' ? s / mm[axis]! : s;
    return voxels > 0 ? TAPS[taps](voxels) : [1];
  });
  return blur({ x }, { boundary, channels: all(x, perAxis) });
}
export interface SmoothSettings {
  readonly sigmaMm?: Range | readonly [Range, Range, Range];
  readonly sigmaVoxels?: Range | readonly [Range, Range, Range];
  readonly taps?: Taps;
  readonly boundary?: SmoothParameters['boundary'];
}
/** Gaussian smoothing, in millimetres or voxels. */
export const smooth = ({
  sigmaMm,
  sigmaVoxels,
  taps = 'sampled',
  boundary = 'symmetric',
}: SmoothSettings): Transform<SmoothParameters> => ({
  ...smoothApplication,
  measures: false,
  sample: (_scene, rng) => {
    const range = sigmaMm ?? sigmaVoxels;
    if (range === undefined || (sigmaMm !== undefined && sigmaVoxels !== undefined))
      throw new TransformError('smooth: expects either sigmaMm or sigmaVoxels.', { sigmaMm, sigmaVoxels });
    const three =
      Array.isArray(range) && range.length === 3
        ? (range as readonly Range[])
        : [range as Range, range as Range, range as Range];
    return {
      sigma: three.map((r) => notNegative('smooth', 'sigma', draw(r, rng))),
      unit: sigmaMm === undefined ? 'voxels' : 'mm',
      taps,
      boundary,
    };
  },
});

export interface SharpenParameters {
  readonly first: SmoothParameters;
  readonly second: SmoothParameters;
  readonly alpha: number;
}
export const sharpenApplication: Sync<SharpenParameters> = {
  name: 'sharpen',
  apply: (scene, { first, second, alpha }) =>
    mapIntensities(scene, (x, { grid }) => {
      const mm = spacingOf(grid);
      const b1 = smoothed(x, mm, first);
      const b2 = smoothed(b1, mm, second);
      const edges = sub({ a: b1, b: b2 });
      const stronger = rescaleIntensity({ x: edges }, { channels: all(edges, { ...SAME, multiply: alpha }) });
      const result = add({ a: b1, b: stronger });
      for (const made of [b1, b2, edges, stronger]) made.dispose();
      return result;
    }),
};
/** Smoothed once, plus alpha times what a second smoothing takes away. Sigmas in voxels. */
export const sharpen = ({
  sigma1 = 3,
  sigma2 = 1,
  alpha = 30,
  taps = 'integrated',
  boundary = 'zeros',
}: {
  readonly sigma1?: Range;
  readonly sigma2?: Range;
  readonly alpha?: Range;
  readonly taps?: Taps;
  readonly boundary?: SmoothParameters['boundary'];
} = {}): Transform<SharpenParameters> => ({
  ...sharpenApplication,
  measures: false,
  sample: (_scene, rng) => {
    const [a, b] = [sigma1, sigma2].map((sigma) => notNegative('sharpen', 'sigma', draw(sigma, rng))) as [
      number,
      number,
    ];
    const both = { unit: 'voxels', taps, boundary } as const;
    return { first: { ...both, sigma: [a, a, a] }, second: { ...both, sigma: [b, b, b] }, alpha: draw(alpha, rng) };
  },
});

export interface NoiseParameters {
  readonly key: readonly [number, number];
  readonly mean: number;
  readonly deviation: number;
  readonly combine: 'add' | 'rician';
}
export const noiseFieldApplication: Sync<NoiseParameters> = {
  name: 'noise',
  apply: (scene, { key, mean, deviation, combine }) =>
    mapIntensities(scene, (x) => {
      const noisy = gaussianNoise({ x }, { key, deviations: all(x, deviation), combine });
      if (mean === 0) return noisy;
      const moved = rescaleIntensity({ x: noisy }, { channels: all(noisy, { ...SAME, add: mean }) });
      noisy.dispose();
      return moved;
    }),
};
/** Gaussian (`add`) or Rician noise: a pure function of its key. */
export const noise = ({
  deviation,
  mean = 0,
  combine = 'add',
}: {
  readonly deviation: Range;
  readonly mean?: Range;
  readonly combine?: 'add' | 'rician';
}): Transform<NoiseParameters> => ({
  ...noiseFieldApplication,
  measures: false,
  sample: (_scene, rng) => ({
    deviation: notNegative('noise', 'deviation', draw(deviation, rng)),
    mean: draw(mean, rng),
    combine,
    key: [rng.integer(0, 2 ** 32), rng.integer(0, 2 ** 32)],
  }),
});
