/** WebGPU against WASM on volumes of many workgroups: what small cases cannot show (scans over blocks, long paths to a root, many ties). */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../devices/device.ts';
import { createWasmDevice } from '../devices/wasm/wasm-device.ts';
import { Philox } from '../random/philox.ts';
import { gpuForTests, webGpuForTests } from '../testing/gpu-for-tests.ts';
import { sizeOf, type DType, type HostArray, type Shape } from '../tensor/spec.ts';
import { tensor, type Tensor } from '../tensor/tensor.ts';
import { difference } from '../testing/compare.ts';
import { blur } from './blur/blur.ts';
import { components } from './components/components.ts';
import { contrast } from './contrast/contrast.ts';
import { decideLabels } from './decide-labels/decide-labels.ts';
import { distance } from './distance/distance.ts';
import { gradientNorm } from './clip-gradients/gradient-norm.ts';
import { gaussianNoise } from './gaussian-noise/gaussian-noise.ts';
import { resizeDecide } from './resize-decide/resize-decide.ts';
import { topMean } from './top-mean/top-mean.ts';
import { gamma } from './gamma/gamma.ts';
import { histogram } from './histogram/histogram.ts';
import { lowResolution } from './low-resolution/low-resolution.ts';
import { boundingBox, fillHoles, nonzeroMask, rangeMask } from './masks/masks.ts';
import { percentiles } from './percentiles/percentiles.ts';
import { reindex, type AxisMap } from './reindex/reindex.ts';
import { remapLabels } from './remap-labels/remap-labels.ts';
import { rescaleIntensity, type Rescaling } from './rescale-intensity/rescale-intensity.ts';
import { resizeLabels } from './resize-labels/resize-labels.ts';
import { resizeSpline } from './resize-spline/resize-spline.ts';
import { sampleAffine } from './sample-affine/sample-affine.ts';
import { splineCoefficients } from './spline-coefficients/spline-coefficients.ts';
import { statistics } from './statistics/statistics.ts';

const gpu = await gpuForTests();

/** Whole numbers below `count`; `rare`: one in so many is 0. */
function integers(shape: Shape, count: number, rare = 1): number[] {
  const rng = new Philox(11);
  return Array.from({ length: sizeOf(shape) }, () =>
    rare > 1 ? Math.min(count - 1, rng.integer(0, rare)) : rng.integer(0, count),
  );
}

const greatest = (numbers: HostArray): number =>
  numbers.reduce((most: number, value) => Math.max(most, value), -Infinity);

/** A corridor that fills the volume in one long line: rows joined at alternating ends. */
function serpentine([, nz, ny, nx]: Shape): number[] {
  return Array.from({ length: nz! * ny! * nx! }, (_, v) => {
    const [z, y, x] = [Math.floor(v / (ny! * nx!)), Math.floor(v / nx!) % ny!, v % nx!];
    if (z % 2 === 1) return (y === 0) === (z % 4 === 1) && (y === 0 || y === ny! - 1) && x === 0 ? 1 : 0;
    return y % 2 === 0 || x === (y % 4 === 1 ? nx! - 1 : 0) ? 1 : 0;
  });
}

