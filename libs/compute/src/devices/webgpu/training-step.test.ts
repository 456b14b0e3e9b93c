/** Whole training steps on the WebGPU device: the same losses as the reference, one submission each, nothing made anew; and their end with the GPU's. */
import { afterAll, describe, expect, test } from 'vitest';
import { valueAndGradients } from '../../autograd/backward.ts';
import { DeviceError } from '../../errors.ts';
import { concat, conv, convTranspose, diceCrossEntropy, gradientNorm, instanceNorm, sgd } from '../../ops/index.ts';
import { Philox } from '../../random/index.ts';
import { gpuForTests, webGpuForTests } from '../../testing/gpu-for-tests.ts';
import { scope } from '../../tensor/scope.ts';
import { sizeOf, type HostArray, type Shape } from '../../tensor/spec.ts';
import { tensor, type Tensor } from '../../tensor/tensor.ts';
import type { Device } from '../device.ts';
import { createReferenceDevice } from '../reference/reference-device.ts';
import { BufferUsage } from './buffer-pool.ts';

/** Weights and velocities on the host, in order. */
type Checkpoint = readonly { readonly shape: Shape; readonly weight: HostArray; readonly velocity: HostArray }[];

interface Trainer {
  /** One step on the batch of that number; `told` is given its loss. */
  step(number: number, told: (loss: Tensor) => Promise<void>): Promise<void>;
  checkpoint(): Promise<Checkpoint>;
}

const SHAPES: readonly Shape[] = [[4, 1, 3, 3, 3], [8, 4, 3, 3, 3], [8, 4, 2, 2, 2], [3, 8, 1, 1, 1], [3]];

function fresh(): Checkpoint {
  const random = new Philox(5);
  return SHAPES.map((shape) => ({
    shape,
    weight: Float32Array.from({ length: sizeOf(shape) }, () => (shape.length === 1 ? 0 : random.normal() * 0.3)),
    velocity: new Float32Array(sizeOf(shape)),
  }));
}

/** A U-Net of two resolutions, and its step. */
function trainer(device: Device, start = fresh()): Trainer {
  const parameters = start.map(({ shape, weight }) => tensor(device, weight, shape));
  const velocities = start.map(({ shape, velocity }) => tensor(device, velocity, shape));
  const [first, down, up, head, bias] = parameters as [Tensor, Tensor, Tensor, Tensor, Tensor];
  const rate = tensor(device, [0.05], []);
  return {
    step: async (number, told) => {
      // A new batch each time, as in training.
      const random = new Philox(100 + number);
      const image = tensor(
        device,
        Float32Array.from({ length: 2 * 96 }, () => random.normal() * 0.3),
        [2, 1, 4, 6, 4],
      );
      const labels = tensor(
        device,
        Int32Array.from({ length: 2 * 96 }, () => random.integer(0, 3)),
        [2, 1, 4, 6, 4],
      );
      const loss = scope(() => {
        const { value, gradients } = valueAndGradients(() => {
          const skip = instanceNorm({ x: conv({ x: image, weight: first }, { padding: 1 }) }, { slope: 0.01 });
          const low = instanceNorm({ x: conv({ x: skip, weight: down }, { padding: 1, stride: 2 }) }, { slope: 0.01 });
          const both = concat({ a: convTranspose({ x: low, weight: up }, { stride: 2 }), b: skip });
          const logits = conv({ x: both, weight: head, bias });
          return diceCrossEntropy({ logits, target: labels }, { batchDice: true });
        }, parameters);
        const named = Object.fromEntries(gradients.map((gradient, k) => [`g${k}`, gradient!]));
        const [, scale] = gradientNorm(named, { limit: 1 });
        parameters.forEach(
          (weight, k) => void sgd({ weight, velocity: velocities[k]!, gradient: gradients[k]!, rate, scale }),
        );
        return value;
      });
      try {
        await told(loss);
      } finally {
        for (const made of [loss, image, labels]) made.dispose();
      }
    },
    checkpoint: () =>
      Promise.all(
        parameters.map(async (parameter, k) => ({
          shape: parameter.shape,
          weight: await parameter.read(),
          velocity: await velocities[k]!.read(),
        })),
      ),
  };
}

async function lossOf(from: Trainer, number: number): Promise<number> {
  let value = NaN;
  await from.step(number, async (loss) => void (value = (await loss.read())[0]!));
  return value;
}

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
