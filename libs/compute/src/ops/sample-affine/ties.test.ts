/** Positions halfway between voxels: float64 on WASM and fixed-point numbers on WebGPU take the same neighbor. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../devices/device.ts';
import { createWasmDevice } from '../../devices/wasm/wasm-device.ts';
import { gpuForTests, webGpuForTests } from '../../testing/gpu-for-tests.ts';
import type { HostArray } from '../../tensor/spec.ts';
import { tensor } from '../../tensor/tensor.ts';
import { sampleAffine } from './sample-affine.ts';

const gpu = await gpuForTests();
const from = 400;
const to = 300;

/** Steps whose multiples are no numbers of float64, and shifts that put every so many of them on a tie. */
const steps = [1, 0.5, 1.5, 1 / 3, 7 / 6, 9 / 14, 11 / 10] as const;
const shiftsOf = (step: number): readonly number[] => [0.5, 0.5 * step - 0.5, 100.5 * step - 7.5, 1 / 3];

describe.skipIf(gpu === undefined)(`ties on both devices${gpu ? '' : ' (skipped: no adapter)'}`, () => {
  let devices: readonly Device[];
  beforeAll(async () => {
    devices = [await webGpuForTests(), await createWasmDevice({ threads: 1 })];
  });
  afterAll(() => devices.forEach((device) => device.dispose()));

  const both = (step: number, shift: number, interpolation: 'nearest' | 'linear', moved?: Float32Array) =>
    Promise.all(
      devices.map(async (device): Promise<HostArray> => {
        const x = tensor(
          device,
          Int32Array.from({ length: from }, (_, k) => k),
          [1, 1, 1, from],
        );
        const displacement = moved && tensor(device, moved, [3, 1, 1, to]);
        const matrix = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, step, shift];
        const y = sampleAffine({ x, displacement }, { shape: [1, 1, to], matrix, interpolation, padding: 'border' });
        const read = await y.read();
        for (const made of [x, displacement, y]) made?.dispose();
        return read;
      }),
    );

  it.each(steps)('voxels and labels at steps of %f', async (step) => {
    for (const shift of shiftsOf(step))
      for (const interpolation of ['nearest', 'linear'] as const) {
        const [got, want] = await both(step, shift, interpolation);
        expect(got, `shift ${shift}, ${interpolation}`).toEqual(want);
      }
  });

  it('displaced by quarters', async () => {
    const moved = new Float32Array(3 * to);
    for (let k = 0; k < to; k++) moved[2 * to + k] = ((k % 9) - 4) / 4;
    for (const interpolation of ['nearest', 'linear'] as const) {
      const [got, want] = await both(1, 0, interpolation, moved);
      expect(got, interpolation).toEqual(want);
    }
  });
});
