/**
 * Adan: momentum with a correction by the change of the gradient. Composed of plain operations, so slower than the others.
 * Source: Xie et al., "Adan: adaptive Nesterov momentum algorithm", 2022; as adan_pytorch 0.1 computes it, with its bias
 * corrections and its first step, which only notes the gradient.
 */
import { add, div, less, lerp, mul, pow, sqrt, square, sub, tensor, where, type Tensor } from '@voxelwise/compute';
import type { OptimizerSettings } from '../recipes/training-settings.ts';
import type { Update } from './optimizer.ts';

export function adanUpdate({
  beta1,
  beta2,
  beta3,
  epsilon,
  weightDecay,
}: Extract<OptimizerSettings, { name: 'adan' }>): Update {
  return {
    kinds: ['first', 'difference', 'second', 'previous'],
    apply: (weight, gradient, [first, difference, second, previous], { rate, scale, step }) => {
      const number = (value: number): Tensor => tensor(weight.device, [value], []);
      const one = number(1);
      // 0 in the first step, 1 after it.
      const going = less({ a: one, b: step });
      const nesterov = number(1 - beta2);
      const g = mul({ a: gradient, b: scale });
      const change = mul({ a: sub({ a: g, b: previous! }), b: going });
      const towards = (from: Tensor, value: Tensor, beta: number): Tensor =>
        add({ a: from, b: mul({ a: sub({ a: value, b: from }), b: mul({ a: going, b: number(beta) }) }) });
      const m = towards(first!, g, beta1);
      const v = towards(difference!, change, beta2);
      const n = towards(second!, square({ x: add({ a: g, b: mul({ a: change, b: nesterov }) }) }), beta3);
      const corrected = (x: Tensor, beta: number): Tensor =>
        div({ a: x, b: sub({ a: one, b: pow({ a: number(1 - beta), b: step }) }) });
      const way = div({
        a: add({ a: corrected(m, beta1), b: mul({ a: corrected(v, beta2), b: nesterov }) }),
        b: add({ a: sqrt({ x: corrected(n, beta3) }), b: number(epsilon) }),
      });
      const shrink = add({ a: one, b: mul({ a: rate, b: number(weightDecay) }) });
      const moved = div({ a: sub({ a: weight, b: mul({ a: way, b: rate }) }), b: shrink });
      // A gradient that is no number has the scale 0: it changes nothing.
      const after: readonly (readonly [Tensor, Tensor])[] = [
        [weight, moved],
        [first!, m],
        [difference!, v],
        [second!, n],
        [previous!, g],
      ];
      const values = after.map(([before, value]) => where({ condition: scale, a: value, b: before }));
      after.forEach(([before], k) => lerp({ mean: before, value: values[k]!, share: one }));
    },
  };
}