describe.skipIf(gpu === undefined)(`large volumes on WebGPU${gpu ? '' : ' (skipped: no adapter)'}`, () => {
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

  const both = async (
    shape: Shape,
    dtype: DType,
    numbers: readonly number[],
    run: (x: Tensor) => Tensor,
  ): Promise<readonly [HostArray, HostArray]> => {
    const on = async (device: Device): Promise<HostArray> => {
      const x = tensor(device, numbers, shape, dtype);
      const y = run(x);
      const read = await y.read();
      x.dispose();
      y.dispose();
      return read;
    };
    return [await on(webgpu), await on(wasm)];
  };

  // More than 256 blocks of 1024 voxels.
  const LARGE: Shape = [1, 65, 64, 66];

  it.each([
    [6, LARGE],
    [18, [1, 19, 30, 31]],
    [26, [1, 19, 30, 31]],
  ] as const)('components of random labels, %i neighbors', async (connectivity, shape) => {
    const [got, want] = await both(shape, 'i32', integers(shape, 7), (x) => components({ x }, { connectivity }));
    expect(got).toEqual(want);
    expect(greatest(want)).toBeGreaterThan(100);
  });

  it('one component as long as it can be', async () => {
    const [got, want] = await both(LARGE, 'u8', serpentine(LARGE), (x) => components({ x }));
    expect(got).toEqual(want);
    expect(greatest(want)).toBe(1);
  });

  it('holes', async () => {
    const [got, want] = await both(LARGE, 'u8', integers(LARGE, 2, 3), (mask) => fillHoles({ mask }));
    expect(got).toEqual(want);
    expect(want.reduce((sum, value) => sum + value, 0)).toBeGreaterThan(sizeOf(LARGE) * 0.7);
  });

  it('the box of one voxel', async () => {
    const numbers = integers(LARGE, 1);
    numbers[123456] = 1;
    const [got, want] = await both(LARGE, 'u8', numbers, (mask) => boundingBox({ mask }));
    expect(got).toEqual(want);
    expect(Math.max(...want)).toBeGreaterThan(0);
  });

  it('distances to rare voxels, anisotropic', async () => {
    const [got, want] = await both(LARGE, 'u8', integers(LARGE, 2, 40000), (mask) =>
      distance({ mask }, { spacing: [2.5, 0.7, 0.9] }),
    );
    let worst = 0;
    want.forEach((value, v) => (worst = Math.max(worst, Math.abs(value - got[v]!) / Math.max(1, value))));
    expect(worst).toBeLessThan(5e-7);
    expect(greatest(want)).toBeGreaterThan(15);
  });

  it('labels resized, voxel by voxel where weights tie', async () => {
    const shape: Shape = [1, 15, 16, 17];
    for (const to of [
      [30, 32, 34],
      [17, 20, 23],
      [8, 7, 9],
    ] as const) {
      const [got, want] = await both(shape, 'i32', integers(shape, 3), (x) => resizeLabels({ x }, { shape: to }));
      expect(got).toEqual(want);
    }
  });

  it('labels and neighbors at positions between two voxels', async () => {
    const shape: Shape = [1, 15, 16, 17];
    for (const interpolation of ['nearest', 'linear'] as const) {
      const matrix = [0.5, 0, 0, 0, 0, 0.5, 0, 0.25, 0, 0, 0.5, 0.5];
      const [got, want] = await both(shape, 'i32', integers(shape, 4), (x) =>
        sampleAffine({ x }, { shape: [28, 30, 32], matrix, interpolation, padding: 'border' }),
      );
      expect(got).toEqual(want);
    }
  });

  it('percentiles and statistics of many equal numbers and an offset', async () => {
    const shape: Shape = [1, 40, 41, 42];
    const rng = new Philox(5);
    const numbers = Array.from({ length: sizeOf(shape) }, () =>
      rng.uniform() < 0.6 ? -1024 : Math.fround(1000 + 300 * rng.normal()),
    );
    const wanted = [0, 0.5, 10, 30, 61.8, 99.5, 100];
    const [got, want] = await both(shape, 'f32', numbers, (x) => percentiles({ x }, { percentiles: wanted }));
    want.forEach((value, k) => expect(Math.abs(got[k]! - value)).toBeLessThanOrEqual(Math.abs(value) * 1.2e-7));
    const [measured, expected] = await both(shape, 'f32', numbers, (x) => statistics({ x }));
    expected.forEach((value, k) => expect(Math.abs(measured[k]! - value)).toBeLessThan(Math.abs(value) * 5e-7));
  });
});

