/** A normalization takes the moments that the convolution before it has left; where there are none it measures itself. */
import { afterAll, beforeAll, beforeEach, describe as group, expect, it } from 'vitest';
import { sharedMemoryAvailable } from '../../devices/wasm/features.ts';
import { createWasmDevice, type WasmDevice } from '../../devices/wasm/wasm-device.ts';
import { Philox } from '../../random/philox.ts';
import { keep, scope } from '../../tensor/scope.ts';
import { sizeOf, type HostArray, type Shape } from '../../tensor/spec.ts';
import { tensor, type Tensor } from '../../tensor/tensor.ts';
import { conv } from '../conv/conv.ts';
import type { ConvOptions } from '../conv/geometry.ts';
import { instanceNormWithMoments } from './instance-norm.ts';

interface Layer {
  readonly x: Shape;
  readonly weight: Shape;
  readonly options: Partial<ConvOptions>;
}

const LAYERS: Readonly<Record<string, Layer>> = {
  'direct, few channels': { x: [2, 1, 5, 9, 7], weight: [11, 1, 3, 3, 3], options: { padding: 1 } },
  'direct, strided': { x: [2, 16, 9, 10, 11], weight: [24, 16, 3, 3, 3], options: { padding: 1, stride: 2 } },
  'F2, anisotropic kernel': {
    x: [1, 8, 3, 11, 12],
    weight: [9, 8, 1, 3, 3],
    options: { padding: [0, 1, 1], algorithm: 'F2' },
  },
  'F4, strips and slices that end early': {
    x: [1, 32, 5, 45, 37],
    weight: [16, 32, 3, 3, 3],
    options: { padding: 1, algorithm: 'F4' },
  },
  'F2x4x4, an odd number of slices': {
    x: [2, 16, 7, 18, 13],
    weight: [16, 16, 3, 3, 3],
    options: { padding: 1, algorithm: 'F2x4x4' },
  },
  '2D': { x: [3, 8, 40, 41], weight: [8, 8, 3, 3], options: { padding: 1 } },
  'one voxel': { x: [1, 8, 1, 1, 1], weight: [8, 8, 3, 3, 3], options: { padding: 1 } },
};

let device: WasmDevice;
const withThreads: WasmDevice[] = [];
beforeAll(async () => {
  device = await createWasmDevice({ threads: 1, profile: true });
  for (const threads of sharedMemoryAvailable() ? [1, 2, 8] : [1])
    withThreads.push(await createWasmDevice({ threads, deterministic: true }));
});
beforeEach(() => (device.profile as Map<string, number>).clear());
afterAll(() => [device, ...withThreads].forEach((opened) => opened.dispose()));

function drawn(on: WasmDevice, shape: Shape, seed: number, mean = 0): Tensor {
  const random = new Philox(seed);
  return tensor(
    on,
    Float32Array.from({ length: sizeOf(shape) }, () => mean + random.normal()),
    shape,
  );
}

interface Outcome {
  readonly raw: HostArray;
  readonly y: HostArray;
  readonly moments: HostArray;
}

/** A convolution and its normalization in one program, or with the convolution in a program of its own. */
async function run(on: WasmDevice, { x, weight, options }: Layer, apart: boolean, mean = 0): Promise<Outcome> {
  const [image, kernel, bias] = [drawn(on, x, 1), drawn(on, weight, 2), drawn(on, [weight[0]!], 3, mean)];
  const raw = conv({ x: image, weight: kernel, bias }, options);
  if (apart) await on.flush();
  const [y, moments] = instanceNormWithMoments({ x: raw }, { slope: 0.01 }) as [Tensor, Tensor];
  return { raw: await raw.read(), y: await y.read(), moments: await moments.read() };
}

/** Mean and 1/sqrt(variance + epsilon) per sample and channel, in float64. */
function momentsOf(raw: HostArray, rows: number): number[] {
  const voxels = raw.length / rows;
  return Array.from({ length: rows }, (_, row) => {
    const values = Array.from(raw.subarray(row * voxels, (row + 1) * voxels));
    const mean = values.reduce((sum, v) => sum + v, 0) / voxels;
    const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / voxels;
    return [mean, 1 / Math.sqrt(variance + 1e-5)];
  }).flat();
}

function greatestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Array.from(a).reduce((most, v, k) => Math.max(most, Math.abs(v - b[k]!) / Math.max(1, Math.abs(b[k]!))), 0);
}

group.each(Object.entries(LAYERS))('%s', (_, layer) => {
  it('leaves the moments that float64 finds, without a pass of their own', async () => {
    const { raw, y, moments } = await run(device, layer, false);
    expect([...device.profile.keys()]).toContain('instanceNorm/norm_moments');
    expect([...device.profile.keys()]).not.toContain('instanceNorm/norm_sums');
    expect(greatestDifference(moments, momentsOf(raw, layer.x[0]! * layer.weight[0]!))).toBeLessThan(2e-6);
    const apart = await run(device, layer, true);
    expect([...device.profile.keys()]).toContain('instanceNorm/norm_sums');
    expect(apart.raw).toEqual(raw);
    expect(greatestDifference(apart.y, y)).toBeLessThan(1e-5);
  });

  it('leaves them as exactly where the mean is hundreds of times the deviation', async () => {
    const { raw, moments } = await run(device, layer, false, 1e4);
    expect(greatestDifference(moments, momentsOf(raw, layer.x[0]! * layer.weight[0]!))).toBeLessThan(1e-5);
  });

  it('leaves the same bits for any number of threads', async () => {
    const want = await run(withThreads[0]!, layer, false);
    for (const other of withThreads.slice(1)) expect(await run(other, layer, false)).toEqual(want);
  });
});

it('spreads a NaN over its channel and sample, and no further', async () => {
  const x = drawn(device, [2, 8, 4, 6, 5], 1);
  // One channel to each channel.
  const weight = Float32Array.from({ length: 64 }, (_, k) => (k % 9 === 0 ? 1 : 0));
  const data = (await x.read()) as Float32Array;
  data[(8 + 3) * 120 + 7] = NaN;
  const moments = await scope(() => {
    const raw = conv({ x: tensor(device, data, x.shape), weight: tensor(device, weight, [8, 8, 1, 1, 1]) });
    // 0 · NaN is NaN in the other channels of that voxel too: only the other sample is clean.
    return keep(instanceNormWithMoments({ x: raw })[1]!);
  }).read();
  expect(Array.from(moments.subarray(0, 16)).every(Number.isFinite)).toBe(true);
  expect(Array.from(moments.subarray(16)).every(Number.isNaN)).toBe(true);
});

it('measures itself what no convolution wrote', async () => {
  const raw = conv({ x: drawn(device, [1, 8, 4, 4, 4], 1), weight: drawn(device, [8, 8, 3, 3, 3], 2) }, { padding: 1 });
  const both = instanceNormWithMoments({ x: raw });
  const twice = instanceNormWithMoments({ x: both[0]! });
  const moments = await twice[1]!.read();
  expect([...device.profile.keys()]).toContain('instanceNorm/norm_sums');
  expect(greatestDifference(moments, momentsOf(await both[0]!.read(), 8))).toBeLessThan(2e-6);
});
