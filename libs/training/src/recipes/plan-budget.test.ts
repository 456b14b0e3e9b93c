import { createWasmDevice, type Device } from '@voxelwise/compute';
import { labelScheme, type ConfigurationPlan } from '@voxelwise/planner';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memoryCase, memoryCases } from '../cases/memory-case.ts';
import { BudgetError } from '../errors.ts';
import { narrowed, planBudget, type BudgetRequest } from './plan-budget.ts';

let device: Device;
beforeAll(async () => {
  device = await createWasmDevice({ threads: 1 });
});
afterAll(() => device.dispose());

const plan = {
  name: '3d_fullres',
  dimensions: 3,
  patchSize: [8, 8, 8],
  medianShape: [8, 12, 8],
  batchSize: 2,
  batchDice: false,
  labels: labelScheme({ background: 0, a: 1 }),
  network: {
    network: 'PlainConvUNet',
    inputChannels: 1,
    outputChannels: 2,
    featuresPerStage: [32, 64],
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
  },
} as unknown as ConfigurationPlan;

const cases = memoryCases([
  memoryCase({
    id: 'a',
    shape: [9, 12, 8],
    image: new Float32Array(864).map((_, k) => Math.sin(k)),
    labels: new Int16Array(864).map((_, k) => k % 2),
    locations: new Map([['1', Uint32Array.from([1, 3])]]),
  }),
]);

/** A clock by which everything that is timed takes `each` seconds. */
const ticking = (each: number): (() => number) => {
  let time = 0;
  return () => (time += each);
};

const request = (more: Partial<BudgetRequest>): BudgetRequest => ({
  device,
  plan,
  cases,
  ids: ['a'],
  seconds: 600,
  folds: 1,
  predictions: 10,
  now: ticking(0.1),
  ...more,
});

describe('planBudget', () => {
  it('gives a short budget a narrow network, few steps and the short recipe, and says why', async () => {
    const found = await planBudget(request({ seconds: 60, now: ticking(0.2) }));
    expect(found.network.featuresPerStage).toEqual([8, 16]);
    expect(found.settings.recipe).toBe('short');
    expect(found.settings.steps).toBeLessThan(60 / 0.2);
    expect(found.decisions.map((decision) => decision.name)).toEqual([
      'width',
      'batch',
      'steps',
      'recipe',
      'mirroring',
    ]);
    expect(found.decisions.find((decision) => decision.name === 'width')!.why).toMatch(/8: 0\.20 s a step/);
  });

  it('ends inside the budget by its own estimate', async () => {
    for (const seconds of [120, 600, 3600]) {
      const { expected, settings } = await planBudget(request({ seconds }));
      expect(expected.trainingSeconds + expected.predictionSeconds).toBeLessThan(seconds);
      expect(settings.steps * expected.secondsPerStep).toBeLessThan(expected.trainingSeconds);
      expect(settings.steps * expected.secondsPerStep).toBeGreaterThan(expected.trainingSeconds * 0.7);
    }
  });

  it('widens with the time there is', async () => {
    const widths = [];
    for (const seconds of [100, 800, 1500])
      widths.push((await planBudget(request({ seconds }))).network.featuresPerStage[0]);
    expect([...widths].sort((a, b) => a! - b!)).toEqual(widths);
    expect(new Set(widths).size).toBe(3);
  });

  it('hands over to the exact recipe where 25 000 planned steps fit', async () => {
    const { settings, network } = await planBudget(request({ seconds: 4000 }));
    expect(settings).toMatchObject({
      recipe: 'nnunet',
      optimizer: { name: 'sgd', momentum: 0.99, learningRate: 0.01 },
      stepsPerEpoch: 250,
      batchSize: 2,
    });
    expect(settings.steps % 250).toBe(0);
    expect(network).toEqual(plan.network);
  });

  it('shares the time among folds', async () => {
    const one = await planBudget(request({}));
    const five = await planBudget(request({ folds: 5 }));
    expect(five.settings.steps * five.network.featuresPerStage[0]!).toBeLessThan(
      one.settings.steps * one.network.featuresPerStage[0]!,
    );
  });

  it('refuses a budget in which nothing can be learned', async () => {
    await expect(planBudget(request({ seconds: 5, now: ticking(1) }))).rejects.toThrow(BudgetError);
  });
});

it('narrows every stage by the same factor', () => {
  expect(narrowed({ ...plan.network, featuresPerStage: [32, 64, 128, 256, 320] }, 24).featuresPerStage).toEqual([
    24, 48, 96, 192, 240,
  ]);
});
