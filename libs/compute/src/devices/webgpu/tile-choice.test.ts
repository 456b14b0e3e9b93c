/** Tiles of convolutions: all give the same values, a table decides which runs, and the clock fills the table. */
import { describe, expect, test } from 'vitest';
import { conv, convInputGradient, convWeightGradient } from '../../ops/index.ts';
import { TILES, tileVariants, type TileName } from '../../ops/conv/conv.webgpu.ts';
import { weightTileVariants, WEIGHT_TILES } from '../../ops/conv/weight-gradient.webgpu.ts';
import { Philox } from '../../random/index.ts';
import { gpuForTests, webGpuForTests } from '../../testing/gpu-for-tests.ts';
import { sizeOf, type HostArray } from '../../tensor/spec.ts';
import { tensor, type Tensor } from '../../tensor/tensor.ts';
import type { AutotuneTable } from '../autotune.ts';
import { createReferenceDevice } from '../reference/reference-device.ts';
import type { Device } from '../device.ts';

const gpu = await gpuForTests();

/** 12 channels to 20 and back, with options of a variant. */
const results: readonly { readonly targets: number; make(device: Device, tile?: object): Tensor }[] = [
  {
    targets: 20,
    make: (device, tile) =>
      conv({ x: drawn(device, 1, [1, 12, 5, 9]), weight: drawn(device, 2, [20, 12, 3, 3]) }, { padding: 1, ...tile }),
  },
  {
    targets: 12,
    make: (device, tile) =>
      convInputGradient(
        { dy: drawn(device, 3, [1, 20, 5, 9]), weight: drawn(device, 2, [20, 12, 3, 3]) },
        { padding: 1, inputSize: [5, 9], ...tile },
      ),
  },
];

function drawn(device: Device, seed: number, shape: readonly number[]): Tensor {
  const random = new Philox(seed);
  return tensor(
    device,
    Float32Array.from({ length: sizeOf(shape) }, () => random.normal()),
    shape,
  );
}

/** Fills with the shaders that the device compiles from now on. */
function compiledOn(device: Device): string[] {
  const { gpu: raw } = (device as unknown as { backend: { gpu: GPUDevice } }).backend;
  const make = raw.createShaderModule.bind(raw);
  const codes: string[] = [];
  raw.createShaderModule = (descriptor) => {
    codes.push(descriptor.code);
    return make(descriptor);
  };
  return codes;
}

/** GX and TM of a tile. */
function tileOf(name: string): string {
  const { GX, TM } = TILES[name as TileName];
  return `${GX} ${TM}`;
}

function off(got: HostArray, want: HostArray): number {
  return Math.max(...[...got].map((value, k) => Math.abs(value - want[k]!)));
}

test('few channels are offered small tiles, many the large ones', () => {
  const names = (channels: number): string[] => tileVariants(channels, {}).map(({ name }) => name);
  expect(names(64)[0]).toBe('64x128x8');
  expect(names(64)).toContain('32x128x8');
  expect(names(64)).not.toContain('4x256x8');
  expect(names(3)[0]).toBe('4x256x8');
  expect(names(3)).not.toContain('64x64x8');
});

test('weight gradients of few channels are offered small tiles, those of many the large ones', () => {
  const names = (outputs: number): string[] => weightTileVariants(outputs, {}).map(({ name }) => name);
  expect(names(64)[0]).toBe('64x64x32');
  expect(names(64)).toContain('128x64x16');
  expect(names(64)).toContain('32x64x32');
  expect(names(8)).toEqual(['16x64x32', '16x128x16']);
  expect(names(20)).not.toContain('64x64x32');
});

describe.skipIf(gpu === undefined)(`tiles on webgpu${gpu ? '' : ' (skipped: no adapter)'}`, () => {
  test.each(Object.entries(WEIGHT_TILES))('the weight gradient by tiles of %s', async (tile, sizes) => {
    const make = (device: Device, options?: object): Tensor =>
      convWeightGradient(
        { x: drawn(device, 4, [2, 6, 5, 9]), dy: drawn(device, 5, [2, 20, 5, 9]) },
        { padding: 1, kernel: [3, 3], ...options },
      );
    const device = await webGpuForTests();
    const codes = compiledOn(device);
    expect(off(await make(device, { tile }).read(), await make(createReferenceDevice()).read())).toBeLessThan(1e-4);
    const isChosen = (code: string): boolean =>
      Object.entries(sizes).every(([name, size]) => code.includes(`const ${name} = ${size};`));
    expect(codes.filter(isChosen)).toHaveLength(1);
    device.dispose();
  });

  test('every tile gives the same values; the clock fills the table once, and its rows decide', async () => {
    const table: AutotuneTable = {};
    const device = await webGpuForTests({ autotune: table });
    const reference = createReferenceDevice();
    for (const { targets, make } of results) {
      const want = await make(reference).read();
      // Also makes the pipelines, which would take all of the tuner's time on software adapters.
      for (const { name, options } of tileVariants(targets, {})) {
        const got = await make(device, options).read();
        expect(off(got, want), name).toBeLessThan(1e-4);
      }
      expect(off(await make(device).read(), want)).toBeLessThan(1e-4);
    }
    const rows = Object.entries(table);
    // A row stays open where a busy machine leaves no second for two tiles.
    expect(rows.length).toBeGreaterThan(0);
    for (const [key, name] of rows) {
      expect(key).toMatch(/^webgpu \(/);
      table[key] = tileVariants(12, {}).find((other) => other.name !== name)!.name;
    }
    const changed = { ...table };
    const again = await webGpuForTests({ autotune: table });
    const codes = compiledOn(again);
    for (const { make: run } of results) await run(again).read();
    expect(table).toMatchObject(changed);
    const tiles = codes.map((code) => /const GX = (\d+);[^]*const TM = (\d+);/.exec(code)?.slice(1).join(' '));
    expect(tiles).toContain(tileOf(Object.values(changed)[0]!));
    device.dispose();
    again.dispose();
  });
});
