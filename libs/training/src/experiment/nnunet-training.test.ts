/** A training handed to nnU-Net's files and back goes on to the same bits; PyTorch's optimizer takes its state. */
import { createWasmDevice, Philox, type Device } from '@voxelwise/compute';
import { encodeNnunetCheckpoint, type NnunetCheckpoint } from '@voxelwise/inference';
import { stateDictEntries, type NetworkConfig } from '@voxelwise/nets';
import { labelScheme, type ConfigurationPlan } from '@voxelwise/planner';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memoryCase, memoryCases } from '../cases/memory-case.ts';
import type { TrainOptions } from '../loop/train-options.ts';
import { train } from '../loop/train.ts';
import type { OptimizerSettings, TrainingSettings } from '../recipes/training-settings.ts';
import { decodeCheckpoint, encodeCheckpoint, tensorsOf, type Checkpoint } from './checkpoint.ts';
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
    weights: tensorsOf(checkpoint, 'weights') as NnunetCheckpoint['weights'],
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

it('is not handed on with averaged weights, nor taken from another optimizer', async () => {
  const averaged = await stateAfter(1, { settings: { ...settings, average: { decay: 0.9 } } });
  expect(nnunetTraining(averaged)).toBeUndefined();
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
it.skipIf(python === undefined)("is taken over by PyTorch's SGD, parameter by parameter", async () => {
  const checkpoint = await stateAfter(1, {});
  const path = join(mkdtempSync(join(tmpdir(), 'training-')), 'checkpoint_latest.pth');
  writeFileSync(path, await toNnunet(checkpoint));
  const names = stateDictEntries(network).flatMap(({ theirs, alias }) => (alias ? [] : [theirs]));
  const script = `
import json, sys, torch
c = torch.load(sys.argv[1], map_location='cpu')
weights = [torch.nn.Parameter(c['network_weights'][n].clone()) for n in json.loads(sys.argv[2])]
optimizer = torch.optim.SGD(weights, 0.5, weight_decay=1, momentum=0.1, nesterov=True)
optimizer.load_state_dict(c['optimizer_state'])
group = optimizer.param_groups[0]
assert (group['momentum'], group['nesterov'], group['weight_decay']) == (0.99, True, 3e-5), group
assert len(optimizer.state) == len(weights)
for w in weights: w.grad = torch.ones_like(w)
optimizer.step()
log = c['logging']
assert all(len(v) == c['current_epoch'] == 1 for v in log.values()), log
assert log['epoch_end_timestamps'] == [6.0] and c['_best_ema'] == log['ema_fg_dice'][0]
print(json.dumps([w.detach().flatten().tolist() for w in weights]))`;
  const after = JSON.parse(
    execFileSync(python!, ['-c', script, path, JSON.stringify(names)], { encoding: 'utf8' }),
  ) as number[][];
  const [weights, velocity] = ['weights', 'velocity'].map((kind) => tensorsOf(checkpoint, kind));
  const rate = checkpoint.position.history[0]!.learningRate;
  stateDictEntries(network)
    .filter(({ alias }) => !alias)
    .forEach(({ ours }, k) => {
      const [w, v] = [weights!.get(ours)!.data as Float32Array, velocity!.get(ours)!.data as Float32Array];
      after[k]!.forEach((value, e) => {
        const g = 1 + 3e-5 * w[e]!;
        expect(value).toBeCloseTo(w[e]! - rate * (g + 0.99 * (0.99 * v[e]! + g)), 5);
      });
    });
});
