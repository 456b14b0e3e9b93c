import { createWasmDevice, mean, mul, Philox, sqrt, tensor, type Device } from '@voxelwise/compute';
import { labelScheme } from '@voxelwise/planner';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memoryCase, memoryCases } from '../cases/memory-case.ts';
import { decodeCheckpoint } from '../experiment/checkpoint.ts';
import { CHECKPOINT, memoryStore, PROGRESS } from '../experiment/state-store.ts';
import type { TrainingSettings } from '../recipes/training-settings.ts';
import { DivergenceError, TrainingError } from '../errors.ts';
import { buildNetwork } from '@voxelwise/nets';
import { lossNamed } from '../losses/catalogue.ts';
import type { Loss } from '../losses/loss.ts';
import { frugality } from './checkpointing.ts';
import { train } from './train.ts';
import type { TrainOptions } from './train-options.ts';
import type { EpochReport, TrainResult } from './reports.ts';

const labels = labelScheme({ background: 0, ball: 1 });
const network = {
  network: 'PlainConvUNet',
  inputChannels: 1,
  outputChannels: 2,
  featuresPerStage: [4, 8],
  kernelSizes: [
    [3, 3, 3],
    [3, 3, 3],
  ],
  strides: [
    [1, 1, 1],
    [2, 2, 2],
  ],
  encoderDepths: [1, 1],
  decoderDepths: [1],
  convolutionBias: true,
  normEpsilon: 1e-5,
  slope: 0.01,
} as const;
const settings: TrainingSettings = {
  recipe: 'custom',
  steps: 12,
  stepsPerEpoch: 4,
  validationSteps: 2,
  batchSize: 2,
  clipNorm: 12,
  foregroundShare: 0.33,
  batchDice: false,
  deepSupervision: true,
  loss: 'dice+ce',
  optimizer: { name: 'sgd', learningRate: 0.05, momentum: 0.9, nesterov: true, weightDecay: 3e-5 },
  schedule: { name: 'poly', exponent: 0.9, warmupSteps: 0, per: 'step' },
  augmentation: 'nnunet',
  mirrorAxes: [0, 1, 2],
  average: { decay: 0.8 },
};

/** Bright balls in noise. */
function ballCases(count: number, spoil?: (image: Float32Array, k: number) => void): ReturnType<typeof memoryCases> {
  return memoryCases(
    Array.from({ length: count }, (_, k) => {
      const random = new Philox(k);
      const center = [0, 1, 2].map(() => random.uniform(5, 9));
      const image = new Float32Array(14 ** 3);
      const map = new Int16Array(14 ** 3);
      const found: number[] = [];
      for (let v = 0; v < image.length; v++) {
        const at = [Math.floor(v / 196), Math.floor(v / 14) % 14, v % 14];
        const inside = Math.hypot(...at.map((x, axis) => x - center[axis]!)) < 3.5;
        image[v] = random.normal() * 0.3 + (inside ? 1.5 : 0);
        if (inside) found.push(v);
        map[v] = inside ? 1 : 0;
      }
      spoil?.(image, k);
      return memoryCase({
        id: `case${k}`,
        shape: [14, 14, 14],
        image,
        labels: map,
        locations: new Map([['1', Uint32Array.from(found)]]),
      });
    }),
  );
}

let device: Device;
beforeAll(async () => {
  device = await createWasmDevice({ threads: 1 });
});
afterAll(() => device.dispose());

const options = (more: Partial<TrainOptions> = {}): TrainOptions => ({
  device,
  network,
  patch: [12, 12, 12],
  labels,
  settings,
  cases: ballCases(6),
  train: ['case0', 'case1', 'case2', 'case3'],
  validation: ['case4', 'case5'],
  seed: 7,
  ...more,
});

async function all(given: TrainOptions): Promise<{ reports: EpochReport[]; result: TrainResult }> {
  const reports: EpochReport[] = [];
  const generator = train(given);
  for (;;) {
    const next = await generator.next();
    if (next.done) return { reports, result: next.value };
    reports.push(next.value);
  }
}

