/** Tiles of convolutions: all give the same values, a table decides which runs, and the clock fills the table. */
import { describe, expect, test } from 'vitest';
import { conv, convInputGradient } from '../../ops/index.ts';
import { TILES, tileVariants, type TileName } from '../../ops/conv/conv.webgpu.ts';
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

describe.skipIf(gpu === undefined)(`tiles on webgpu${gpu ? '' : ' (skipped: no adapter)'}`, () => {
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
    const { gpu: raw } = (again as unknown as { backend: { gpu: GPUDevice } }).backend;
    const make = raw.createShaderModule.bind(raw);
    const tiles = new Set<string>();
    raw.createShaderModule = (descriptor) => {
      const [, GX, TM] = /const GX = (\d+);[^]*const TM = (\d+);/.exec(descriptor.code) ?? [];
      if (GX !== undefined) tiles.add(`${GX} ${TM}`);
      return make(descriptor);
    };
    for (const { make: run } of results) await run(again).read();
    expect(table).toMatchObject(changed);
    expect(tiles).toContain(tileOf(Object.values(changed)[0]!));
    device.dispose();
    again.dispose();
  });
});
