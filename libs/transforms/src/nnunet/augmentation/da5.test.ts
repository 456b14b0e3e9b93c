/** nnU-Net's DA5: each step against NumPy, SciPy and PyTorch (tools/fixtures/nnunet_da5.py), and the chance of the whole. */
import { createReferenceDevice, createWasmDevice, Philox, tensor, type Device } from '@voxelwise/compute';
import { alignedGrid, type PerAxis } from '@voxelwise/volume';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gpuForTests, webGpuForTests } from '../../../../compute/src/testing/gpu-for-tests.ts';
import { distance } from '../../../fixtures/golden.ts';
import { catalogue } from '../../catalogue.ts';
import type { Scene } from '../../contract/transform.ts';
import { recordGrid } from '../../spatial/placed.ts';
import { LINEAR } from '../../spatial/move.ts';
import { nnunetAugmentation, type Cut } from './augmentation.ts';
import { da5Steps } from './da5.ts';
import { equalAxes } from './quarter-turns.ts';
import { nnunetSpatial, rotationMatrix } from './spatial.ts';

interface Golden {
  readonly name: keyof typeof TRANSFORMS;
  readonly dimensions: 2 | 3;
  readonly shape: readonly [number, number, number, number];
  readonly image: readonly number[];
  readonly outShape: readonly number[];
  readonly out: readonly number[];
  readonly parameters: object & { readonly angles: PerAxis; readonly scales: PerAxis; readonly patch: PerAxis };
}

const TRANSFORMS = {
  rotate90: 'rotate90',
  transpose: 'transpose',
  median: 'nnunetMedian',
  boxes: 'nnunetBlankBoxes',
  brightness: 'nnunetBrightnessSpot',
  gamma: 'nnunetGammaSpot',
  sharpen: 'nnunetSharpen',
  spatial: 'nnunetSpatial',
} as const;

const goldens = JSON.parse(
  gunzipSync(readFileSync(new URL('../../../fixtures/nnunet-da5.json.gz', import.meta.url))).toString(),
) as readonly Golden[];

const gpu = await gpuForTests();
const devices: Record<string, Device> = { reference: createReferenceDevice() };
beforeAll(async () => {
  devices['wasm'] = await createWasmDevice({ threads: 1 });
  if (gpu) devices['webgpu'] = await webGpuForTests();
});
afterAll(() => Object.values(devices).forEach((device) => device.dispose()));

function sceneOf({ shape, image }: Golden, device: Device): Scene {
  const [channels, ...space] = shape;
  return {
    id: 'golden',
    images: {
      grid: alignedGrid(space),
      kind: 'intensity',
      channels: Array.from({ length: channels }, (_, c) => String(c)),
      voxels: tensor(device, Float32Array.from(image), shape),
    },
  };
}

/** As the step itself records them. */
function parametersOf({ name, parameters }: Golden, scene: Scene): unknown {
  if (name === 'spatial') {
    const { patch, angles, scales } = parameters;
    return { patch, rotation: rotationMatrix(angles, scales, patch[0] === 1) };
  }
  if (name !== 'rotate90' && name !== 'transpose') return parameters;
  return { settings: parameters, sampling: LINEAR, before: recordGrid(scene.images.grid) };
}

describe.each(['reference', 'wasm', ...(gpu ? ['webgpu'] : [])])('the steps of DA5 on %s', (kind) => {
  it.each(goldens.map((row, k) => [`${row.name}, ${row.dimensions}D, ${k}`, row] as const))('%s', async (_, row) => {
    const scene = sceneOf(row, devices[kind]!);
    const moved = await catalogue.get(TRANSFORMS[row.name])!.apply(scene, parametersOf(row, scene));
    expect(moved.images.voxels.shape).toEqual(row.outShape);
    expect(distance(await moved.images.voxels.read(), row.out)).toBeLessThan(2e-5);
  });
});

