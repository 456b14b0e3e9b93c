/** A training handed to nnU-Net's files and back goes on to the same bits; PyTorch's optimizer takes its state. */
import { createWasmDevice, Philox, tensor, type Device } from '@voxelwise/compute';
import { encodeNnunetCheckpoint, type NnunetCheckpoint } from '@voxelwise/inference';
import { stateDictEntries, type NetworkConfig } from '@voxelwise/nets';
import { labelScheme, type ConfigurationPlan } from '@voxelwise/planner';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memoryCase, memoryCases } from '../cases/memory-case.ts';
import type { TrainOptions } from '../loop/train-options.ts';
import { train } from '../loop/train.ts';
import { makeOptimizer } from '../optimizers/optimizer.ts';
import { trainerNamed } from '../recipes/trainers.ts';
import type { OptimizerSettings, TrainingSettings } from '../recipes/training-settings.ts';
import { decodeCheckpoint, encodeCheckpoint, predictingWeights, tensorsOf, type Checkpoint } from './checkpoint.ts';
import { checkpointFromNnunet, nnunetTraining } from './nnunet-training.ts';
import { CHECKPOINT, memoryStore } from './state-store.ts';

const network: NetworkConfig = {
  network: 'PlainConvUNet',
  inputChannels: 1,
  outputChannels: 2,
  featuresPerStage: [4, 6],
  kernelSizes: [
    [3, 3],
    [3, 3],
  ],
  strides: [
    [1, 1],
    [2, 2],
  ],
  encoderDepths: [1, 1],
  decoderDepths: [1],
  convolutionBias: true,
  normEpsilon: 1e-5,
  slope: 0.01,
};
const settings: TrainingSettings = {
  recipe: 'nnunet',
  steps: 6,
  stepsPerEpoch: 3,
  validationSteps: 1,
  batchSize: 2,
  clipNorm: 12,
  foregroundShare: 0.33,
  batchDice: true,
  deepSupervision: true,
  loss: 'dice+ce',
  optimizer: { name: 'sgd', learningRate: 0.01, momentum: 0.99, nesterov: true, weightDecay: 3e-5 },
  schedule: { name: 'poly', exponent: 0.9, warmupSteps: 0, per: 'epoch' },
  augmentation: 'none',
  mirrorAxes: [],
};
const adamw: OptimizerSettings = {
  name: 'adamw',
  learningRate: 1e-3,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 3e-5,
};

const random = new Philox(5);
const labels = Int16Array.from({ length: 256 }, (_, v) => Number(v % 16 < 8));
const cases = memoryCases(
  ['a', 'b'].map((id) =>
    memoryCase({
      id,
      shape: [1, 16, 16],
      image: Float32Array.from(labels, (label) => label + random.normal()),
      labels,
      locations: new Map([['1', Uint32Array.of(3, 40)]]),
    }),
  ),
);
let device: Device;
beforeAll(async () => {
  device = await createWasmDevice({ threads: 1 });
});
afterAll(() => device.dispose());

const options = (more: Partial<TrainOptions> = {}): TrainOptions => ({
  device,
  network,
  patch: [1, 16, 16],
  labels: labelScheme({ background: 0, half: 1 }),
  settings,
  cases,
  train: ['a', 'b'],
  validation: ['a'],
  seed: 3,
  ...more,
});

/** The state after `epochs` of the two. */
async function stateAfter(epochs: number, more: Partial<TrainOptions>): Promise<Checkpoint> {
  const store = memoryStore();
  const run = train(options({ ...more, store }));
  for (let epoch = 0; epoch < epochs; epoch++) await run.next();
  if (epochs === 2) await run.next();
  else await run.return(undefined as never);
  const name = epochs === 2 ? CHECKPOINT.final : CHECKPOINT.latest;
  return decodeCheckpoint(store.files.get(name)!, name);
}

function toNnunet(checkpoint: Checkpoint): Promise<Uint8Array> {
  return encodeNnunetCheckpoint({
    plan: { network, name: '2d', dimensions: 2 } as ConfigurationPlan,
    plans: {} as NnunetCheckpoint['plans'],
    dataset: {} as NnunetCheckpoint['dataset'],
    fold: 0,
    weights: predictingWeights(checkpoint) as NnunetCheckpoint['weights'],
    mirrorAxes: [1, 2],
    training: nnunetTraining(checkpoint, ({ step }) => step * 2),
  });
}

