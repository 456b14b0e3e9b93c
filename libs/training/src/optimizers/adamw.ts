/** Adam with decoupled weight decay: learns faster than momentum where there are few steps. */
import { adamw } from '@voxelwise/compute';
import type { OptimizerSettings } from '../recipes/training-settings.ts';
import type { Update } from './optimizer.ts';

export function adamwUpdate({
  beta1,
  beta2,
  epsilon,
  weightDecay,
  decays = 'kernels',
  coupled = false,
  amsgrad = false,
}: Extract<OptimizerSettings, { name: 'adamw' }>): Update {
  return {
    kinds: amsgrad ? ['first', 'second', 'greatest'] : ['first', 'second'],
    apply: (weight, gradient, [first, second, greatest], { rate, scale, step }) => {
      // Decay is for kernels; a shrinking scale or shift of a norm does nothing good.
      const decay = decays === 'all' || weight.shape.length > 1 ? weightDecay : 0;
      adamw(
        { weight, first: first!, second: second!, greatest, gradient, rate, step, scale },
        { beta1, beta2, epsilon, weightDecay: decay, coupled },
      );
    },
  };
}
