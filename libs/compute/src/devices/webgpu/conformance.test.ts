/** Every operation with a WebGPU kernel against its reference: values, non-finite numbers, derivatives. */
import { describe } from 'vitest';
import type { Device } from '../device.ts';
import type { Op } from '../../op/op.ts';
import { convBiasGradient, convInputGradient, convWeightGradient } from '../../ops/conv/conv-gradients.ts';
import { conv } from '../../ops/conv/conv.ts';
import { testOp } from '../../testing/conformance.ts';
import { gpuForTests, webGpuForTests } from '../../testing/gpu-for-tests.ts';

/* eslint-disable-next-line @typescript-eslint/no-explicit-any -- operations of every signature are tested */
const OPS: readonly Op<any, any, any>[] = [conv, convInputGradient, convWeightGradient, convBiasGradient];

const gpu = await gpuForTests();
let device: Promise<Device> | undefined;
const devices = [{ name: 'webgpu', kind: 'webgpu' as const, open: () => (device ??= webGpuForTests()) }];

describe.skipIf(gpu === undefined)(`webgpu${gpu ? '' : ' (skipped: no adapter)'}`, () => {
  for (const op of OPS) testOp(op, { devices, nonFinite: 'spreads' });
});