describe('DA5 as a whole', () => {
  const cutOf = (shape: PerAxis, channels: number): Cut => {
    const rng = new Philox(7);
    const voxels = shape[0] * shape[1] * shape[2];
    return {
      shape,
      image: Float32Array.from({ length: channels * voxels }, () => rng.normal()),
      labels: Int16Array.from({ length: voxels }, (_, v) => (v % 97 < 30 ? 1 : v % 97 < 33 ? -1 : 0)),
    };
  };

  it.each([
    ['3D', { patch: [14, 16, 14], rotation: [0.5, 0.5, 0.5], mirrorAxes: [0, 1, 2] }, [24, 28, 24]],
    ['2D', { patch: [1, 16, 16], rotation: [Math.PI, 0, 0], mirrorAxes: [1, 2], maskChannels: [1] }, [1, 32, 32]],
    ['thin', { patch: [5, 20, 20], rotation: [Math.PI, 0, 0], mirrorAxes: [0, 1, 2], dummy2d: true }, [5, 40, 40]],
    ['two axes of two voxels', { patch: [2, 2, 8], rotation: [0.5, 0.5, 0.5], mirrorAxes: [] }, [4, 4, 12]],
  ] as const)('%s: its record gives the same patch again, on either device', async (_name, more, initial) => {
    const cut = cutOf(initial, 2);
    const settings = { ...more, recipe: 'da5' } as const;
    const wasm = nnunetAugmentation(settings, devices['wasm']!);
    const reference = nnunetAugmentation(settings, devices['reference']!);
    for (let k = 0; k < 16; k++) {
      const record = await wasm.sample(2, new Philox(k));
      const first = await wasm.apply(cut, new Philox(k));
      expect(first.shape).toEqual(settings.patch);
      expect(first.image.every(Number.isFinite)).toBe(true);
      expect(first.labels.includes(-1)).toBe(false);
      expect(await wasm.replay(cut, JSON.parse(JSON.stringify(record)) as typeof record)).toEqual(first);
      const plain = await reference.replay(cut, record);
      expect(distance(plain.image, first.image)).toBeLessThan(1e-3);
      expect(plain.labels.filter((label, v) => label !== first.labels[v]).length).toBeLessThanOrEqual(
        0.005 * first.labels.length,
      );
    }
  });

  it('draws each step as often as the reference', async () => {
    const steps = da5Steps({ patch: [16, 16, 16], mirrorAxes: [0, 1, 2] });
    const scene = {
      images: { grid: alignedGrid([16, 16, 16]), voxels: { shape: [1, 16, 16, 16] } },
    } as unknown as Scene;
    const draws = 3000;
    const happened = steps.map(() => 0);
    for (let k = 0; k < draws; k++)
      for (const [s, step] of steps.entries()) {
        const drawn = (await step.sample(scene, new Philox(k).split(s))) as { parameters?: unknown } | null;
        const done = drawn && 'parameters' in drawn ? drawn.parameters : drawn;
        if (done !== null) happened[s]!++;
      }
    const names = steps.map(({ name }) => name.replace(/^maybe\((.*)\)$/, '$1'));
    expect(names).toEqual([
      'rotate90',
      'transpose',
      'oneOf',
      'nnunetNoise',
      'linearIntensity',
      'oneOf',
      'nnunetLowResolution',
      'nnunetGamma',
      'nnunetGamma',
      'mirror',
      'nnunetBlankBoxes',
      'nnunetBrightnessSpot',
      'nnunetGammaSpot',
      'nnunetSharpen',
      'nnunetOutsideToBackground',
    ]);
    const expected = [0.5, 0.5, 0.2, 0.1, 0.1, 0.2, 0.15, 0.1, 0.1, 1, 0.4, 0.3, 0.3, 0.2, 1];
    expected.forEach((p, s) =>
      expect(Math.abs(happened[s]! / draws - p)).toBeLessThan(4 * Math.sqrt((p * (1 - p)) / draws) + 1e-9),
    );
  });

  it('turns about each axis for itself, and scales each for itself', async () => {
    const spatial = nnunetSpatial({
      patch: [8, 8, 8],
      rotation: [0.5, 0.5, 0.5],
      rotationProbability: 1,
      axisProbability: 0.5,
      scalingProbability: 0,
    });
    const still = (rotation: readonly number[]): boolean =>
      rotation.every((value, k) => value === (k % 4 === 0 ? 1 : 0));
    let unturned = 0;
    for (let k = 0; k < 800; k++) if (still((await spatial.sample({} as Scene, new Philox(k))).rotation!)) unturned++;
    // One in eight turns about no axis.
    expect(unturned).toBeGreaterThan(65);
    expect(unturned).toBeLessThan(135);
    const scaled = nnunetSpatial({
      patch: [8, 8, 8],
      rotation: [0, 0, 0],
      rotationProbability: 0,
      scalingProbability: 1,
      scale: [0.7, 1.43],
      scaleEachAxis: true,
    });
    const { rotation } = await scaled.sample({} as Scene, new Philox(3));
    expect(new Set([rotation![0], rotation![4], rotation![8]]).size).toBe(3);
  });

  it('exchanges only axes of the same length', () => {
    expect(equalAxes([40, 56, 40])).toEqual([0, 2]);
    expect(equalAxes([64, 64, 64])).toEqual([0, 1, 2]);
    expect(equalAxes([5, 64, 64])).toEqual([1, 2]);
    expect(equalAxes([1, 1, 64])).toEqual([]);
    expect(equalAxes([20, 40, 30])).toEqual([]);
  });
});
