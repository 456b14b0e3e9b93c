import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createReferenceDevice } from '../../devices/reference/reference-device.ts';
import { difference } from '../../testing/compare.ts';
import { testOp } from '../../testing/conformance.ts';
import { wasmDevices } from '../../testing/devices.ts';
import { tensor } from '../../tensor/tensor.ts';
import { adamw } from '../adamw/adamw.ts';
import { gradientNorm } from '../clip-gradients/gradient-norm.ts';
import { lerp } from '../lerp/lerp.ts';
import { sgd } from './sgd.ts';

for (const op of [sgd, adamw, lerp, gradientNorm]) testOp(op);

const SETTINGS = { momentum: 0.99, nesterov: true, weightDecay: 3e-5 };

interface Trace {
  readonly steps: {
    readonly lr: number;
    readonly grads: number[][];
    readonly total_norm: number;
    readonly clip_coef: number;
    readonly params: number[][];
    readonly momentum_buffer: number[][];
  }[];
}

const { steps } = JSON.parse(
  readFileSync(new URL('../../../fixtures/loss/sgd_nesterov_clip_trace.json', import.meta.url), 'utf8'),
) as Trace;
const last = steps.at(-1)!;

/** The trace keeps what stood after the last step. Undoing the steps in double precision gives the start, where the velocity was 0. */
function undone(k: number): { readonly weight: number[]; readonly velocity: number[] } {
  const weight = [...last.params[k]];
  const velocity = [...last.momentum_buffer[k]];
  for (const { lr, grads, clip_coef } of [...steps].reverse())
    for (let e = 0; e < weight.length; e++) {
      const gradient = clip_coef * grads[k][e];
      weight[e] = (weight[e] + lr * (gradient + SETTINGS.momentum * velocity[e])) / (1 - lr * SETTINGS.weightDecay);
      velocity[e] = (velocity[e] - gradient - SETTINGS.weightDecay * weight[e]) / SETTINGS.momentum;
    }
  return { weight, velocity };
}

describe("SGD's trace against the reference implementation", () => {
  it.each([{ name: 'reference', open: () => Promise.resolve(createReferenceDevice()) }, ...wasmDevices])(
    '$name',
    async ({ open }) => {
      const device = await open();
      const start = last.params.map((_, k) => undone(k));
      for (const { velocity } of start) for (const v of velocity) expect(Math.abs(v)).toBeLessThan(1e-5);
      const weights = start.map(({ weight }) => tensor(device, weight, [weight.length]));
      const velocities = start.map(({ weight }) => tensor(device, new Float32Array(weight.length), [weight.length]));
      for (const { lr, grads, total_norm, clip_coef } of steps) {
        const gradients = grads.map((values) => tensor(device, values, [values.length]));
        const [norm, scale] = gradientNorm(Object.fromEntries(gradients.map((gradient, k) => [`g${k}`, gradient])), {
          limit: 12,
        });
        const rate = tensor(device, [lr], []);
        weights.forEach((weight, k) =>
          sgd({ weight, velocity: velocities[k], gradient: gradients[k], rate, scale }, SETTINGS),
        );
        expect(difference(await norm.read(), [total_norm], 1e-5)).toBeUndefined();
        expect(difference(await scale.read(), [clip_coef], 1e-5)).toBeUndefined();
      }
      for (const [k, weight] of weights.entries()) {
        expect(difference(await weight.read(), last.params[k], 1e-5)).toBeUndefined();
        expect(difference(await velocities[k].read(), last.momentum_buffer[k], 1e-5)).toBeUndefined();
      }
    },
  );
});

describe('a gradient that is no number', () => {
  it.each([{ name: 'reference', open: () => Promise.resolve(createReferenceDevice()) }, ...wasmDevices])(
    'changes neither weights nor state on $name',
    async ({ open }) => {
      const device = await open();
      for (const bad of [NaN, Infinity]) {
        const gradient = tensor(device, [1, bad, 2, 3, 4], [5]);
        const [norm, scale] = gradientNorm({ gradient }, { limit: 12 });
        const [weight, first, second] = [1, 2, 3].map((n) => tensor(device, new Float32Array(5).fill(n), [5]));
        const rate = tensor(device, [0.1], []);
        sgd({ weight: weight!, velocity: first!, gradient, rate, scale }, SETTINGS);
        const step = tensor(device, [1], []);
        adamw({ weight: weight!, first: first!, second: second!, gradient, rate, step, scale });
        for (const [k, state] of [weight!, first!, second!].entries())
          expect([...(await state.read())]).toEqual(new Array<number>(5).fill(k + 1));
        expect(Number.isFinite((await norm.read())[0])).toBe(false);
      }
    },
  );
});
