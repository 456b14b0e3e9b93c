/** Intensity transforms against MONAI's and TorchIO's goldens. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWasmDevice, createReferenceDevice, Philox, tensor, type Device } from '@voxelwise/compute';
import { excess, inputVolume, sceneFile, type GoldenCase, type SceneFile } from '../../fixtures/scenes.ts';
import type { Application, Scene, Transform } from '../contract/transform.ts';
import { contrastAboutMean, gammaCurve, noise, sharpen, smooth } from './curves.ts';
import {
  curveApplication,
  equalize,
  savitzkyGolay,
  signedPowerApplication,
  softClipPercentiles,
  standardizeHistogram,
  threshold,
  trainLandmarks,
} from './histogram.ts';
import { median } from './median-filter.ts';
import {
  biasFieldApplication,
  ghostingApplication,
  gibbs,
  kSpaceSpikeApplication,
  spikeApplication,
  swapApplication,
} from './mri-artifacts.ts';
import { motion, motionApplication } from './motion.ts';
import {
  clamp,
  clipPercentiles,
  intensityRange,
  minMax,
  percentileRange,
  scale,
  shift,
  shiftByDeviation,
  zScore,
} from './range.ts';
import { lowResolutionApplication } from '../nnunet/augmentation/intensity.ts';

/* eslint-disable-next-line @typescript-eslint/no-explicit-any -- parameters of many shapes, straight from JSON */
type Any = any;
const with_ = <P>(application: Application<P>, parameters: P): Transform<Any> =>
  ({ ...application, sample: () => parameters }) as Transform<Any>;
const range = (p: Any): readonly [number, number] | null => (p.b_min === undefined ? null : [p.b_min, p.b_max]);
const three = (value: Any): [number, number, number] => (typeof value === 'number' ? [value, value, value] : value);

const monai: Record<string, (p: Any, row: GoldenCase) => Transform<Any>> = {
  GaussianSmooth: (p) =>
    smooth({
      sigmaVoxels: three(p.sigma),
      boundary: 'zeros',
      taps: p.approx === 'sampled' ? 'sampled' : p.approx === 'scalespace' ? 'scaleSpace' : 'integrated',
    }),
  GaussianSharpen: (p) => sharpen({ sigma1: p.sigma1, sigma2: p.sigma2, alpha: p.alpha }),
  MedianSmooth: (p) => median(p.radius),
  AdjustContrast: (p) =>
    gammaCurve({ exponent: p.gamma, invert: p.invert_image ?? false, retain: p.retain_stats ?? false }),
  ScaleIntensityRange: (p) => intensityRange({ from: [p.a_min, p.a_max], to: range(p), clip: p.clip ?? false }),
  ScaleIntensityRangePercentiles: (p) =>
    percentileRange({
      lower: p.lower,
      upper: p.upper,
      to: range(p)!,
      clip: p.clip ?? false,
      relative: p.relative ?? false,
      perChannel: p.channel_wise ?? false,
    }),
  ScaleIntensity: (p) =>
    p.factor ? scale(1 + p.factor) : minMax({ to: [p.minv, p.maxv], perChannel: p.channel_wise ?? false }),
  ScaleIntensityFixedMean: (p) => contrastAboutMean({ factor: 1 + p.factor, preserveRange: p.preserve_range ?? false }),
  ShiftIntensity: (p) => shift(p.offset),
  StdShiftIntensity: (p) =>
    shiftByDeviation({ factor: p.factor, nonzero: p.nonzero ?? false, perChannel: p.channel_wise ?? false }),
  NormalizeIntensity: (p) =>
    zScore({
      subtract: p.subtrahend,
      divide: p.divisor,
      nonzero: p.nonzero ?? false,
      perChannel: p.channel_wise ?? false,
    }),
  ThresholdIntensity: (p) => threshold({ threshold: p.threshold, keep: p.above ? 'above' : 'below', value: p.cval }),
  HistogramNormalize: (p) => equalize({ bins: p.num_bins, to: [p.min, p.max] }),
  GibbsNoise: (p) => gibbs(p.alpha),
  KSpaceSpikeNoise: (p) => with_(kSpaceSpikeApplication, { positions: [p.loc], logMagnitude: p.k_intensity ?? null }),
  SavitzkyGolaySmooth: (p) => savitzkyGolay({ window: p.window_length, order: p.order, axis: p.axis - 1 }),
  ClipIntensityPercentiles: (p) =>
    p.sharpness_factor
      ? softClipPercentiles({ lower: p.lower, upper: p.upper, sharpness: p.sharpness_factor })
      : clipPercentiles({ lower: p.lower, upper: p.upper }),
  RandSimulateLowResolution: (p) =>
    with_(lowResolutionApplication, { zooms: [p.zoom_range[0]], keep: [], rule: 'floor' }),
  RandBiasField: (p) => with_(biasFieldApplication, { order: p.degree, coefficients: p.coeff, basis: 'legendre' }),
  RandHistogramShift: (p) =>
    with_(curveApplication, { from: p.reference_control_points, to: p.floating_control_points }),
};