describe.each([
  ['sgd', settings],
  ['adamw', { ...settings, optimizer: adamw }],
] as const)('a training with %s', (_, own) => {
  it('goes through a file of nnU-Net and on to the same bits', async () => {
    const half = await stateAfter(1, { settings: own });
    const resume = { network, settings: own, seed: half.seed, identity: half.identity };
    const back = await checkpointFromNnunet(await toNnunet(half), 'checkpoint_latest.pth', resume);
    expect(new Map(back.tensors)).toEqual(new Map(half.tensors));
    expect(back.position).toEqual(half.position);
    const store = memoryStore();
    await store.write(CHECKPOINT.latest, encodeCheckpoint(back));
    const run = train(options({ settings: own, store }));
    while (!(await run.next()).done);
    const whole = await stateAfter(2, { settings: own });
    const continued = decodeCheckpoint(store.files.get(CHECKPOINT.final)!, 'continued');
    expect(new Map(continued.tensors)).toEqual(new Map(whole.tensors));
    expect(continued.position).toEqual(whole.position);
  });
});

it('carries the momentum of averaged weights, whose average goes on from the file', async () => {
  const own: TrainingSettings = { ...settings, average: { decay: 0.9 } };
  const averaged = await stateAfter(1, { settings: own });
  const file = await toNnunet(averaged);
  const resume = { network, settings: own, seed: 3, identity: {} };
  const back = await checkpointFromNnunet(file, 'averaged.pth', resume);
  expect(tensorsOf(averaged, 'average')).not.toEqual(tensorsOf(averaged, 'weights'));
  expect(tensorsOf(back, 'velocity')).toEqual(tensorsOf(averaged, 'velocity'));
  // The file's weights are those that predict.
  for (const kind of ['weights', 'average']) expect(tensorsOf(back, kind)).toEqual(tensorsOf(averaged, 'average'));
  expect(back.position).toEqual(averaged.position);
  const store = memoryStore();
  await store.write(CHECKPOINT.latest, encodeCheckpoint(back));
  const run = train(options({ settings: own, store }));
  while (!(await run.next()).done);
  const end = decodeCheckpoint(store.files.get(CHECKPOINT.final)!, 'end');
  // Three steps on, the average is still near the weights: it did not start from nothing.
  const distance = (a: ReadonlyMap<string, { data: unknown }>, b: typeof a): number =>
    Math.sqrt(
      [...a].reduce((sum, [name, { data }]) => {
        const other = b.get(name)!.data as Float32Array;
        return sum + (data as Float32Array).reduce((part, x, k) => part + (x - other[k]!) ** 2, 0);
      }, 0),
    );
  const [average, weights] = [tensorsOf(end, 'average'), tensorsOf(end, 'weights')];
  expect(distance(average, weights)).toBeLessThan(distance(tensorsOf(back, 'weights'), weights));
});

it('is not taken from another optimizer', async () => {
  const bytes = await toNnunet(await stateAfter(1, {}));
  const resume = { network, settings: { ...settings, optimizer: adamw }, seed: 3, identity: {} };
  await expect(checkpointFromNnunet(bytes, 'sgd.pth', resume)).rejects.toThrow(
    /keeps momentum_buffer; this trainer's adamw keeps exp_avg.*nnUNetTrainer\)/,
  );
});

