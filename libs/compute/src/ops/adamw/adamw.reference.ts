import type { ReferenceKernel } from '../../op/op.ts';
import type { AdamwInputs, AdamwOptions } from './adamw.ts';

export const adamwReference: ReferenceKernel<AdamwInputs, AdamwOptions> = (
  { weight, first, second, greatest, gradient, rate, step, scale },
  { beta1, beta2, epsilon, weightDecay, coupled },
) => {
  const factor = scale?.data[0] ?? 1;
  if (factor === 0) return;
  const correction1 = 1 - beta1 ** step.data[0]!;
  const correction2 = 1 - beta2 ** step.data[0]!;
  for (let k = 0; k < weight.data.length; k++) {
    const g = factor * gradient.data[k]! + (coupled ? weightDecay * weight.data[k]! : 0);
    first.data[k] = beta1 * first.data[k]! + (1 - beta1) * g;
    second.data[k] = beta2 * second.data[k]! + (1 - beta2) * g * g;
    if (greatest) greatest.data[k] = Math.max(greatest.data[k]!, second.data[k]!);
    const most = (greatest ?? second).data[k]!;
    const way = first.data[k]! / correction1 / (Math.sqrt(most / correction2) + epsilon);
    weight.data[k]! -= rate.data[0]! * ((coupled ? 0 : weightDecay * weight.data[k]!) + way);
  }
};
