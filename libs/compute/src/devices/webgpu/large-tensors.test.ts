/**
 * Tensors that one binding does not hold: the conformance suite on a device whose buffers are capped low, so that it
 * stores them in segments and computes in parts.
 */
import { afterAll, describe, expect, test } from 'vitest';
import { DeviceError, OutOfMemoryError } from '../../errors.ts';
import type { AnyOp } from '../../op/op.ts';
import { add, components, matmul } from '../../ops/index.ts';
import { gpuOps, testGpuOp } from '../../testing/gpu-conformance.ts';
import { gpuForTests, webGpuForTests } from '../../testing/gpu-for-tests.ts';
import { scope } from '../../tensor/scope.ts';
import { tensor } from '../../tensor/tensor.ts';
import type { WebGpuDevice } from './webgpu-device.ts';

const gpu = await gpuForTests();

/** Bytes of one buffer: below most of the suite's tensors, above single rows of them. */
const CAP = 1024;
const caps = { maxBufferSize: CAP, maxStorageBufferBindingSize: CAP };

/** Greatest bytes bound, and how often boxes of tensors were moved. */
const seen = { bound: 0, moves: 0 };

async function cappedDevice(): Promise<WebGpuDevice> {
  const device = await webGpuForTests({ limits: caps });
  const { gpu: raw } = (device as unknown as { backend: { gpu: GPUDevice } }).backend;
  const make = raw.createBindGroup.bind(raw);
  raw.createBindGroup = (descriptor) => {
    if (descriptor.label === 'parts') seen.moves++;
    for (const { resource } of descriptor.entries) {
      const { buffer, size } = resource as GPUBufferBinding;
      if (buffer.usage & 0x80) seen.bound = Math.max(seen.bound, size!);
    }
    return make(descriptor);
  };
  return device;
}

describe.skipIf(gpu === undefined)(`large tensors on webgpu${gpu ? '' : ' (skipped: no adapter)'}`, () => {
  const opened = gpu && cappedDevice();
  afterAll(async () => (await opened)?.dispose());

  // These need whole channels, or tables, which the cap does not hold; ops/large-volumes.test.ts has a higher one for them.
  const whole = ['lowResolution', 'percentiles', 'splineCoefficients'];
  const inParts = ({ kernels: { webgpu } }: AnyOp): boolean =>
    webgpu?.cuts !== undefined || webgpu?.stages !== undefined;
  const cut = gpuOps.filter(
    (op) => inParts(op as unknown as AnyOp) && !op.name.startsWith('resize') && !whole.includes(op.name),
  );
  for (const op of cut) testGpuOp(op, { open: () => opened!, fewCases: 3 });

  test('all that was bound kept to the cap', () => {
    expect(cut.length).toBeGreaterThan(40);
    expect(seen.moves).toBeGreaterThan(100);
    expect(seen.bound).toBeGreaterThan(CAP / 2);
    expect(seen.bound).toBeLessThanOrEqual(CAP);
  });

  test('segments that rows fill are bound where they lie', async () => {
    const device = await opened!;
    const x = tensor(
      device,
      Float32Array.from({ length: 4096 }, (_, k) => k),
      [16, 256],
    );
    const before = seen.moves;
    const y = scope(() => add({ a: x, b: add({ a: x, b: x }) }));
    expect([...(await y.read())]).toEqual(Array.from({ length: 4096 }, (_, k) => 3 * k));
    expect(seen.moves).toBe(before);
    y.dispose();
    x.dispose();
  });

  test('an operation that has no parts says so', async () => {
    const device = await opened!;
    const x = tensor(device, new Int32Array(4096), [1, 16, 16, 16], 'i32');
    const y = components({ x });
    await expect(y.read()).rejects.toThrow(OutOfMemoryError);
    await expect(y.read()).rejects.toThrow(
      /i32 \[1, 16, 16, 16\] of components takes 16384 bytes, one buffer of this adapter holds 1024, and components cannot be computed in smaller parts/,
    );
    x.dispose();
  });

  test('caps that make no sense are refused', async () => {
    await expect(webGpuForTests({ limits: { maxBufferSize: 8 } })).rejects.toThrow(/limits\.maxBufferSize .* came 8/);
    await expect(webGpuForTests({ limits: { maxComputeWorkgroupsPerDimension: 0.5 } })).rejects.toThrow(DeviceError);
  });
});

describe.skipIf(gpu === undefined)(`many workgroups on webgpu${gpu ? '' : ' (skipped: no adapter)'}`, () => {
  const opened = gpu && webGpuForTests({ limits: { maxComputeWorkgroupsPerDimension: 3 } });
  afterAll(async () => (await opened)?.dispose());

  test('a product of more tiles than the adapter starts is computed in parts', async () => {
    const device = await opened!;
    const rows = 5 * 64;
    const a = tensor(
      device,
      Float32Array.from({ length: rows * 2 }, (_, k) => k % 7),
      [rows, 2],
    );
    const b = tensor(device, [1, 10], [2, 1]);
    const y = matmul({ a, b });
    expect([...(await y.read())]).toEqual(
      Array.from({ length: rows }, (_, row) => ((2 * row) % 7) + 10 * ((2 * row + 1) % 7)),
    );
    for (const made of [a, b, y]) made.dispose();
  });
});