const python = ['/usr/bin/python3', 'python3'].find((command) => {
  try {
    execFileSync(command, ['-c', 'import torch'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
});
/** PyTorch's optimizers with settings that the file has to replace, and what they keep. */
const TORCH: Readonly<Record<string, readonly [make: string, kept: Readonly<Record<string, string>>]>> = {
  nnUNetTrainer: ['SGD(weights, 0.5, weight_decay=1, momentum=0.1)', { velocity: 'momentum_buffer' }],
  nnUNetTrainerAdam1en3: [
    'AdamW(weights, 1, weight_decay=1)',
    { first: 'exp_avg', second: 'exp_avg_sq', greatest: 'max_exp_avg_sq' },
  ],
  nnUNetTrainerVanillaAdam1en3: [
    'Adam(weights, 1, weight_decay=1, betas=(0.5, 0.5))',
    { first: 'exp_avg', second: 'exp_avg_sq' },
  ],
};

describe.skipIf(python === undefined)('beside PyTorch', () => {
  it.each(Object.keys(TORCH))('%s: its optimizer takes the buffers, moves on, and gives them back', async (trainer) => {
    const [make, kept] = TORCH[trainer]!;
    const change = trainerNamed(trainer)!.settings as Partial<TrainingSettings> | undefined;
    const own = { ...settings, ...change };
    const checkpoint = await stateAfter(1, { settings: own });
    const folder = mkdtempSync(join(tmpdir(), 'training-'));
    const [path, next] = ['latest.pth', 'next.pth'].map((name) => join(folder, name)) as [string, string];
    writeFileSync(path, await toNnunet(checkpoint));
    const learned = stateDictEntries(network).filter(({ alias }) => !alias);
    const script = `
import json, sys, torch
c = torch.load(sys.argv[1], map_location='cpu')
weights = [torch.nn.Parameter(c['network_weights'][n].clone()) for n in json.loads(sys.argv[3])]
optimizer = torch.optim.${make}
optimizer.load_state_dict(c['optimizer_state'])
log = c['logging']
assert all(len(v) == c['current_epoch'] == 1 for v in log.values()), log
assert log['epoch_end_timestamps'] == [6.0] and c['_best_ema'] == log['ema_fg_dice'][0]
print(json.dumps([{k: v.flatten().tolist() for k, v in optimizer.state[w].items()} for w in weights]))
for step in range(2):
    for k, w in enumerate(weights): w.grad = torch.cos(torch.arange(w.numel()) + k + step).reshape(w.shape)
    optimizer.step()
for n, w in zip(json.loads(sys.argv[3]), weights):
    for name, tensor in c['network_weights'].items():
        if tensor.data_ptr() == c['network_weights'][n].data_ptr() and name != n: tensor.copy_(w.detach())
    c['network_weights'][n].copy_(w.detach())
c['optimizer_state'] = optimizer.state_dict()
torch.save(c, sys.argv[2])`;
    const words = ['-c', script, path, next, JSON.stringify(learned.map(({ theirs }) => theirs))];
    const taken = JSON.parse(execFileSync(python!, words, { encoding: 'utf8' })) as Record<string, number[]>[];
    for (const [ours, theirs] of Object.entries(kept))
      learned.forEach(({ ours: name }, k) =>
        expect(Float32Array.from(taken[k]![theirs]!)).toEqual(tensorsOf(checkpoint, ours).get(name)!.data),
      );
    // The same two steps by our optimizer, from the same state, end where PyTorch's file is.
    const upload = ([name, { shape, data }]: [string, { shape: readonly number[]; data: unknown }]) =>
      [name, tensor(device, data as Float32Array, shape)] as const;
    const weights = new Map(learned.map(({ ours }) => upload([ours, tensorsOf(checkpoint, 'weights').get(ours)!])));
    const optimizer = makeOptimizer(device, own.optimizer, weights, checkpoint);
    const rate = checkpoint.position.history[0]!.learningRate;
    for (const step of [0, 1])
      optimizer.apply(
        [...weights.values()].map(({ shape }, k) =>
          tensor(
            device,
            Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, e) => Math.cos(e + k + step)),
            shape,
          ),
        ),
        { rate, step: checkpoint.position.step + step + 1, clipNorm: 1e9 },
      );
    const resume = { network, settings: own, seed: 3, identity: {} };
    const back = await checkpointFromNnunet(readFileSync(next), next, resume);
    const close = (found: Float32Array, expected: Float32Array): void =>
      expected.forEach((value, e) =>
        expect(Math.abs(found[e]! - value)).toBeLessThan(2e-6 * Math.max(1, Math.abs(value))),
      );
    for (const { ours } of learned) {
      close(
        (await weights.get(ours)!.read()) as Float32Array,
        tensorsOf(back, 'weights').get(ours)!.data as Float32Array,
      );
      for (const kind of Object.keys(kept))
        close(
          (await optimizer.state.get(`${kind}.${ours}`)!.read()) as Float32Array,
          tensorsOf(back, kind).get(ours)!.data as Float32Array,
        );
    }
  });
});
