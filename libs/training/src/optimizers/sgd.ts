/** Stochastic gradient descent with momentum: nnU-Net's optimizer. */
import { sgd } from '@voxelwise/compute';
import type { OptimizerSettings } from '../recipes/training-settings.ts';
import type { Update } from './optimizer.ts';

export function sgdUpdate({ momentum, nesterov, weightDecay }: Extract<OptimizerSettings, { name: 'sgd' }>): Update {
  return {
    kinds: ['velocity'],
    apply: (weight, gradient, [velocity], { rate, scale }) => {
      sgd({ weight, velocity: velocity!, gradient, rate, scale }, { momentum, nesterov, weightDecay });
    },
  };
}
