import { describe, expect, test } from 'vitest';
import { DeviceError, DTypeError, OutOfMemoryError } from '../../errors.ts';
import { defineOp } from '../../op/op.ts';
import { gpuForTests, webGpuForTests } from '../../testing/gpu-for-tests.ts';
import { scope } from '../../tensor/scope.ts';
import { tensor, type Tensor } from '../../tensor/tensor.ts';
import { gpuType, linearGroups, u32 } from './kernel.ts';
import { createWebGpuDevice } from './webgpu-device.ts';

const SCALE = `
@group(0) @binding(0) var<storage, read> a: array<scalar>;
@group(0) @binding(1) var<storage, read_write> y: array<scalar>;
@group(0) @binding(2) var<uniform> count: vec4<u32>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < count.x) { y[id.x] = a[id.x] * scalar(FACTOR); }
}`;

const scaled = defineOp<{ a: Tensor }, { factor: number }>({
  name: 'scaled',
  defaults: { factor: 2 },
  shape: ({ a }) => ({ shape: a.shape, dtype: a.dtype }),
  kernels: {
    reference: ({ a }, { factor }, [y]) => y!.data.forEach((_, k) => (y!.data[k] = a.data[k]! * factor)),
    webgpu: {
      lower: ({ inputs, outputs: [y], options }) => [
        {
          shader: SCALE,
          types: { scalar: gpuType(y!.dtype) },
          constants: { FACTOR: options.factor },
          bindings: [inputs['a']!, y!],
          uniforms: [u32(y!.shape[0]!)],
          workgroups: linearGroups(y!.shape[0]!, 64),
        },
      ],
    },
  },
  cases: [],
  tolerance: { f32: 0 },
});

const broken = defineOp<{ a: Tensor }>({
  name: 'broken',
  defaults: {},
  shape: ({ a }) => ({ shape: a.shape, dtype: a.dtype }),
  kernels: {
    reference: () => undefined,
    webgpu: {
      lower: ({ inputs, outputs: [y] }) => [
        { shader: 'fn main() { let a: i32 = 1.5; }', bindings: [inputs['a']!, y!], workgroups: [1, 1, 1] },
      ],
    },
  },
  cases: [],
  tolerance: { f32: 0 },
});

test('without WebGPU the device is refused with what to do', async () => {
  await expect(
    createWebGpuDevice({ gpu: { requestAdapter: () => Promise.resolve(null) } as unknown as GPU }),
  ).rejects.toThrow(/has no adapter/);
});

const gpu = await gpuForTests();

describe.skipIf(gpu === undefined)(`webgpu device${gpu ? '' : ' (skipped: no adapter)'}`, () => {
  test('runs programs, reuses pipelines and memory, keeps u8 and i32', async () => {
    const device = await webGpuForTests();
    const run = async (data: Float32Array | Int32Array | Uint8Array): Promise<number[]> => {
      const x = tensor(device, data, [data.length]);
      const y = scope(() => scaled({ a: scaled({ a: scaled({ a: x }) }, { factor: 3 }) }));
      const numbers = [...(await y.read())];
      x.dispose();
      y.dispose();
      return numbers;
    };
    expect(await run(new Float32Array([1, 2.5, -3]))).toEqual([12, 30, -36]);
    const made = device.pipelineCount;
    const { peakBytes } = device.memory();
    for (let k = 0; k < 5; k++) expect(await run(new Float32Array([k, 1, 2]))).toEqual([12 * k, 12, 24]);
    expect(device.pipelineCount).toBe(made);
    expect(device.memory().peakBytes).toBe(peakBytes);
    expect(await run(new Int32Array([-5, 7]))).toEqual([-60, 84]);
    expect(await run(new Uint8Array([1, 2, 3, 4, 5]))).toEqual([12, 24, 36, 48, 60]);
    device.dispose();
  });

  test('a shader that does not compile fails by name', async () => {
    const device = await webGpuForTests();
    const y = broken({ a: tensor(device, [1], [1]) });
    await expect(y.read()).rejects.toThrow(/broken: its shader was refused: .*line/);
    expect([...(await scaled({ a: tensor(device, [1], [1]) }).read())]).toEqual([2]);
    device.dispose();
  });

  test('what does not fit says what would', async () => {
    const device = await webGpuForTests({ maxBytes: 4096 });
    expect(() => tensor(device, new Float32Array(2000), [2000])).toThrow(OutOfMemoryError);
    const x = tensor(device, new Float32Array(600), [600]);
    await expect(scaled({ a: x }).read()).rejects.toThrow(
      /a result takes 2400 bytes; 2400 are in use of 4096, so 1696 would fit/,
    );
    x.dispose();
    const again = tensor(device, new Float32Array(600).fill(1), [600]);
    expect((await again.read())[599]).toBe(1);
    device.dispose();
  });

  test('f16 without the feature is refused by name', async () => {
    const device = await webGpuForTests({ without: ['shader-f16'] });
    expect(() => tensor(device, [1, 2], [2], 'f16')).toThrow(/shader-f16/);
    expect(() => tensor(device, [1, 2], [2], 'f16')).toThrow(DTypeError);
    device.dispose();
  });

  test('a lost device is a typed error, and a new one goes on', async () => {
    const device = await webGpuForTests();
    const y = scaled({ a: tensor(device, [1, 2], [2]) });
    expect([...(await y.read())]).toEqual([2, 4]);
    const pending = scaled({ a: y }).read();
    (device as unknown as { backend: { gpu: GPUDevice } }).backend.gpu.destroy();
    const lost = await device.lost;
    expect(lost).toBeInstanceOf(DeviceError);
    expect(lost.details).toMatchObject({ lost: true });
    await expect(pending).rejects.toThrow(/was lost/);
    expect(() => tensor(device, [1], [1])).toThrow(/was lost/);
    await expect(y.read()).rejects.toThrow(/createWebGpuDevice/);
    const next = await webGpuForTests();
    expect([...(await scaled({ a: tensor(next, [3], [1]) }).read())]).toEqual([6]);
    next.dispose();
  });
});