const torchio: Record<string, (p: Any, row: GoldenCase) => Transform<Any>> = {
  Ghosting: (p) =>
    with_(ghostingApplication, { ghosts: p.num_ghosts, axis: p.axis, intensity: p.intensity, restore: p.restore }),
  Spike: (p) => with_(spikeApplication, { positions: p.spikes_positions, intensity: p.intensity }),
  BiasField: (p) => with_(biasFieldApplication, { order: p.order, coefficients: p.coefficients, basis: 'monomial' }),
  Blur: (p) => smooth({ sigmaMm: p.std, taps: 'sampled', boundary: 'symmetric' }),
  Gamma: (p) => with_(signedPowerApplication, { exponent: p.gamma }),
  Motion: (p) =>
    with_(motionApplication, {
      aboutOrigin: true,
      movements: p.times.map((time: number, k: number) => ({
        time,
        degrees: p.degrees[k],
        translationMm: p.translation[k],
      })),
    }),
  Swap: (p) => with_(swapApplication, { size: p.patch_size, pairs: p.locations }),
  HistogramStandardization: (p) => standardizeHistogram(p.landmarks),
  RescaleIntensity: (p) =>
    p.in_min_max
      ? intensityRange({ from: p.in_min_max, to: p.out_min_max })
      : percentileRange({ lower: p.percentiles[0], upper: p.percentiles[1], to: p.out_min_max, clip: true }),
  Clamp: (p) => clamp(p.out_min, p.out_max),
};

const devices: Record<string, Device> = { reference: createReferenceDevice() };
beforeAll(async () => {
  devices['wasm'] = await createWasmDevice({ threads: 1 });
});
afterAll(() => devices['wasm']?.dispose());

const suites: [string, SceneFile, typeof monai][] = [
  ['MONAI', sceneFile('monai-transforms'), monai],
  ['TorchIO', sceneFile('monai-torchio'), torchio],
];
for (const kind of ['reference', 'wasm'])
  for (const [name, file, transforms] of suites) {
    describe(`${name}'s intensity transforms on ${kind}`, () => {
      it.each(file.cases.cases.filter(({ op }) => op in transforms).map((row) => [row.id, row] as const))(
        '%s',
        async (_id, row) => {
          const scene: Scene = {
            id: row.id,
            images: inputVolume(file, row.inputs['image'] as string, 'intensity', devices[kind]!),
          };
          const transform = transforms[row.op]!(row.params, row);
          const parameters = JSON.parse(JSON.stringify(await transform.sample(scene, new Philox(1)))) as Any;
          const result = await transform.apply(scene, parameters);
          const { worst } = excess(
            await result.images.voxels.read(),
            file.array(row.outputs['image']!.array!).data,
            row,
          );
          expect(worst).toBeLessThanOrEqual(0);
        },
      );
    });
  }

describe('chance and bad input', () => {
  const scene = (): Scene => ({
    id: 's',
    images: inputVolume(sceneFile('monai-transforms'), 'img', 'intensity', devices['wasm']!),
  });
  it('adds the same noise for the same record', async () => {
    const step = noise({ deviation: 5, mean: 2 });
    const parameters = await step.sample(scene(), new Philox(3));
    const [a, b] = [await step.apply(scene(), parameters), await step.apply(scene(), parameters)];
    expect(await a.images.voxels.read()).toEqual(await b.images.voxels.read());
    const before = await scene().images.voxels.read();
    const added = Float64Array.from(await a.images.voxels.read(), (value, v) => value - before[v]!);
    const mean = added.reduce((x, y) => x + y) / added.length;
    expect(Math.abs(mean - 2)).toBeLessThan(0.4);
    expect(Math.abs(Math.sqrt(added.reduce((x, y) => x + (y - mean) ** 2, 0) / added.length) - 5)).toBeLessThan(0.3);
  });
  it('trains landmarks that map an image to itself up to scale', async () => {
    const image = await scene().images.voxels.read();
    const landmarks = trainLandmarks([image, image]);
    expect(landmarks[0]).toBe(0);
    expect(landmarks.at(-1)).toBe(100);
    const step = standardizeHistogram(landmarks);
    const again = await (await step.apply(scene(), await step.sample(scene(), new Philox(1)))).images.voxels.read();
    expect(trainLandmarks([again])[6]).toBeCloseTo(landmarks[6]!, 3);
  });
  it('equalizes values on the edges of bins, and a constant image, as NumPy does', async () => {
    const of = (values: readonly number[]): Scene => {
      const { images } = scene();
      const voxels = tensor(images.voxels.device, values, [1, 1, 1, values.length]);
      return { id: 's', images: { ...images, grid: { ...images.grid, shape: [1, 1, values.length] }, voxels } };
    };
    const equalized = async (values: readonly number[], step: Transform<Any>): Promise<number[]> => [
      ...(await (await step.apply(of(values), await step.sample(of(values), new Philox(1)))).images.voxels.read()),
    ];
    // np.interp(x, centers, rescaled cumulative sum) of np.histogram(x, 10) for x = [0 … 8, 10] * float32(0.1).
    const tenths = await equalized(
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 10].map((k) => Math.fround(k * Math.fround(0.1))),
      equalize({ bins: 10, to: [0, 1] }),
    );
    [0, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 9].forEach((ninths, k) => expect(tenths[k]).toBeCloseTo(ninths / 9, 6));
    expect(await equalized([7, 7, 7], equalize())).toEqual([127.5, 127.5, 127.5]);
    await expect(equalized([1, NaN, 2], equalize())).rejects.toThrow(
      /^equalize: expects finite values, they range from NaN/,
    );
  });
  it('refuses what cannot be', () => {
    expect(() => motion({ count: 0 })).toThrow(/positive whole/);
    expect(() => percentileRange({ lower: 90, upper: 10 })).toThrow(/below upper/);
    expect(() => standardizeHistogram([1, 2])).toThrow(/13 landmarks/);
    expect(() => savitzkyGolay({ window: 4, order: 2, axis: 0 })).toThrow(/odd/);
  });
});
