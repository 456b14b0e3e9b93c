/**
 * WebGPU kernels in a browser: those that every network needs, and those on volumes that rest on atomics, barriers and
 * integers; values and derivatives of a few cases. The whole list runs in Node.
 */
import { describe, expect, test } from 'vitest';
import { createWebGpuDevice } from './webgpu-device.ts';
import { gpuForTests } from '../../testing/gpu-for-tests.ts';
import { gpuOps, testGpuOp } from '../../testing/gpu-conformance.ts';
import { tensor } from '../../tensor/tensor.ts';
import { add } from '../../ops/index.ts';

const NAMES = [
  'conv',
  'convInputGradient',
  'convTranspose',
  'instanceNorm',
  'instanceNormGradient',
  'add',
  'concat',
  'softmax',
  'sum',
  'diceCrossEntropy',
  'sgd',
  'adamw',
  'convWeightGradient',
  'components',
  'distance',
  'fillHoles',
  'percentiles',
  'resizeLabels',
  'resizeSpline',
  'sampleAffine',
  'statistics',
];
const gpu = await gpuForTests();

describe.skipIf(gpu === undefined)(`webgpu${gpu ? '' : ' (skipped: no adapter)'}`, () => {
  test("the browser's adapter is found without being passed", async () => {
    const device = await createWebGpuDevice();
    const a = tensor(device, [1, 2, 3], [3]);
    expect([...(await add({ a, b: a }).read())]).toEqual([2, 4, 6]);
    device.dispose();
  });

  for (const op of gpuOps) if (NAMES.includes(op.name)) testGpuOp(op, { fewCases: 2 });
});
