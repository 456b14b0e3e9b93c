/** Every operation with a WebGPU kernel against its reference: values, non-finite numbers, derivatives. */
import { describe, expect, test } from 'vitest';
import { gpuForTests } from '../../testing/gpu-for-tests.ts';
import { gpuOps, testGpuOp } from '../../testing/gpu-conformance.ts';

const gpu = await gpuForTests();

test('the operations of networks and training have WebGPU kernels', () => {
  const names = gpuOps.map((op) => op.name);
  for (const name of ['conv', 'convTranspose', 'instanceNorm', 'add', 'concat', 'softmax', 'sum', 'sgd', 'adamw'])
    expect(names).toContain(name);
});

describe.skipIf(gpu === undefined)(`webgpu${gpu ? '' : ' (skipped: no adapter)'}`, () => {
  for (const op of gpuOps) testGpuOp(op);
});
