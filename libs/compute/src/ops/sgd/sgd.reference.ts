import type { ReferenceKernel } from '../../op/op.ts';
import type { SgdInputs, SgdOptions } from './sgd.ts';

export const sgdReference: ReferenceKernel<SgdInputs, SgdOptions> = (
  { weight, velocity, gradient, rate, scale },
  { momentum, nesterov, weightDecay },
) => {
  const factor = scale?.data[0] ?? 1;
  if (factor === 0) return;
  for (let k = 0; k < weight.data.length; k++) {
    const g = factor * gradient.data[k]! + weightDecay * weight.data[k]!;
    velocity.data[k] = momentum * velocity.data[k]! + g;
    weight.data[k]! -= rate.data[0]! * (nesterov ? g + momentum * velocity.data[k]! : velocity.data[k]!);
  }
};