describe.skipIf(gpu === undefined)(
  `volumes that one buffer does not hold${gpu ? '' : ' (skipped: no adapter)'}`,
  () => {
    // Three channels of which one fits.
    const shape: Shape = [3, 11, 20, 31];
    const space = [11, 20, 31] as const;
    const most = 60_000;
    let wasm: Device;
    let capped: Device;
    beforeAll(async () => {
      wasm = await createWasmDevice({ threads: 1 });
      capped = await webGpuForTests({ limits: { maxBufferSize: most, maxStorageBufferBindingSize: most } });
    });
    afterAll(() => {
      wasm.dispose();
      capped.dispose();
    });

    const taps = [[0.25, 0.5, 0.25], [1], [0.2, 0.6, 0.2]];
    const row = (add: number): Rescaling => ({ low: -1, high: null, subtract: 0.1, divide: 2, multiply: 3, add });
    const shifted: AxisMap = { axis: 0, size: 30, rule: 'move', start: 12, step: -1 };
    const whole = (axis: 0 | 1 | 2): AxisMap => ({ axis, size: space[axis], rule: 'move', start: 0, step: 1 });
    const matrix = [0.3, 0.1, 0, 0.2, 0, 0.9, 0.1, 0.3, 0.05, 0, 0.8, 1.7];
    const operations: Readonly<Record<string, (x: Tensor) => Tensor>> = {
      blur: (x) => blur({ x }, { channels: [taps, null, taps] }),
      contrast: (x) => contrast({ x }, { factors: [1.2, null, 0.8] }),
      gamma: (x) => gamma({ x }, { exponents: [null, 0.7, 1.4] }),
      lowResolution: (x) => lowResolution({ x }, { shapes: [[5, 9, 20], null, [11, 10, 8]] }),
      histogram: (x) => histogram({ x }, { bins: 1500, low: -2, high: 2 }),
      percentiles: (x) => percentiles({ x }, { percentiles: [40] }),
      statistics: (x) => statistics({ x }),
      splineCoefficients: (x) => splineCoefficients({ x }),
      resizeSpline: (x) => resizeSpline({ x }, { shape: [9, 22, 29] }),
      rescaleIntensity: (x) => rescaleIntensity({ x }, { channels: [row(0), row(1), row(2)] }),
      decideLabels: (x) => decideLabels({ logits: x }),
      nonzeroMask: (x) => nonzeroMask({ x }),
      rangeMask: (x) => rangeMask({ x }, { low: 1 }),
      reindex: (x) => reindex({ x }, { axes: [shifted, whole(1), whole(2)], boundary: 'wrap' }),
      sampleAffine: (x) => sampleAffine({ x }, { shape: [33, 20, 31], matrix, padding: 'border' }),
      gaussianNoise: (x) => gaussianNoise({ x }, { key: [7, 8], deviations: [1, 0, 0.5], combine: 'rician' }),
      resizeDecide: (x) => resizeDecide({ logits: x }, { shape: [9, 22, 29], order: 1 }),
      topMean: (x) => topMean({ x }, { fraction: 0.2 }),
      gradientNorm: (x) => gradientNorm({ x, again: x }, { limit: 1 })[0]!,
    };

    it.each(Object.keys(operations))('%s', async (name) => {
      const rng = new Philox(9);
      const numbers = Float32Array.from({ length: sizeOf(shape) }, () => rng.normal());
      const on = async (device: Device): Promise<HostArray> => {
        const x = tensor(device, numbers, shape);
        const y = operations[name]!(x);
        const read = await y.read();
        x.dispose();
        y.dispose();
        return read;
      };
      expect(difference(await on(capped), await on(wasm), 5e-6)).toBeUndefined();
    });

    it('labels of several channels', async () => {
      const numbers = integers(shape, 5);
      const on = async (device: Device, run: (x: Tensor) => Tensor): Promise<HostArray> =>
        run(tensor(device, numbers, shape, 'i32')).read();
      for (const run of [
        (labels: Tensor) => remapLabels({ labels }, { from: [1, 2], to: [2, 7] }),
        (x: Tensor) => resizeLabels({ x }, { shape: [12, 19, 30] }),
      ])
        expect(await on(capped, run)).toEqual(await on(wasm, run));
    });

    it('distances and the box of a mask, axis by axis', async () => {
      const inside: Shape = [1, 40, 50, 60];
      const numbers = integers(inside, 2, 500);
      const on = async (device: Device, run: (mask: Tensor) => Tensor): Promise<HostArray> =>
        run(tensor(device, numbers, inside, 'u8')).read();
      for (const run of [
        (mask: Tensor) => distance({ mask }, { spacing: [2.5, 0.8, 0.7] }),
        (mask: Tensor) => boundingBox({ mask }),
      ])
        expect(difference(await on(capped, run), await on(wasm, run), 1e-6)).toBeUndefined();
    });

    it('a channel beyond the limit is counted slab by slab, with its mask', async () => {
      const counted: Shape = [1, 9, 60, 70];
      const values = Float32Array.from({ length: sizeOf(counted) }, (_, k) => Math.sin(k));
      const chosen = integers(counted, 2);
      const on = async (device: Device): Promise<HostArray> =>
        histogram(
          { x: tensor(device, values, counted), mask: tensor(device, chosen, counted, 'u8') },
          { bins: 40, low: -0.9, high: 1 },
        ).read();
      expect(await on(capped)).toEqual(await on(wasm));
    });

    it('what needs the whole volume at once says so', async () => {
      const numbers = integers([1, 30, 30, 30], 2);
      const x = tensor(capped, numbers, [1, 30, 30, 30], 'i32');
      await expect(components({ x }).read()).rejects.toThrow(/components cannot be computed in smaller parts/);
    });
  },
);
