/** Whole training steps on the WebGPU device: the same losses as the reference, one submission each, nothing made anew. */
import { afterAll, describe, expect, test } from 'vitest';
import { valueAndGradients } from '../../autograd/backward.ts';
import { concat, conv, convTranspose, diceCrossEntropy, gradientNorm, instanceNorm, sgd } from '../../ops/index.ts';
import { Philox } from '../../random/index.ts';
import { gpuForTests, webGpuForTests } from '../../testing/gpu-for-tests.ts';
import { scope } from '../../tensor/scope.ts';
import { sizeOf } from '../../tensor/spec.ts';
import { tensor, zeros, type Tensor } from '../../tensor/tensor.ts';
import type { Device } from '../device.ts';
import { createReferenceDevice } from '../reference/reference-device.ts';

/** A U-Net of two resolutions, and its step. */
function trainer(device: Device): (loss: (value: Tensor) => Promise<void>) => Promise<void> {
  const random = new Philox(5);
  const drawn = (...shape: number[]): Tensor =>
    tensor(
      device,
      Float32Array.from({ length: sizeOf(shape) }, () => random.normal() * 0.3),
      shape,
    );
  const weights = [drawn(4, 1, 3, 3, 3), drawn(8, 4, 3, 3, 3), drawn(8, 4, 2, 2, 2), drawn(3, 8, 1, 1, 1)];
  const [first, down, up, head] = weights as [Tensor, Tensor, Tensor, Tensor];
  const bias = zeros(device, [3]);
  const parameters = [...weights, bias];
  const velocities = parameters.map((parameter) => zeros(device, parameter.shape));
  const rate = tensor(device, [0.05], []);
  return async (told) => {
    // A new batch each time, as in training.
    const image = drawn(2, 1, 4, 6, 4);
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
        return diceCrossEntropy({ logits: conv({ x: both, weight: head, bias }), target: labels }, { batchDice: true });
      }, parameters);
      const named = Object.fromEntries(gradients.map((gradient, k) => [`g${k}`, gradient!]));
      const [, scale] = gradientNorm(named, { limit: 1 });
      parameters.forEach(
        (weight, k) => void sgd({ weight, velocity: velocities[k]!, gradient: gradients[k]!, rate, scale }),
      );
      return value;
    });
    await told(loss);
    for (const made of [loss, image, labels]) made.dispose();
  };
}

const gpu = await gpuForTests();

describe.skipIf(gpu === undefined)(`training on webgpu${gpu ? '' : ' (skipped: no adapter)'}`, () => {
  // One device for both: its pipelines take software adapters seconds.
  const opened = gpu && webGpuForTests();
  afterAll(async () => (await opened)?.dispose());

  test('losses follow the reference, step after step', async () => {
    const device = (await opened)!;
    const [ours, theirs] = [trainer(device), trainer(createReferenceDevice())];
    for (let k = 0; k < 5; k++) {
      let want = NaN;
      let got = NaN;
      await theirs(async (loss) => void (want = (await loss.read())[0]!));
      await ours(async (loss) => void (got = (await loss.read())[0]!));
      expect(Math.abs(got - want), `loss of step ${k}: ${got}, reference ${want}`).toBeLessThan(1e-4);
    }
  });

  test('a step is one submission; pipelines, buffers and bind groups are made in the first ones only', async () => {
    const device = (await opened)!;
    const { gpu: raw } = (device as unknown as { backend: { gpu: GPUDevice } }).backend;
    const counts = { submissions: 0, buffers: 0, groups: 0 };
    const counting = <K extends 'createBuffer' | 'createBindGroup'>(name: K, count: 'buffers' | 'groups'): void => {
      const make = raw[name].bind(raw) as (...args: unknown[]) => unknown;
      Object.defineProperty(raw, name, { value: (...args: unknown[]) => (counts[count]++, make(...args)) });
    };
    counting('createBuffer', 'buffers');
    counting('createBindGroup', 'groups');
    const submit = raw.queue.submit.bind(raw.queue);
    Object.defineProperty(raw.queue, 'submit', {
      value: (list: GPUCommandBuffer[]) => (counts.submissions++, submit(list)),
    });
    const step = trainer(device);
    const flushed = (): Promise<void> => step(() => device.flush());
    for (let k = 0; k < 4; k++) await flushed();
    const pipelines = device.pipelineCount;
    const { peakBytes } = device.memory();
    expect(counts.groups).toBeGreaterThan(0);
    Object.assign(counts, { submissions: 0, buffers: 0, groups: 0 });
    for (let k = 0; k < 5; k++) await flushed();
    expect(counts).toEqual({ submissions: 5, buffers: 0, groups: 0 });
    expect(device.pipelineCount).toBe(pipelines);
    expect(device.memory().peakBytes).toBe(peakBytes);
  });
});
