/** nnU-Net's intensity augmentation, one transform per step. Source: batchgeneratorsv2 as nnU-Net v2 configures it. */
import {
  blur,
  contrast,
  gamma,
  gaussianNoise,
  lowResolution,
  rangeMask,
  remapLabels,
  rescaleIntensity,
  type Rng,
} from '@voxelwise/compute';
import type { PerAxis } from '@voxelwise/volume';
import { TransformError } from '../../errors.ts';
import {
  mapIntensities,
  mapLabels,
  type Application as AnyApplication,
  type Scene,
  type Transform,
} from '../../contract/transform.ts';
import { roundHalfEven } from '../resampling.ts';

/** Device work only: nothing here waits. */
type Application<P> = AnyApplication<P> & { apply(to: Scene, parameters: P): Scene };

const channelsOf = (scene: Scene): number => scene.images.voxels.shape[0]!;
const perChannel = <T>(scene: Scene, value: (channel: number) => T): T[] =>
  Array.from({ length: channelsOf(scene) }, (_, c) => value(c));

/** A fair coin decides whether the factor is drawn below or above 1. */
function factor(rng: Rng, [low, high]: readonly [number, number]): number {
  return rng.uniform() < 0.5 ? rng.uniform(low, 1) : rng.uniform(1, high);
}

export interface NoiseParameters {
  readonly key: readonly [number, number];
  readonly deviation: number;
}
export const noiseApplication: Application<NoiseParameters> = {
  name: 'nnunetNoise',
  apply: (scene, { key, deviation }) =>
    mapIntensities(scene, (x) =>
      gaussianNoise({ x }, { key, deviations: Array.from({ length: x.shape[0]! }, () => deviation) }),
    ),
};
/** Gaussian noise, one standard deviation for all channels. */
export const nnunetNoise = (deviation: readonly [number, number] = [0, 0.1]): Transform<NoiseParameters> => ({
  ...noiseApplication,
  measures: false,
  sample: (_scene, rng) => ({
    deviation: rng.uniform(deviation[0], deviation[1]),
    key: [rng.integer(0, 2 ** 32), rng.integer(0, 2 ** 32)],
  }),
});

/** Standard deviations in voxels along z, y, x per channel; null: not blurred. An axis of one voxel is not blurred. */
export interface BlurParameters {
  readonly sigmaVoxels: readonly (PerAxis | null)[];
}
export const blurApplication: Application<BlurParameters> = {
  name: 'nnunetBlur',
  apply: (scene, { sigmaVoxels }) =>
    mapIntensities(scene, (x) =>
      blur(
        { x },
        {
          boundary: 'reflect',
          channels: sigmaVoxels.map(
            (sigma) => sigma && sigma.map((s, axis) => (x.shape[axis + 1] === 1 ? [1] : blurTaps(s))),
          ),
        },
      ),
    ),
};
/** `sameForAxes`: one sigma along all axes of a channel. */
export const nnunetBlur = (
  sigma: readonly [number, number] = [0.5, 1],
  { channelProbability = 0.5, sameForAxes = false } = {},
): Transform<BlurParameters> => ({
  ...blurApplication,
  measures: false,
  sample: (scene, rng) => ({
    sigmaVoxels: perChannel(scene, () => {
      if (rng.uniform() >= channelProbability) return null;
      const first = rng.uniform(...sigma);
      return sameForAxes ? [first, first, first] : [first, rng.uniform(...sigma), rng.uniform(...sigma)];
    }),
  }),
});

/** Gaussian taps, normalized, as many as the reference takes: the odd number nearest to 6 sigma + 0.5. */
export function blurTaps(sigma: number): number[] {
  const wanted = 6 * sigma + 0.5;
  let count = roundHalfEven(wanted);
  if (count % 2 === 0) count += wanted - count >= 0 ? 1 : -1;
  const taps = Array.from({ length: count }, (_, k) => Math.exp(-((k - (count - 1) / 2) ** 2) / (2 * sigma * sigma)));
  const sum = taps.reduce((a, b) => a + b, 0);
  return taps.map((tap) => tap / sum);
}

export interface FactorsParameters {
  readonly factors: readonly (number | null)[];
}
export const brightnessApplication: Application<FactorsParameters> = {
  name: 'nnunetBrightness',
  apply: (scene, { factors }) =>
    mapIntensities(scene, (x) =>
      rescaleIntensity(
        { x },
        {
          channels: factors.map((multiply) => ({
            low: null,
            high: null,
            subtract: 0,
            divide: 1,
            multiply: multiply ?? 1,
            add: 0,
          })),
        },
      ),
    ),
};
export const nnunetBrightness = (range: readonly [number, number] = [0.75, 1.25]): Transform<FactorsParameters> => ({
  ...brightnessApplication,
  measures: false,
  sample: (scene, rng) => ({ factors: perChannel(scene, () => factor(rng, range)) }),
});

