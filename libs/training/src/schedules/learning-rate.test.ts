import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
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