describe('train', () => {
  it('learns with batch norm, on whole batches, and saves the statistics that it counted', async () => {
    const batchNorm = { ...network, normalization: 'batch' } as const;
    expect(frugality(2, buildNetwork(batchNorm))).toEqual(['none', 'stages']);
    const store = memoryStore();
    const short = { ...settings, steps: 5, stepsPerEpoch: 5, average: undefined } as unknown as TrainingSettings;
    const { reports } = await all(options({ network: batchNorm, settings: short, store }));
    expect(reports[0]!.validationLoss).not.toBeNull();
    const saved = decodeCheckpoint((await store.read(CHECKPOINT.final))!, 'final');
    const norm = 'weights.encoder.stages.0.blocks.0.norm';
    expect([...saved.tensors.get(`${norm}.batches`)!.data]).toEqual([5]);
    expect([...saved.tensors.get(`${norm}.runningMean`)!.data]).not.toEqual([0, 0, 0, 0]);
    expect(saved.tensors.has('velocity.encoder.stages.0.blocks.0.norm.runningMean')).toBe(false);
  });

  it('learns balls in a few epochs, and saves what it learned', async () => {
    const store = memoryStore();
    const { reports, result } = await all(options({ store, settings: { ...settings, steps: 60, stepsPerEpoch: 20 } }));
    expect(reports.map((report) => report.step)).toEqual([20, 40, 60]);
    expect(reports.at(-1)!.trainLoss).toBeLessThan(reports[0]!.trainLoss);
    expect(reports.at(-1)!.meanDice).toBeGreaterThan(0.8);
    expect(result).toMatchObject({ steps: 60, resumed: false });
    expect([...store.files.keys()].sort()).toEqual([CHECKPOINT.best, CHECKPOINT.final, PROGRESS]);
  });

  it('goes on after being killed at any step, to the same bytes', async () => {
    const whole = memoryStore();
    await all(options({ store: whole }));
    for (const killedAt of [1, 4, 7, 11]) {
      const store = memoryStore();
      const aborter = new AbortController();
      const interrupted = all(
        options({
          store,
          signal: aborter.signal,
          onStep: ({ step }) => step === killedAt && aborter.abort(new Error('killed')),
        }),
      );
      await expect(interrupted).rejects.toThrow('killed');
      const { result } = await all(options({ store }));
      expect(result.resumed).toBe(true);
      for (const [name, bytes] of whole.files)
        expect(Buffer.from(store.files.get(name)!).equals(Buffer.from(bytes)), `${name} after step ${killedAt}`).toBe(
          true,
        );
    }
  });

  it('goes on when its caller stopped asking', async () => {
    const whole = memoryStore();
    await all(options({ store: whole }));
    const store = memoryStore();
    for await (const report of train(options({ store }))) if (report.epoch === 1) break;
    expect(store.files.has(CHECKPOINT.final)).toBe(false);
    await all(options({ store }));
    expect(
      Buffer.from(store.files.get(CHECKPOINT.final)!).equals(Buffer.from(whole.files.get(CHECKPOINT.final)!)),
    ).toBe(true);
  });

  it('finds a finished training and does nothing; extends it when asked for more steps', async () => {
    const store = memoryStore();
    await all(options({ store }));
    const again = await all(options({ store }));
    expect(again.reports).toEqual([]);
    expect(again.result).toMatchObject({ steps: 12, resumed: true });
    const longer = await all(options({ store, settings: { ...settings, steps: 20 } }));
    expect(longer.result).toMatchObject({ steps: 20, resumed: true });
    expect(longer.reports.map((report) => report.step)).toEqual([16, 20]);
  });

  it('refuses a folder with another training', async () => {
    const store = memoryStore();
    await all(options({ store }));
    await expect(all(options({ store, seed: 8 }))).rejects.toThrow(/other settings \(seed\)/);
  });

  it('drops steps that would come too late, and says so', async () => {
    let left = 100;
    const { reports, result } = await all(
      options({ settings: { ...settings, steps: 40 }, secondsLeft: () => (left -= 10) }),
    );
    expect(result.steps).toBeLessThan(40);
    expect(reports.find((report) => report.note !== undefined)!.note).toMatch(/steps were dropped/);
    expect(reports.at(-1)!.step).toBe(result.steps);
  });

  it('ends within its first epoch where the time does not hold one', async () => {
    let done = 0;
    const { reports, result } = await all(
      options({
        settings: { ...settings, steps: 400, stepsPerEpoch: 200, batchSize: 1 },
        onStep: () => void done++,
        secondsLeft: () => 30 - done,
      }),
    );
    expect(result.steps).toBe(30);
    expect(reports.map(({ step, note }) => [step, note])).toEqual([
      [30, expect.stringContaining('steps were dropped')],
    ]);
  });

  it('says when nothing has improved for long', async () => {
    const { reports } = await all(
      options({
        patch: [14, 14, 14],
        validation: ['case4'],
        settings: { ...settings, steps: 110, stepsPerEpoch: 1, validationSteps: 1, batchSize: 1, augmentation: 'none' },
        schedule: () => 0,
      }),
    );
    expect(
      reports.filter((report) => report.note?.includes('has not risen for 50 epochs')).map((report) => report.epoch),
    ).toEqual([99]);
  });

  it('takes another sampler, schedule, loss and network as values', async () => {
    const seen: string[] = [];
    const rates: number[] = [];
    let built = 0;
    await all(
      options({
        sampler: {
          chooseCase: (ids, { sample }) => (seen.push(ids[sample]!), ids[sample]!),
          choosePatch: () => [1, 1, 1],
        },
        schedule: (step, steps) => 0.01 * (1 - step / steps),
        loss: lossNamed('ce', labels, settings),
        build: (config) => (built++, buildNetwork(config)),
        onStep: ({ learningRate }) => rates.push(learningRate),
        validation: [],
      }),
    );
    expect(new Set(seen)).toEqual(new Set(['case0', 'case1']));
    expect(rates[6]).toBeCloseTo(0.005, 12);
    expect(built).toBe(1);
  });

  it('feeds the previous stage to the second of a cascade', async () => {
    const plain = ballCases(6);
    const staged = {
      open: async (id: string) => {
        const prepared = await plain.open(id);
        const crop: typeof prepared.crop = async (start, shape) => {
          const { labels: map, ...rest } = await prepared.crop(start, shape);
          return { ...rest, labels: Int16Array.from([...map, ...map]) };
        };
        return { ...prepared, crop };
      },
    };
    const both = { ...network, inputChannels: 2 };
    const { reports } = await all(
      options({ cases: staged, cascade: true, network: both, settings: { ...settings, steps: 40, stepsPerEpoch: 20 } }),
    );
    expect(reports.at(-1)!.meanDice).toBeGreaterThan(0.9); // the answer is in the input
    await expect(all(options({ cascade: true, network: both }))).rejects.toThrow(
      /no segmentation of the previous stage/,
    );
  });

  it('takes steps back, and more where steps are an estimate, when time turns out to be there', async () => {
    const pace = (rates: readonly number[]) => {
      let left = 100;
      let epoch = 0;
      return () => (left -= rates[Math.min(epoch++, rates.length - 1)]!);
    };
    const slowFirst = await all(options({ settings: { ...settings, steps: 40 }, secondsLeft: pace([0, 0, 60, 0.5]) }));
    expect(slowFirst.reports[1]!.steps).toBeLessThan(40);
    expect(slowFirst.result.steps).toBe(40);
    const stretched = await all(
      options({ settings: { ...settings, steps: 40, stretch: true }, secondsLeft: pace([0, 0, 4]) }),
    );
    expect(stretched.result.steps).toBeGreaterThan(60);
    expect(stretched.reports.some((report) => report.note?.includes('were added'))).toBe(true);
  });

  it('stops at a loss that is no number, naming the case', async () => {
    const cases = ballCases(6, (image) => image.fill(NaN));
    await expect(all(options({ cases }))).rejects.toThrow(DivergenceError);
    await expect(all(options({ cases }))).rejects.toThrow(/step 1.*image itself holds NaN.*case\d from voxel/s);
  });

  it.each([
    ['forward', 'case2', (image: Float32Array) => image.fill(3e38), 'encoder.stages.0.blocks.0.'],
    ['loss', undefined, undefined, undefined],
    ['backward', undefined, undefined, 'decoder.stages.0.head'],
  ] as const)('names the operation that broke first on the way %s', async (pass, only, spoil, layer) => {
    const cases = ballCases(6, spoil && ((image, k) => void (k === 2 && spoil(image))));
    // The root of 0 is a number, its derivative is none.
    const loss: Loss = {
      name: 'odd',
      apply: (x) => {
        const mean_ = mean({ x: mul({ a: x, b: tensor(x.device, [pass === 'loss' ? Infinity : 0], []) }) });
        return sqrt({ x: mul({ a: mean_, b: mean_ }) });
      },
    };
    const error = await all(
      options({ cases, settings: { ...settings, augmentation: 'none' }, ...(pass === 'forward' ? {} : { loss }) }),
    ).catch((one: unknown) => one);
    expect(error).toBeInstanceOf(DivergenceError);
    const { details, message } = error as DivergenceError;
    expect(details['pass']).toBe(pass);
    expect(message).toContain(String(details['operation']));
    expect(message).toMatch(/case\d from voxel \[/);
    if (layer !== undefined) expect(details['layer']).toContain(layer);
    if (only !== undefined) expect((details['patches'] as { id: string }[]).map(({ id }) => id)).toContain(only);
    if (only !== undefined) for (const { id } of details['patches'] as { id: string }[]) expect(id).toBe(only);
  });

  it('refuses to train on nothing', async () => {
    await expect(all(options({ train: [] }))).rejects.toThrow(TrainingError);
  });

  it('starts from pretrained weights and leaves frozen ones alone', async () => {
    const first = memoryStore();
    await all(options({ store: first }));
    const { decodeCheckpoint, tensorsOf } = await import('../experiment/checkpoint.ts');
    const weights = tensorsOf(decodeCheckpoint(first.files.get(CHECKPOINT.final)!, 'first'), 'weights') as never;
    const second = memoryStore();
    await all(
      options({ store: second, seed: 9, pretrained: { weights, freeze: (name) => name.startsWith('encoder.') } }),
    );
    const after = tensorsOf(decodeCheckpoint(second.files.get(CHECKPOINT.final)!, 'second'), 'weights');
    const before = weights as ReadonlyMap<string, { data: Float32Array }>;
    for (const [name, { data }] of after)
      expect(Buffer.from(data.buffer).equals(Buffer.from(before.get(name)!.data.buffer)), name).toBe(
        name.startsWith('encoder.'),
      );
  });
});
