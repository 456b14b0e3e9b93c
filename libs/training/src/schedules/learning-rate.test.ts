import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { trainerNamed } from '../recipes/trainers.ts';
import type { TrainingSettings } from '../recipes/training-settings.ts';
import { learningRate } from './learning-rate.ts';

const sgd = { name: 'sgd', learningRate: 0.01, momentum: 0.99, nesterov: true, weightDecay: 3e-5 } as const;

describe('learningRate', () => {
  it('follows the reference poly schedule', () => {
    const rows = JSON.parse(readFileSync(new URL('../../fixtures/loss/poly_lr.json', import.meta.url), 'utf8')) as {
      initial_lr: number;
      max_steps: number;
      exponent: number;
      epoch_lr: [number, number][];
    }[];
    for (const { initial_lr, max_steps, exponent, epoch_lr } of rows) {
      const settings = {
        optimizer: { ...sgd, learningRate: initial_lr },
        schedule: { name: 'poly', exponent, warmupSteps: 0, per: 'epoch' } as const,
        steps: max_steps * 250,
        stepsPerEpoch: 250,
      };
      for (const [epoch, lr] of epoch_lr) {
        expect(Math.abs(learningRate(settings, epoch * 250) - lr)).toBeLessThan(1e-12);
        expect(learningRate(settings, epoch * 250 + 249)).toBe(learningRate(settings, epoch * 250));
      }
    }
  });

  it('warms up as nnUNetTrainer_warmup: (1 + epoch) / 50, then poly over the epochs that are left', () => {
    const { settings: change } = trainerNamed('nnUNetTrainer_warmup')!;
    const recipe = { optimizer: sgd, steps: 1000 * 7, stepsPerEpoch: 7 } as TrainingSettings;
    const settings = { ...recipe, ...(change as (recipe: TrainingSettings) => Partial<TrainingSettings>)(recipe) };
    for (const epoch of [0, 1, 17, 48, 49, 50, 51, 400, 999]) {
      const factor = epoch < 50 ? (1 + epoch) / 50 : (1 - (epoch - 50) / 950) ** 0.9;
      for (const step of [epoch * 7, epoch * 7 + 6])
        expect(learningRate(settings, step)).toBeCloseTo(0.01 * factor, 14);
    }
  });

  it('rises during the warm-up and falls to nearly nothing at the last step', () => {
    const settings = {
      optimizer: sgd,
      schedule: { name: 'cosine', warmupSteps: 10, per: 'step' } as const,
      steps: 110,
      stepsPerEpoch: 10,
    };
    const rates = Array.from({ length: 110 }, (_, step) => learningRate(settings, step));
    expect(rates[0]).toBeCloseTo(0.01 / 11, 12);
    expect(rates[10]).toBeCloseTo(0.01, 12);
    for (let step = 1; step < 110; step++) expect(rates[step]! > rates[step - 1]!).toBe(step <= 10);
    expect(rates[109]).toBeLessThan(1e-5);
  });
});
