/** The recipe for few steps: a faster optimizer, a warm-up, averaged weights. */
import { patchOf } from '@voxelwise/inference';
import type { ConfigurationPlan } from '@voxelwise/planner';
import { rotationPlan } from '../sampling/initial-patch.ts';
import { maskedChannels } from './masked-channels.ts';
import type { TrainingSettings } from './training-settings.ts';

export interface ShortOptions {
  readonly steps: number;
  readonly batchSize?: number;
}

/** Reports to aim for: a curve needs points, and each costs a validation. */
const REPORTS = 25;

export function shortSettings(
  plan: Pick<ConfigurationPlan, 'patchSize' | 'batchDice'> & Partial<Pick<ConfigurationPlan, 'channels'>>,
  { steps, batchSize = 2 }: ShortOptions,
): TrainingSettings {
  return {
    recipe: 'short',
    steps,
    stepsPerEpoch: Math.max(1, Math.min(250, Math.round(steps / REPORTS))),
    validationSteps: 4,
    batchSize,
    optimizer: { name: 'adamw', learningRate: 3e-3, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 1e-2 },
    schedule: { name: 'cosine', warmupSteps: Math.min(50, Math.floor(steps / 20)), per: 'step' },
    clipNorm: 12,
    foregroundShare: 0.33,
    batchDice: true,
    deepSupervision: true,
    loss: 'dice+ce',
    augmentation: 'nnunet',
    mirrorAxes: rotationPlan(patchOf(plan)).mirrorAxes,
    ...maskedChannels(plan),
    average: { decay: averageDecay(steps) },
  };
}

/** Averages over the last few per cent of the steps. */
function averageDecay(steps: number): number {
  return Math.round((1 - Math.min(0.1, 30 / steps)) * 1e4) / 1e4;
}