export interface NnunetContrastParameters extends FactorsParameters {
  /** Clip to the channel's old range. Default true. */
  readonly preserveRange?: boolean;
}
export const contrastApplication: Application<NnunetContrastParameters> = {
  name: 'nnunetContrast',
  apply: (scene, { factors, preserveRange = true }) =>
    mapIntensities(scene, (x) => contrast({ x }, { factors, preserveRange })),
};
export const nnunetContrast = (
  range: readonly [number, number] = [0.75, 1.25],
  { channelProbability = 1, preserveRange = true } = {},
): Transform<NnunetContrastParameters> => ({
  ...contrastApplication,
  measures: false,
  sample: (scene, rng) => ({
    factors: perChannel(scene, () => {
      const drawn = factor(rng, range);
      return channelProbability === 1 || rng.uniform() < channelProbability ? drawn : null;
    }),
    ...(preserveRange ? {} : { preserveRange }),
  }),
});

/** Zoom per channel (null: untouched); axes in `keep` stay at full resolution. */
export interface LowResolutionParameters {
  readonly zooms: readonly (number | null)[];
  readonly keep: readonly number[];
  /** How the way down picks: floor((i + 0.5) · n / m) by default, `floor`: floor(i · n / m). */
  readonly rule?: 'nearest' | 'floor';
}
export const lowResolutionApplication: Application<LowResolutionParameters> = {
  name: 'nnunetLowResolution',
  apply: (scene, { zooms, keep, rule = 'nearest' }) =>
    mapIntensities(scene, (x) =>
      lowResolution(
        { x },
        {
          rule,
          shapes: zooms.map((zoom) =>
            zoom === null
              ? null
              : ([0, 1, 2].map((axis) =>
                  keep.includes(axis) ? x.shape[axis + 1]! : Math.max(1, roundHalfEven(x.shape[axis + 1]! * zoom)),
                ) as unknown as PerAxis),
          ),
        },
      ),
    ),
};
export const nnunetLowResolution = (
  keep: readonly number[] = [],
  zoom: readonly [number, number] = [0.5, 1],
  channelProbability = 0.5,
): Transform<LowResolutionParameters> => ({
  ...lowResolutionApplication,
  measures: false,
  sample: (scene, rng) => ({
    keep,
    zooms: perChannel(scene, () => (rng.uniform() < channelProbability ? rng.uniform(...zoom) : null)),
  }),
});

export interface GammaParameters {
  readonly exponents: readonly (number | null)[];
  readonly invert: boolean;
}
export const gammaApplication: Application<GammaParameters> = {
  name: 'nnunetGamma',
  apply: (scene, { exponents, invert }) =>
    mapIntensities(scene, (x) => gamma({ x }, { exponents, invert, retain: true, floor: 1e-7 })),
};
export const nnunetGamma = (
  invert: boolean,
  range: readonly [number, number] = [0.7, 1.5],
): Transform<GammaParameters> => ({
  ...gammaApplication,
  measures: false,
  sample: (scene, rng) => ({ invert, exponents: perChannel(scene, () => factor(rng, range)) }),
});

export interface MaskParameters {
  /** Channels that become 0 where the labels are negative. */
  readonly channels: readonly number[];
}
export const maskOutsideApplication: Application<MaskParameters> = {
  name: 'nnunetMask',
  apply: (scene, { channels }) => {
    if (!scene.labels)
      throw new TransformError(`nnunetMask: case ${scene.id} has no labels to say what lies outside.`, {
        case: scene.id,
      });
    if (channels.length === 0) return scene;
    const mask = rangeMask({ x: scene.labels.voxels }, { low: null, high: -1 });
    const { images } = scene;
    const rows = Array.from({ length: images.voxels.shape[0]! }, (_, c) => ({
      low: null,
      high: null,
      subtract: 0,
      divide: 1,
      multiply: channels.includes(c) ? 0 : 1,
      add: 0,
    }));
    const voxels = rescaleIntensity({ x: images.voxels, mask }, { channels: rows });
    mask.dispose();
    return { ...scene, images: { ...images, voxels } };
  },
};
export const nnunetMask = (channels: readonly number[]): Transform<MaskParameters> => ({
  ...maskOutsideApplication,
  measures: false,
  sample: () => ({ channels }),
});

export const outsideToBackgroundApplication: Application<object> = {
  name: 'nnunetOutsideToBackground',
  apply: (scene) => mapLabels(scene, (labels) => remapLabels({ labels }, { from: [-1], to: [0], rest: null })),
};
export const nnunetOutsideToBackground = (): Transform<object> => ({
  ...outsideToBackgroundApplication,
  measures: false,
  sample: () => ({}),
});
