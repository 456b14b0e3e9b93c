/** The example runs: on one thread and two, against the composition it replaces, with its gradient, and on a GPU if there is one. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  add,
  createReferenceDevice,
  createWasmDevice,
  leakyRelu,
  sum,
  tensor,
  valueAndGradients,
  type Device,
  type Tensor,
} from '@voxelwise/compute';
import { gpuForTests, webGpuForTests } from '../../libs/compute/src/testing/gpu-for-tests.ts';
import { compileKernels } from './compile.ts';
import { install, residual } from './residual.ts';

const shape = [2, 16, 3, 5, 7];
const numbers = (phase: number): Float32Array =>
  Float32Array.from({ length: 2 * 16 * 3 * 5 * 7 }, (_, k) => Math.sin(k * 1.7 + phase));
const inputs = (device: Device): { a: Tensor; b: Tensor } => ({
  a: tensor(device, numbers(0), shape),
  b: tensor(device, numbers(1), shape),
});
const gpu = await gpuForTests();
let uninstall = (): void => undefined;

beforeAll(async () => {
  const wasm = await compileKernels(new URL('residual.as.ts', import.meta.url));
  uninstall = install(wasm, readFileSync(new URL('residual.wgsl', import.meta.url), 'utf8'));
});
afterAll(() => uninstall());

async function composed(): Promise<number[]> {
  const { a, b } = inputs(createReferenceDevice());
  return [...(await leakyRelu({ x: add({ a, b }) }, { slope: 0.1 }).read())];
}

function expectClose(got: ArrayLike<number>, want: readonly number[]): void {
  expect(got).toHaveLength(want.length);
  want.forEach((value, k) => expect(got[k]).toBeCloseTo(value, 5));
}

describe('a kernel of one’s own', () => {
  it.each([1, 2])('runs on the WASM device with %i threads, and so does its derivative', async (threads) => {
    const device = await createWasmDevice({ threads });
    const both = inputs(device);
    expectClose(await residual(both, { slope: 0.1 }).read(), await composed());
    const { gradients } = valueAndGradients(() => sum({ x: residual(both, { slope: 0.1 }) }), [both.a, both.b]);
    const want = (await composed()).map((y) => (y > 0 ? 1 : 0.1));
    for (const gradient of gradients) expectClose(await gradient!.read(), want);
    device.dispose();
  });

  it.skipIf(gpu === undefined)(`runs on the WebGPU device${gpu ? '' : ' (skipped: no adapter)'}`, async () => {
    const device = await webGpuForTests();
    expectClose(await residual(inputs(device), { slope: 0.1 }).read(), await composed());
    device.dispose();
  });

  it('names the missing kernel once it is taken away', async () => {
    uninstall();
    const device = await createWasmDevice({ threads: 1 });
    expect(() => residual(inputs(device))).toThrow(/residual: no kernel for wasm; register one with registerKernel/);
    device.dispose();
  });
});
