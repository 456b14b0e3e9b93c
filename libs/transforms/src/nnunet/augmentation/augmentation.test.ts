/** nnU-Net's augmentation against goldens of the reference with explicit parameters, and its chance. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createReferenceDevice, createWasmDevice, Philox, tensor, type Device, type Tensor } from '@voxelwise/compute';
import { alignedGrid, type PerAxis, type Volume } from '@voxelwise/volume';
import { distance, golden } from '../../../fixtures/golden.ts';
import type { Scene } from '../../contract/transform.ts';
import { nnunetAugmentation, type Cut } from './augmentation.ts';
import {
  blurApplication,
  blurTaps,
  contrastApplication,
  gammaApplication,
  lowResolutionApplication,
  maskOutsideApplication,
} from './intensity.ts';
import { mirrorApplication } from './mirror.ts';
import { nnunetSpatial, nnunetSpatialApplication, rotationMatrix } from './spatial.ts';
import { deepSupervisionScales, deepSupervisionTargets } from './targets.ts';

interface Row {
  name: string;
  patch_size: number[];
  angles_rad: number[] | null;
  scales: number[] | null;
  affine: number[][] | null;
  sigma: number[];
  kernel?: number[];
  multiplier: number;
  gamma: number;
  invert: boolean;
  scale: number;
  ignore_axes: number[] | null;
  scales_list: number[][];
  apply_to_channels: number[];
}
const goldens = golden<(Row & { scales: never })[]>('nnunet-transforms');
const rows = (start: string): Row[] => goldens.cases.filter(({ name }) => name.startsWith(start)) as unknown as Row[];

const devices: Record<string, Device> = { reference: createReferenceDevice() };
beforeAll(async () => {
  devices['wasm'] = await createWasmDevice({ threads: 1 });
});
afterAll(() => devices['wasm']?.dispose());

const space = (shape: readonly number[]): PerAxis =>
  shape.length === 3 ? [1, shape[1]!, shape[2]!] : [shape[1]!, shape[2]!, shape[3]!];

function volume(name: string, kind: 'intensity' | 'labels', device: Device): Volume<Tensor> {
  const { shape, data } = goldens.array(name);
  const grid = alignedGrid(space(shape));
  const channels = Array.from({ length: shape[0]! }, (_, c) => String(c));
  return {
    grid,
    kind,
    channels,
    voxels: tensor(device, kind === 'labels' ? Int32Array.from(data) : Float32Array.from(data), [
      shape[0]!,
      ...grid.shape,
    ]),
  };
}

const scene = (name: string, device: Device): Scene => ({
  id: name,
  images: volume(`${name}_in`, 'intensity', device),
});

for (const kind of ['reference', 'wasm']) {
  describe(`nnU-Net augmentation on ${kind}`, () => {
    it.each(rows('spatial').map((row) => [row.name, row] as const))('%s', async (name, row) => {
      const device = devices[kind]!;
      const flat = row.patch_size.length === 2;
      const angles = row.angles_rad && ((flat ? [row.angles_rad.at(-1)!, 0, 0] : row.angles_rad) as unknown as PerAxis);
      const rotation = angles && rotationMatrix(angles, (row.scales as unknown as number[])[0]!, flat);
      if (rotation) {
        const rotated = flat ? [rotation[4]!, rotation[5]!, rotation[7]!, rotation[8]!] : rotation;
        expect(distance(rotated, row.affine!.flat())).toBeLessThan(1e-6);
      }
      const moved = nnunetSpatialApplication.apply(
        {
          id: name,
          images: volume(`${name}_image_in`, 'intensity', device),
          labels: volume(`${name}_seg_in`, 'labels', device),
        },
        { patch: (flat ? [1, ...row.patch_size] : row.patch_size) as unknown as PerAxis, rotation },
      );
      expect(distance(await moved.images.voxels.read(), goldens.array(`${name}_image_out`).data)).toBeLessThanOrEqual(
        1e-4,
      );
      const expected = goldens.array(`${name}_seg_out`).data;
      const labels = await moved.labels!.voxels.read();
      expect(labels.filter((label, v) => label !== expected[v]).length).toBeLessThanOrEqual(0.001 * labels.length);
    });

    it.each(rows('gaussian_blur').map((row) => [row.name, row] as const))('%s', async (name, row) => {
      if (row.kernel) expect(distance(blurTaps(row.sigma[0]!), row.kernel)).toBeLessThan(1e-6);
      const sigma = [row.sigma[0]!, row.sigma[1]!, row.sigma.at(-1)!] as const;
      const result = blurApplication.apply(scene(name, devices[kind]!), { sigmaVoxels: [sigma] });
      expect(distance(await result.images.voxels.read(), goldens.array(`${name}_out`).data)).toBeLessThanOrEqual(1e-5);
    });

    it.each(rows('contrast').map((row) => [row.name, row] as const))('%s', async (name, row) => {
      const result = contrastApplication.apply(scene(name, devices[kind]!), { factors: [row.multiplier] });
      expect(distance(await result.images.voxels.read(), goldens.array(`${name}_out`).data)).toBeLessThanOrEqual(1e-4);
    });

    it.each(rows('gamma').map((row) => [row.name, row] as const))('%s', async (name, row) => {
      const result = gammaApplication.apply(scene(name, devices[kind]!), {
        exponents: [row.gamma],
        invert: row.invert,
      });
      expect(distance(await result.images.voxels.read(), goldens.array(`${name}_out`).data)).toBeLessThanOrEqual(1e-4);
    });

    it.each(rows('lowres').map((row) => [row.name, row] as const))('%s', async (name, row) => {
      const result = lowResolutionApplication.apply(scene(name, devices[kind]!), {
        zooms: [row.scale],
        keep: row.ignore_axes ?? [],
      });
      expect(distance(await result.images.voxels.read(), goldens.array(`${name}_out`).data)).toBeLessThanOrEqual(1e-5);
    });

    it.each(rows('ds_').map((row) => [row.name, row] as const))('%s', async (name, row) => {
      const labels = volume(`${name}_in`, 'labels', devices[kind]!).voxels;
      const scales = (row.scales as unknown as number[][]).map((scale) => (scale.length === 2 ? [1, ...scale] : scale));
      for (const [k, target] of deepSupervisionTargets(labels, scales).entries()) {
        const expected = goldens.array(`${name}_out${k}`);
        expect(target.shape.slice(1)).toEqual(space(expected.shape));
        expect(distance(await target.read(), expected.data)).toBe(0);
      }
    });

    it('masks the image', async () => {
      const [row] = rows('mask_image');
      const result = maskOutsideApplication.apply(
        {
          id: 'm',
          images: volume('mask_image_image_in', 'intensity', devices[kind]!),
          labels: volume('mask_image_seg', 'labels', devices[kind]!),
        },
        { channels: row!.apply_to_channels },
      );
      expect(distance(await result.images.voxels.read(), goldens.array('mask_image_image_out').data)).toBe(0);
    });

    it('mirrors back', async () => {
      const image = volume('gaussian_blur_0_in', 'intensity', devices[kind]!);
      const there = mirrorApplication.apply({ id: 'm', images: image }, { axes: [0, 2] });
      expect(distance(await there.images.voxels.read(), goldens.array('gaussian_blur_0_in').data)).toBeGreaterThan(0);
      const back = mirrorApplication.invert!(there.images, { axes: [0, 2] });
      expect(distance(await back.voxels.read(), goldens.array('gaussian_blur_0_in').data)).toBe(0);
      expect(back.grid.affine).toEqual(image.grid.affine);
    });
  });
}

describe('chance', () => {
  const cutOf = (shape: PerAxis, channels: number): Cut => {
    const rng = new Philox(5);
    const voxels = shape[0] * shape[1] * shape[2];
    return {
      shape,
      image: Float32Array.from({ length: channels * voxels }, () => rng.normal()),
      labels: Int16Array.from({ length: voxels }, (_, v) => (v % 97 < 30 ? 1 : v % 97 < 33 ? -1 : 0)),
    };
  };

  it.each([
    ['3D', { patch: [12, 16, 14], rotation: [0.5, 0.5, 0.5], mirrorAxes: [0, 1, 2] }, [18, 22, 21]],
    ['2D', { patch: [1, 16, 14], rotation: [Math.PI, 0, 0], mirrorAxes: [1, 2], maskChannels: [1] }, [1, 25, 25]],
    ['dummy 2D', { patch: [5, 24, 20], rotation: [Math.PI, 0, 0], mirrorAxes: [0, 1, 2], dummy2d: true }, [5, 33, 30]],
  ] as const)('%s: the same record gives the same patch, on either device', async (_name, settings, initial) => {
    const cut = cutOf(initial, 2);
    const wasm = nnunetAugmentation(settings, devices['wasm']!);
    const reference = nnunetAugmentation(settings, devices['reference']!);
    let different = 0;
    for (let k = 0; k < 12; k++) {
      const record = await wasm.sample(2, new Philox(k));
      const again = JSON.parse(JSON.stringify(record)) as typeof record;
      const [first, second, plain] = [
        await wasm.apply(cut, new Philox(k)),
        await wasm.replay(cut, again),
        await reference.replay(cut, record),
      ];
      expect(second).toEqual(first);
      expect(first.shape).toEqual(settings.patch);
      expect(first.labels.includes(-1)).toBe(false);
      expect(distance(plain.image, first.image)).toBeLessThan(1e-4);
      expect(plain.labels.filter((label, v) => label !== first.labels[v]).length).toBeLessThanOrEqual(
        0.002 * first.labels.length,
      );
      if (k > 0 && distance(first.image, (await wasm.apply(cut, new Philox(k - 1))).image) > 0) different++;
    }
    expect(different).toBeGreaterThan(8);
  });

  it.each(['none', 'labels', 'images and labels'] as const)('nearest: %s', async (nearest) => {
    const cut = cutOf([18, 22, 21], 1);
    // Labels far apart: between them nothing but a neighbor is nearest.
    const spread = { ...cut, labels: cut.labels.map((_, v) => (v * 7) % 5) };
    const rotation = rotationMatrix([0.3, -0.2, 0.4], 1.2, false);
    const patch = [12, 16, 14] as const;
    const drawn = await nnunetSpatial({ patch, rotation: [0.5, 0.5, 0.5], rotationProbability: 1, nearest }).sample(
      {} as Scene,
      new Philox(1),
    );
    expect(drawn.nearest).toBe(nearest === 'none' ? undefined : nearest);
    const moved = await nnunetAugmentation(
      { patch, rotation: [0.5, 0.5, 0.5], mirrorAxes: [], nearest },
      devices['wasm']!,
    ).replay(spread, {
      spatial: { patch, rotation, ...(nearest === 'none' ? {} : { nearest }) },
      rest: [null, null, null, null, null, null, null, {}],
    });
    const known = new Set([0, ...cut.image]);
    const exact = moved.image.filter((value) => known.has(value)).length;
    if (nearest === 'images and labels') expect(exact).toBe(moved.image.length);
    else expect(exact).toBeLessThan(0.1 * moved.image.length);
    if (nearest === 'none') return;
    // About the centers of both, as the reference turns.
    const center = [patch, spread.shape].map((shape) => shape.map((n) => (n - 1) / 2));
    let compared = 0;
    for (const at of [
      [6, 8, 7],
      [3, 4, 10],
      [9, 12, 2],
    ]) {
      const from = [0, 1, 2].map(
        (row) =>
          center[1]![row]! + at.reduce((sum, x, axis) => sum + rotation[row * 3 + axis]! * (x - center[0]![axis]!), 0),
      );
      if (from.some((p) => Math.abs(p - Math.floor(p) - 0.5) < 0.05)) continue;
      const [z, y, x] = from.map(Math.round) as [number, number, number];
      expect(moved.labels[(at[0]! * 16 + at[1]!) * 14 + at[2]!]).toBe(spread.labels[(z * 22 + y) * 21 + x]);
      compared++;
    }
    expect(compared).toBeGreaterThan(0);
  });

  it('reads only the part of the cut that it needs', async () => {
    const cut = cutOf([18, 22, 21], 1);
    const settings = { patch: [12, 16, 14], rotation: [0.5, 0.5, 0.5], mirrorAxes: [] } as const;
    const augmentation = nnunetAugmentation(settings, devices['wasm']!);
    const rotation = rotationMatrix([0.3, -0.2, 0.4], 1.2, false);
    const record = {
      spatial: { patch: settings.patch, rotation },
      rest: [null, null, null, null, null, null, null, {}],
    };
    const patch = await augmentation.replay(cut, record);
    const grid = alignedGrid(cut.shape);
    const whole = nnunetSpatialApplication.apply(
      {
        id: '',
        images: {
          grid,
          kind: 'intensity',
          channels: ['0'],
          voxels: tensor(devices['wasm']!, cut.image, [1, ...cut.shape]),
        },
      },
      { patch: settings.patch, rotation },
    );
    expect(distance(await whole.images.voxels.read(), patch.image)).toBeLessThan(1e-5);
  });

  it('gives the sizes of deep supervision', () => {
    expect(
      deepSupervisionScales([
        [1, 1, 1],
        [1, 2, 2],
        [2, 2, 2],
        [2, 2, 2],
      ]),
    ).toEqual([
      [1, 1, 1],
      [1, 0.5, 0.5],
      [0.5, 0.25, 0.25],
    ]);
  });
});
