/** The same transforms on the WASM and the WebGPU device: each alone, whole pipelines, nnU-Net's way in and back out. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWasmDevice, Philox, tensor, type Device } from '@voxelwise/compute';
import { alignedGrid, type Case, type PerAxis } from '@voxelwise/volume';
import { gpuForTests, webGpuForTests } from '../../../compute/src/testing/gpu-for-tests.ts';
import { run, sequence } from '../compose/sequence.ts';
import { contrastAboutMean, gammaCurve, noise, sharpen, smooth } from '../intensity/curves.ts';
import { equalize, standardizeHistogram } from '../intensity/histogram.ts';
import { intensityRange, percentileRange, zScore } from '../intensity/range.ts';
import { keepLargest, remap } from '../labels/labels.ts';
import {
  nnunetBlur,
  nnunetBrightness,
  nnunetContrast,
  nnunetGamma,
  nnunetLowResolution,
  nnunetMask,
  nnunetNoise,
} from '../nnunet/augmentation/intensity.ts';
import { mirror } from '../nnunet/augmentation/mirror.ts';
import { nnunetSpatial } from '../nnunet/augmentation/spatial.ts';
import { preprocess } from '../nnunet/preprocess.ts';
import { restoreSegmentation } from '../nnunet/restore.ts';
import type { PreprocessSettings } from '../nnunet/settings.ts';
import { affine, rotate } from '../spatial/affine.ts';
import { cropForeground, padOrCrop } from '../spatial/crop-pad.ts';
import { elastic, gridDistortion } from '../spatial/elastic.ts';
import { flip, rotate90 } from '../spatial/index-moves.ts';
import { balancedCrop } from '../spatial/random-crops.ts';
import { resize, zoom } from '../spatial/resize.ts';
import { orientation, spacing } from '../spatial/spacing.ts';
import type { Scene, Transform } from './transform.ts';
import { upload } from './upload.ts';

const gpu = await gpuForTests();
const SHAPE: PerAxis = [9, 21, 18];

/** Two channels of blobs and a ramp, 0 around them, with labels where they are bright. */
function subject(): Case {
  const voxels = SHAPE[0] * SHAPE[1] * SHAPE[2];
  const image = new Float32Array(2 * voxels);
  const labels = new Int32Array(voxels);
  const grid = alignedGrid(SHAPE, [2.5, 0.8, 1.1]);
  for (let v = 0; v < voxels; v++) {
    const [z, y, x] = [Math.floor(v / (SHAPE[1] * SHAPE[2])), Math.floor(v / SHAPE[2]) % SHAPE[1], v % SHAPE[2]];
    if (z === 0 || y < 2 || x > 15) continue;
    const blob = Math.exp(-((z - 4) ** 2) / 6 - ((y - 9) ** 2 + (x - 8) ** 2) / 20);
    const other = Math.exp(-((z - 6) ** 2) / 3 - ((y - 16) ** 2 + (x - 4) ** 2) / 8);
    image[v] = 200 * blob - 90 * other + 3 * x + 11;
    image[voxels + v] = 40 * other + Math.sin(y) + 5;
    labels[v] = blob > 0.5 ? 1 : other > 0.4 ? 2 : 0;
  }
  return {
    id: 's',
    images: { grid, kind: 'intensity', channels: ['a', 'b'], voxels: image },
    labels: { grid, kind: 'labels', channels: ['labels'], voxels: labels },
  };
}

