/** nnU-Net's own recipe. Source: nnU-Net v2, nnUNetTrainer. */
import type { ConfigurationPlan } from '@voxelwise/planner';
import { patchOf } from '@voxelwise/inference';
import { rotationPlan } from '../sampling/initial-patch.ts';
import { maskedChannels } from './masked-channels.ts';
import type { TrainingSettings } from './training-settings.ts';

export interface NnunetOptions {
  /** Default 1000. */
  readonly epochs?: number;
  /** Default 250. */
  readonly stepsPerEpoch?: number;
  /** Default 50. */
  readonly validationSteps?: number;
}

/** SGD with momentum 0.99 at rate 0.01, poly schedule over the epochs, a third of foreground patches, all of the augmentation. */
export function nnunetSettings(
  plan: Pick<ConfigurationPlan, 'patchSize' | 'batchSize' | 'batchDice'> & Partial<Pick<ConfigurationPlan, 'channels'>>,
  options: NnunetOptions = {},
): TrainingSettings {
  const { epochs = 1000, stepsPerEpoch = 250, validationSteps = 50 } = options;
  return {
    recipe: 'nnunet',
    steps: epochs * stepsPerEpoch,
    stepsPerEpoch,
    validationSteps,
    batchSize: plan.batchSize,
    optimizer: { name: 'sgd', learningRate: 0.01, momentum: 0.99, nesterov: true, weightDecay: 3e-5 },
    schedule: { name: 'poly', exponent: 0.9, warmupSteps: 0, per: 'epoch' },
    clipNorm: 12,
    foregroundShare: 0.33,
    batchDice: plan.batchDice,
    deepSupervision: true,
    loss: 'dice+ce',
    augmentation: 'nnunet',
    mirrorAxes: rotationPlan(patchOf(plan)).mirrorAxes,
    ...maskedChannels(plan),
  };
}
