/**
 * Values with activations stored as halves, sums by subgroups and by tree, and subgroup matrices, on an adapter that has
 * them: the machine's, or the software one that VOXELWISE_F16_DRIVER names (docs/webgpu.md says how to get it).
 */
import { afterAll, describe, expect, test } from 'vitest';
import { conv, convInputGradient, convTranspose } from '../../ops/index.ts';
import { difference } from '../../testing/compare.ts';
import { draw } from '../../testing/draw.ts';
import { gpuOps, testGpuOp } from '../../testing/gpu-conformance.ts';
import { gpuWithHalves } from '../../testing/gpu-for-tests.ts';
import { roundedToHalves, storedHalf } from '../../testing/layouts.ts';
import { scope } from '../../tensor/scope.ts';
import { tensor, type Tensor } from '../../tensor/tensor.ts';
import type { Device } from '../device.ts';
import { createReferenceDevice } from '../reference/reference-device.ts';
import { tensorCoresAvailable } from './tensor-cores.ts';
import { createWebGpuDevice, type WebGpuDevice, type WebGpuOptions } from './webgpu-device.ts';

const gpu = await gpuWithHalves();
const adapter = await gpu?.requestAdapter();
const features = adapter?.features;
const hasMatrices = adapter ? tensorCoresAvailable(adapter.features, adapter.info) : false;

/** On a software adapter compiling takes the time, for some of attention's pipelines a minute each. */
const compilesAll = !/llvmpipe/.test(adapter?.info.description ?? '') || process.env['VOXELWISE_F16_SLOW'] === '1';

interface Kind {
  readonly name: string;
  readonly options: WebGpuOptions;
  readonly half?: boolean;
  /** Cases of each operation where the adapter is slow. */
  readonly fewCases: number;
}

const kinds: readonly Kind[] = [
  // The whole suite in f32 runs on the adapter of the other tests.
  { name: 'f32 without subgroups', options: { without: ['subgroups'] }, fewCases: 1 },
  { name: 'f32', options: {}, fewCases: 1 },
  {
    name: 'halves without subgroups',
    options: { halfActivations: true, without: ['subgroups'] },
    half: true,
    fewCases: 1,
  },
  { name: 'halves', options: { halfActivations: true }, half: true, fewCases: 3 },
];

describe.skipIf(gpu === undefined)('webgpu with halves', () => {
  // One line for all that is skipped, instead of thousands.
  if (!gpu) test.skip('needs an adapter with shader-f16; VOXELWISE_F16_DRIVER names one');
  for (const { name, options, half, fewCases } of gpu ? kinds : [])
    describe(name, () => {
      let opened: Promise<WebGpuDevice> | undefined;
      const open = (): Promise<WebGpuDevice> => (opened ??= createWebGpuDevice({ ...options, gpu: gpu! }));
      afterAll(async () => (await opened)?.dispose());

      test('the device has what it was asked for', async () => {
        const device = await open();
        expect(device.features.has('subgroups')).toBe(features!.has('subgroups') && !options.without);
        expect(device.name.includes('f16 activations')).toBe(half === true);
      });
      for (const op of gpuOps.filter(({ name: one }) => !one.startsWith('attention')))
        testGpuOp(op, {
          open,
          finiteDifferences: false,
          ...(half ? { half } : {}),
          ...(compilesAll ? {} : { fewCases }),
        });
      describe.skipIf(!compilesAll)(
        compilesAll ? 'attention' : 'attention (skipped: takes minutes to compile here; VOXELWISE_F16_SLOW=1 runs it)',
        () => {
          for (const op of gpuOps.filter(({ name: one }) => one.startsWith('attention')))
            testGpuOp(op, { open, finiteDifferences: false, ...(half ? { half } : {}) });
        },
      );
    });
});

/** Numbers that halves hold, so that only sums and results are rounded. */
function drawn(device: Device, seed: number, shape: readonly number[]): Tensor {
  const { data } = roundedToHalves(draw({ shape }, seed));
  return tensor(device, data, shape);
}

/** Products with at least 32 channels of results and 16 of inputs; neither is always a multiple of the tile. */
const products: readonly { readonly name: string; make(device: Device): Tensor }[] = [
  {
    name: 'a convolution',
    make: (device) =>
      conv(
        {
          x: storedHalf({ x: drawn(device, 1, [2, 20, 5, 6, 7]) }),
          weight: drawn(device, 2, [40, 20, 3, 3, 3]),
          bias: drawn(device, 3, [40]),
        },
        { padding: 1 },
      ),
  },
  {
    name: 'whole tiles, a long sum in parts',
    make: (device) =>
      conv(
        { x: storedHalf({ x: drawn(device, 4, [1, 64, 8, 8]) }), weight: drawn(device, 5, [64, 64, 3, 3]) },
        { padding: 1 },
      ),
  },
  {
    name: 'a stride',
    make: (device) =>
      conv(
        { x: storedHalf({ x: drawn(device, 6, [1, 32, 9, 11]) }), weight: drawn(device, 7, [33, 32, 3, 3]) },
        { stride: 2, padding: 1 },
      ),
  },
  {
    name: 'an input gradient',
    make: (device) =>
      convInputGradient(
        { dy: storedHalf({ x: drawn(device, 8, [1, 24, 5, 5]) }), weight: drawn(device, 9, [24, 48, 3, 3]) },
        { stride: 2, padding: 1, inputSize: [9, 10] },
      ),
  },
  {
    name: 'a transposed convolution',
    make: (device) =>
      convTranspose(
        { x: storedHalf({ x: drawn(device, 10, [1, 16, 4, 5, 3]) }), weight: drawn(device, 11, [16, 32, 2, 2, 2]) },
        { stride: 2 },
      ),
  },
];

describe.skipIf(!hasMatrices)(
  `products with subgroup matrices${hasMatrices ? '' : ' (skipped: no adapter with subgroup matrices)'}`,
  () => {
    const codes: string[] = [];
    const opened =
      gpu &&
      hasMatrices &&
      createWebGpuDevice({ gpu, halfActivations: true, tensorCores: true }).then((device) => {
        const { gpu: raw } = (device as unknown as { backend: { gpu: GPUDevice } }).backend;
        const compile = raw.createShaderModule.bind(raw);
        raw.createShaderModule = (descriptor) => {
          codes.push(descriptor.code);
          return compile(descriptor);
        };
        return device;
      });
    afterAll(async () => {
      if (opened) (await opened).dispose();
    });

    test.each(products.map(({ name, make }) => [name, make] as const))('%s', async (_name, make) => {
      const device = await (opened as Promise<WebGpuDevice>);
      const [got, want] = [scope(() => make(device)), scope(() => make(createReferenceDevice()))];
      // The result is a half too: 11 bits.
      expect(difference(await got.read(), await want.read(), 6e-4)).toBeUndefined();
      got.dispose();
    });

    test('no other kernel multiplied', () => {
      expect(codes.some((code) => code.includes('subgroupMatrixMultiplyAccumulate'))).toBe(true);
      expect(codes.filter((code) => code.includes('tileA') && !code.includes('subgroupMatrix'))).toEqual([]);
    });
  },
);
