/** Whole training steps on the WebGPU device: the same losses as the reference, one submission each, nothing made anew; and their end with the GPU's. */
import { afterAll, describe, expect, test } from 'vitest';
import { DeviceError } from '../../errors.ts';
import { gpuForTests, webGpuForTests } from '../../testing/gpu-for-tests.ts';
import { fresh, lossOf, trainer } from '../../testing/training-step.ts';
import type { Device } from '../device.ts';
import { createReferenceDevice } from '../reference/reference-device.ts';
import { BufferUsage } from './buffer-pool.ts';

const rawOf = (device: Device): GPUDevice => (device as unknown as { backend: { gpu: GPUDevice } }).backend.gpu;

const gpu = await gpuForTests();

describe.skipIf(gpu === undefined)(`training on webgpu${gpu ? '' : ' (skipped: no adapter)'}`, () => {
  // One device for both: its pipelines take software adapters seconds.
  const opened = gpu && webGpuForTests();
  afterAll(async () => (await opened)?.dispose());

  test('losses follow the reference, step after step', async () => {
    const device = (await opened)!;
    const [ours, theirs] = [trainer(device), trainer(createReferenceDevice())];
    for (let k = 0; k < 5; k++) {
      const [want, got] = [await lossOf(theirs, k), await lossOf(ours, k)];
      expect(Math.abs(got - want), `loss of step ${k}: ${got}, reference ${want}`).toBeLessThan(1e-4);
    }
  });

  test('a step is one submission; all else is made in the first ones only, and nothing but the loss is read', async () => {
    const device = (await opened)!;
    const raw = rawOf(device);
    const counts = { submissions: 0, buffers: 0, groups: 0, modules: 0, pipelines: 0, maps: 0 };
    const counting = (name: keyof GPUDevice, count: keyof typeof counts): void => {
      const make = (raw[name] as (...args: unknown[]) => unknown).bind(raw);
      Object.defineProperty(raw, name, {
        value: (...args: unknown[]) => (counts[count]++, make(...args)),
      });
    };
    counting('createBuffer', 'buffers');
    counting('createBindGroup', 'groups');
    counting('createShaderModule', 'modules');
    counting('createComputePipeline', 'pipelines');
    counting('createComputePipelineAsync', 'pipelines');
    const submit = raw.queue.submit.bind(raw.queue);
    Object.defineProperty(raw.queue, 'submit', {
      value: (list: GPUCommandBuffer[]) => (counts.submissions++, submit(list)),
    });
    // Buffers that wait for reuse are watched too.
    const buffers = Object.getPrototypeOf(raw.createBuffer({ size: 4, usage: BufferUsage.storage })) as GPUBuffer;
    const { mapAsync } = buffers;
    buffers.mapAsync = function (this: GPUBuffer, ...args) {
      counts.maps++;
      return mapAsync.apply(this, args);
    };
    const none = { submissions: 0, buffers: 0, groups: 0, modules: 0, pipelines: 0, maps: 0 };
    const ours = trainer(device);
    for (let k = 0; k < 4; k++) await ours.step(k, () => device.flush());
    expect(counts.groups).toBeGreaterThan(0);
    const pipelines = device.pipelineCount;
    const { peakBytes } = device.memory();
    Object.assign(counts, none);
    for (let k = 0; k < 5; k++) await ours.step(k, () => device.flush());
    expect(counts).toEqual({ ...none, submissions: 5 });
    // The first read makes the buffer that all later ones go through.
    await lossOf(ours, 5);
    Object.assign(counts, none);
    for (let k = 6; k < 9; k++) await lossOf(ours, k);
    expect(counts).toEqual({ ...none, submissions: 6, maps: 3 });
    expect(device.pipelineCount).toBe(pipelines);
    expect(device.memory().peakBytes).toBe(peakBytes);
    buffers.mapAsync = mapAsync;
  });

  test('a device lost in the middle is told, and training goes on from the checkpoint on another one', async () => {
    const whole = trainer((await opened)!);
    const want: number[] = [];
    for (let k = 0; k < 6; k++) want.push(await lossOf(whole, k));
    const device = await webGpuForTests();
    let saved = fresh();
    const before = trainer(device);
    const got: number[] = [];
    for (let k = 0; k < 3; k++) got.push(await lossOf(before, k));
    saved = await before.checkpoint();
    const interrupted = before.step(3, async (loss) => {
      const reading = loss.read();
      rawOf(device).destroy();
      await reading;
    });
    const error: unknown = await interrupted.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DeviceError);
    expect((error as DeviceError).details).toMatchObject({ lost: true });
    expect((error as DeviceError).message).toMatch(/was lost .*createWebGpuDevice/);
    await expect(lossOf(before, 4)).rejects.toThrow(/was lost/);
    const next = await webGpuForTests();
    const after = trainer(next, saved);
    for (let k = 3; k < 6; k++) got.push(await lossOf(after, k));
    expect(got).toEqual(want);
    next.dispose();
  });
});
