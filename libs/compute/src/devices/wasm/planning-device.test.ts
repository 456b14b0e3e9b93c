import { describe, expect, it } from 'vitest';
import { checkpoint } from '../../autograd/checkpoint.ts';
import { valueAndGradients } from '../../autograd/backward.ts';
import { OutOfMemoryError } from '../../errors.ts';
import { attention, conv, instanceNorm, mean, reshape, sgd, square } from '../../ops/index.ts';
import { scope } from '../../tensor/scope.ts';
import { zeros, type Tensor } from '../../tensor/tensor.ts';
import type { Device } from '../device.ts';
import { createPlanningDevice } from './planning-device.ts';
import { createWasmDevice } from './wasm-device.ts';

type Runner = <I extends readonly Tensor[]>(body: (...inputs: I) => Tensor, inputs: I) => Tensor;
const plainly: Runner = (body, inputs) => body(...inputs);

/** Two training steps of three stages and attention over what they make; returns the loss. */
async function learn(device: Device, size: number, run: Runner): Promise<number> {
  const x = zeros(device, [1, 8, size, size]);
  const weights = [1, 2, 3].map(() => zeros(device, [8, 8, 3, 3]));
  const velocities = weights.map(({ shape }) => zeros(device, shape));
  const rate = zeros(device, []);
  let found = NaN;
  for (let step = 0; step < 2; step++) {
    const loss = scope(() => {
      const { value, gradients } = valueAndGradients(() => {
        let y = x;
        for (const weight of weights)
          y = run((input) => instanceNorm({ x: conv({ x: input, weight }, { padding: 1 }) }, { slope: 0.01 }), [y]);
        const tokens = reshape({ x: y }, { shape: [8, size, size] });
        return mean({ x: square({ x: attention({ q: tokens, k: tokens, v: tokens }) }) });
      }, weights);
      weights.forEach((weight, k) => sgd({ weight, velocity: velocities[k]!, gradient: gradients[k]!, rate }));
      return value;
    });
    found = (await loss.read())[0]!;
    loss.dispose();
  }
  return found;
}

describe.each([
  ['plain', plainly],
  ['checkpointed', checkpoint],
] as const)('a %s training step', (_, run) => {
  it.each([1, 2])('is planned with the memory that it takes, %i threads', async (threads) => {
    const [planned, real] = [createPlanningDevice({ threads }), await createWasmDevice({ threads })];
    await learn(planned, 48, run);
    await learn(real, 48, run);
    expect(planned.memory()).toEqual({ ...real.memory(), limitBytes: Infinity });
    real.dispose();
  });

  it('fits where the plan says so, and does not in less', async () => {
    const planned = createPlanningDevice({ threads: 1 });
    await learn(planned, 48, run);
    const { peakBytes } = planned.memory();
    // The device's own page lies below the heap.
    const enough = await createWasmDevice({ threads: 1, maxBytes: Math.ceil(1.02 * peakBytes) + 65536 });
    expect(await learn(enough, 48, run)).toBe(0);
    enough.dispose();
    const little = await createWasmDevice({ threads: 1, maxBytes: Math.floor(0.95 * peakBytes) });
    await expect(learn(little, 48, run)).rejects.toThrow(OutOfMemoryError);
    little.dispose();
  });
});

it('plans patches that no memory holds', async () => {
  const planned = createPlanningDevice({ threads: 2 });
  const x = zeros(planned, [1, 1, 256, 256, 256]);
  const wide = zeros(planned, [64, 1, 1, 1, 1]);
  const y = conv({ x, weight: wide });
  await y.read();
  expect(planned.memory().peakBytes).toBeGreaterThan(64 * 256 ** 3 * 4);
});
