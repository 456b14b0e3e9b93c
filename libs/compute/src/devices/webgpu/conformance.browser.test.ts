/**
 * All WebGPU kernels in a browser, values and derivatives of a few cases, and whole training steps. All cases run in Node.
 */
import { describe, expect, test } from 'vitest';
import { createWebGpuDevice } from './webgpu-device.ts';
import { gpuForTests } from '../../testing/gpu-for-tests.ts';
import { gpuOps, testGpuOp } from '../../testing/gpu-conformance.ts';
import { lossOf, trainer } from '../../testing/training-step.ts';
import { createReferenceDevice } from '../reference/reference-device.ts';
import { tensor } from '../../tensor/tensor.ts';
import { add } from '../../ops/index.ts';

const gpu = await gpuForTests();

describe.skipIf(gpu === undefined)(`webgpu${gpu ? '' : ' (skipped: no adapter)'}`, () => {
  test("the browser's adapter is found without being passed", async () => {
    const device = await createWebGpuDevice();
    const a = tensor(device, [1, 2, 3], [3]);
    expect([...(await add({ a, b: a }).read())]).toEqual([2, 4, 6]);
    device.dispose();
  });

  test('training steps follow the reference', async () => {
    const device = await createWebGpuDevice();
    const [ours, theirs] = [trainer(device), trainer(createReferenceDevice())];
    for (let k = 0; k < 3; k++)
      expect(Math.abs((await lossOf(ours, k)) - (await lossOf(theirs, k))), `loss of step ${k}`).toBeLessThan(1e-4);
    device.dispose();
  });

  test('tensors beyond a binding are computed in parts', async () => {
    const device = await createWebGpuDevice({ limits: { maxStorageBufferBindingSize: 256 } });
    const a = tensor(
      device,
      Float32Array.from({ length: 300 }, (_, k) => k),
      [3, 100],
    );
    expect(await add({ a, b: a }).read()).toEqual(Float32Array.from({ length: 300 }, (_, k) => 2 * k));
    device.dispose();
  });

  for (const op of gpuOps) testGpuOp(op, { fewCases: 2 });
});