const cubic = { interpolation: 'cubic', padding: 'border' } as const;
const transforms: Readonly<Record<string, Transform<unknown>>> = {
  orientation: orientation('LPS'),
  'spacing, linear': spacing({ spacingMm: [1.2, 1.2, 1.2] }),
  'spacing, cubic': spacing({ spacingMm: [1.3, 1.1, 0.9], sampling: cubic }),
  resize: resize({ shape: [7, 16, 20] }),
  zoom: zoom({ factor: [1.3, 0.8, 1.1] }),
  rotate: rotate({
    degrees: [
      [10, 20],
      [-15, 15],
      [5, 9],
    ],
    sampling: { padding: 'reflect' },
  }),
  affine: affine({ scale: [0.9, 1.1], shear: [0.1, 0, 0, 0, -0.1, 0] }),
  'flip and turn': sequence(flip([0, 2]), rotate90({ turns: 1, axes: [1, 2] })),
  'pad or crop': padOrCrop([12, 12, 20]),
  'crop to the foreground': cropForeground(),
  elastic: elastic({ displacementMm: 3, smoothnessMm: 4 }),
  'grid distortion': gridDistortion({ cells: 4 }),
  'balanced crop': balancedCrop({ size: [6, 10, 10], positive: 1, negative: 1 }),
  'intensity range': intensityRange({ from: [0, 150], to: [0, 1], clip: true }),
  percentiles: percentileRange({ lower: 2, upper: 98, clip: true, perChannel: true }),
  equalization: equalize(),
  landmarks: standardizeHistogram([0, 5, 12, 20, 25, 30, 38, 45, 55, 70, 75, 90, 100]),
  'z-score': zScore({ nonzero: true, perChannel: true }),
  gamma: gammaCurve({ exponent: 1.4 }),
  contrast: contrastAboutMean({ factor: 1.3 }),
  smooth: smooth({ sigmaMm: 1.5 }),
  sharpen: sharpen(),
  noise: noise({ deviation: 2 }),
  'relabel and clean': sequence(remap({ 2: 3 }), keepLargest()),
  'nnU-Net spatial': nnunetSpatial({
    patch: [8, 16, 16],
    rotation: [0.4, 0.4, 0.4],
    rotationProbability: 1,
    scalingProbability: 1,
  }),
  'nnU-Net intensity': sequence(
    nnunetNoise(),
    nnunetBlur(),
    nnunetBrightness(),
    nnunetContrast(),
    nnunetLowResolution([]),
    nnunetGamma(true),
    nnunetMask([0]),
    mirror({ axes: [0, 1, 2] }),
  ),
  'a training pipeline': sequence(
    spacing({ spacingMm: [1.5, 1.5, 1.5] }),
    orientation('RAS'),
    intensityRange({ from: [-20, 180], to: [0, 1], clip: true }),
    cropForeground(),
    balancedCrop({ size: [8, 8, 8], positive: 1, negative: 1 }),
    flip([0]),
    rotate({
      degrees: [
        [-10, 10],
        [-10, 10],
        [-10, 10],
      ],
    }),
    smooth({ sigmaMm: 0.8 }),
  ),
};

describe.skipIf(gpu === undefined)(`transforms on WebGPU${gpu ? '' : ' (skipped: no adapter)'}`, () => {
  let wasm: Device;
  let webgpu: Device;
  beforeAll(async () => {
    wasm = await createWasmDevice({ threads: 1 });
    webgpu = await webGpuForTests();
  });
  afterAll(() => {
    wasm.dispose();
    webgpu.dispose();
  });

  const expectSame = async (got: Scene, want: Scene): Promise<void> => {
    expect(got.images.grid).toEqual(want.images.grid);
    const [image, expected] = [await got.images.voxels.read(), await want.images.voxels.read()];
    const greatest = expected.reduce((most: number, value) => Math.max(most, Math.abs(value)), 1);
    expect(image.length).toBe(expected.length);
    expect(expected.some((value) => value !== expected[0])).toBe(true);
    let worst = 0;
    image.forEach((value, v) => (worst = Math.max(worst, Math.abs(value - expected[v]!))));
    expect(worst / greatest).toBeLessThan(1e-5);
    expect(await got.labels!.voxels.read()).toEqual(await want.labels!.voxels.read());
    expect(got.images.voxels.device.kind).toBe('webgpu');
  };

  for (const [name, transform] of Object.entries(transforms))
    it(name, async () => {
      const done = async (device: Device): Promise<Scene> => run(transform, upload(subject(), device), new Philox(3));
      await expectSame(await done(webgpu), await done(wasm));
    });

  it("nnU-Net's preprocessing, and logits back on the file's grid", async () => {
    const settings: PreprocessSettings = {
      transposeForward: [1, 0, 2],
      spacing: [1, 2, 1],
      normalizationSchemes: ['CTNormalization', 'ZScoreNormalization'],
      useMaskForNormalization: [false, true],
      foregroundIntensities: [0, 1].map(() => ({
        mean: 60,
        std: 40,
        percentile_00_5: -20,
        percentile_99_5: 170,
      })),
      foreground: [1, 2],
    };
    const there = async (device: Device) => preprocess(subject(), settings, device);
    const [got, want] = [await there(webgpu), await there(wasm)];
    expect(got.properties).toEqual(want.properties);
    expect(got.classLocations).toEqual(want.classLocations);
    await expectSame(got.case, want.case);
    const back = async (device: Device) => {
      const shape = [3, ...want.properties.shape];
      const rng = new Philox(4);
      const logits = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => rng.normal());
      return restoreSegmentation(tensor(device, logits, shape), want.properties, settings).read();
    };
    const [labels, expected] = [await back(webgpu), await back(wasm)];
    expect(new Set(expected).size).toBe(3);
    expect(labels).toEqual(expected);
  });
});
