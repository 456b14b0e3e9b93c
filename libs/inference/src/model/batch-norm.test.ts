/** A model with batch norm, as upstream's trainer leaves it, against PyTorch 1.13 (tools/fixtures/batch_norm.py). */
import {
  add,
  createReferenceDevice,
  createWasmDevice,
  mean,
  keep,
  mul,
  scope,
  square,
  tensor,
  valueAndGradients,
  type Device,
  type Tensor,
} from '@voxelwise/compute';
import { decodeTorch, torchArrays } from '@voxelwise/io';
import {
  buildNetwork,
  encodeOnnx,
  loadWeights,
  moveStatistics,
  parameterCount,
  parametersOf,
  referenceName,
  stateDictEntries,
  type BatchStatistics,
  type Module,
} from '@voxelwise/nets';
import { readPlans } from '@voxelwise/planner';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { gpuForTests, webGpuForTests } from '../../../compute/src/testing/gpu-for-tests.ts';
import { evaluateOnnx, readOnnx } from '../../../nets/src/testing/onnx-reader.ts';
import { directoryFolder } from '../node/directory-folder.ts';
import { loadModel } from './load-model.ts';
import type { Model } from './model.ts';
import { encodeNnunetCheckpoint } from './nnunet-checkpoint.ts';

const folder = new URL('../../fixtures/nnUNetTrainerBN__nnUNetPlans__2d/', import.meta.url);
interface Array4 {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}
const trace = JSON.parse(readFileSync(new URL('trace.json', folder), 'utf8')) as Record<
  'first' | 'second' | 'target' | 'learned' | 'predicted',
  Array4
> &
  Record<'before' | 'after' | 'gradients', Record<string, number[]>> &
  Record<'optimizerOrder' | 'stateDict', string[]> & { readonly loss: number };

const devices: Readonly<Record<string, () => Device | Promise<Device>>> = {
  reference: createReferenceDevice,
  wasm: () => createWasmDevice({ threads: 1 }),
  ...((await gpuForTests()) ? { webgpu: webGpuForTests } : {}),
};
const load = (): Promise<Model> => loadModel(directoryFolder(folder.pathname));
const close = (came: ArrayLike<number>, expected: readonly number[], tolerance: number): void =>
  expected.forEach((value, k) =>
    expect(Math.abs(came[k]! - value)).toBeLessThan(tolerance * Math.max(1, Math.abs(value))),
  );

async function network(device: Device): Promise<{ model: Model; net: Module }> {
  const model = await load();
  const net = buildNetwork(model.plan.network);
  loadWeights(net, device, model.folds[0]!.weights);
  return { model, net };
}

it('takes batch norm from the checkpoint where the plans still name instance norm', async () => {
  const { plan, folds } = await load();
  expect(plan.network.normalization).toBe('batch');
  const entries = stateDictEntries(plan.network);
  expect(entries.map(({ theirs }) => theirs)).toEqual(trace.stateDict);
  const learned = entries.filter((entry) => entry.learned && !entry.alias);
  expect(learned.map(({ theirs }) => theirs)).toEqual(trace.optimizerOrder);
  const numbers = learned.reduce((sum, { ours }) => sum + folds[0]!.weights.get(ours)!.data.length, 0);
  expect(parameterCount(buildNetwork(plan.network))).toBe(numbers);
});

describe.each(Object.keys(devices))('on %s', (kind) => {
  it('predicts with running statistics', async () => {
    const device = await devices[kind]!();
    const { net } = await network(device);
    const logits = scope(() => net.forward(tensor(device, trace.first.data, trace.first.shape)) as Tensor);
    close(await logits.read(), trace.predicted.data, 1e-5);
    device.dispose();
  });

  it.each([false, true])('learns from the batch and moves the statistics once, stages run again: %s', async (again) => {
    const device = await devices[kind]!();
    const { model, net } = await network(device);
    const parameters = [...parametersOf(net)];
    const theirs = new Map(parameters.map(([ours]) => [ours, referenceName(ours, model.plan.network)]));
    for (const [ours, parameter] of parameters)
      if (!parameter.learned) parameter.value = tensor(device, trace.before[theirs.get(ours)!]!, parameter.shape);
    const seen: BatchStatistics = new Map();
    const forward = (image: Array4): readonly Tensor[] =>
      net.forward(tensor(device, image.data, image.shape), {
        deepSupervision: true,
        checkpointing: again,
        ownStatistics: seen,
      }) as readonly Tensor[];
    const learned = parameters.filter(([, parameter]) => parameter.learned);
    let logits: Tensor | undefined;
    const { value, gradients } = valueAndGradients(
      () => {
        const [full, half] = forward(trace.first) as [Tensor, Tensor];
        logits = keep(full);
        const target = tensor(device, trace.target.data, trace.target.shape);
        return add({ a: mean({ x: mul({ a: full, b: target }) }), b: mean({ x: square({ x: half }) }) });
      },
      learned.map(([, parameter]) => parameter.value),
    );
    close(await value.read(), [trace.loss], 1e-5);
    close(await logits!.read(), trace.learned.data, 1e-5);
    for (const [k, [ours]] of learned.entries()) {
      const expected = trace.gradients[theirs.get(ours)!]!;
      const came = (await gradients[k]!.read()) as Float32Array;
      const sum = came.reduce((total, g) => total + Math.abs(g), 0);
      // A bias before a norm has no gradient but rounding.
      close([...Array.from({ length: expected.length - 1 }, (_, i) => came[i]!), sum], expected, 1e-5);
    }
    moveStatistics(seen);
    scope(() => void forward(trace.second));
    moveStatistics(seen);
    for (const [ours, parameter] of parameters)
      if (!parameter.learned) close(await parameter.value.read(), trace.after[theirs.get(ours)!]!, 1e-5);
    device.dispose();
  });
});

it('is written as nnU-Net keeps it, counts as whole numbers, and as ONNX', async () => {
  const { plan, folds } = await load();
  const text = (name: string): string => readFileSync(new URL(name, folder), 'utf8');
  const bytes = await encodeNnunetCheckpoint({
    plan,
    plans: readPlans(text('plans.json'), 'plans.json'),
    dataset: JSON.parse(text('dataset.json')),
    fold: 0,
    weights: folds[0]!.weights,
    mirrorAxes: [1, 2],
    trainer: 'nnUNetTrainerBN',
  });
  const [ours, theirs] = await Promise.all(
    [bytes, readFileSync(new URL('fold_0/checkpoint_final.pth', folder))].map(async (file) =>
      torchArrays(await decodeTorch(file, { file: 'checkpoint_final.pth' })),
    ),
  );
  expect([...ours!.keys()]).toEqual([...theirs!.keys()]);
  for (const [name, array] of theirs!) expect(ours!.get(name)).toEqual(array);
  const onnx = readOnnx(encodeOnnx(plan.network, folds[0]!.weights));
  expect(onnx.nodes.some(({ operator }) => operator === 'InstanceNormalization')).toBe(false);
  const { shape, data } = trace.first;
  close(await evaluateOnnx(onnx, { shape, data: Float32Array.from(data) }), trace.predicted.data, 1e-5);
});
