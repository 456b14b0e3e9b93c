/** The same bits with less memory. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../devices/device.ts';
import { createReferenceDevice } from '../devices/reference/reference-device.ts';
import { createWasmDevice } from '../devices/wasm/wasm-device.ts';
import { UsageError } from '../errors.ts';
import { add, conv, instanceNorm, lerp, mean, mul, square, sum } from '../ops/index.ts';
import { Philox } from '../random/philox.ts';
import { scope } from '../tensor/scope.ts';
import { tensor, type Tensor } from '../tensor/tensor.ts';
import { valueAndGradients } from './backward.ts';
import { checkpoint } from './checkpoint.ts';

const draw = (device: Device, shape: readonly number[], seed: number): Tensor => {
  const random = new Philox(seed);
  return tensor(
    device,
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal() / 4),
    shape,
  );
};

type Runner = <I extends readonly Tensor[]>(body: (...inputs: I) => Tensor, inputs: I) => Tensor;
const plainly: Runner = (body, inputs) => body(...inputs);

/** A stack of residual stages of four convolutions each, and a skip from the first to the last. */
function deepLoss(x: Tensor, weights: readonly Tensor[], run: Runner): Tensor {
  const stage = (input: Tensor, s: number): Tensor => {
    let y = input;
    for (let k = 0; k < 4; k++)
      y = instanceNorm({ x: conv({ x: y, weight: weights[s]! }, { padding: 1 }) }, { slope: 0.01 });
    return add({ a: add({ a: y, b: input }), b: input });
  };
  const first = run((input) => stage(input, 0), [x]);
  let y = first;
  for (let s = 1; s < weights.length; s++) y = run((input) => stage(input, s), [y]);
  return mean({ x: square({ x: run((a, b) => mul({ a, b: add({ a, b }) }), [y, first]) }) });
}

async function bitsOf(device: Device, run: Runner, size: number): Promise<{ bits: number[][]; peak: number }> {
  const x = draw(device, [1, 8, size, size], 1);
  const weights = [2, 3, 4, 5].map((seed) => draw(device, [8, 8, 3, 3], seed));
  const outcome = scope(() => valueAndGradients(() => deepLoss(x, weights, run), [x, ...weights]));
  const all = [outcome.value, ...outcome.gradients.map((gradient) => gradient!)];
  const bits: number[][] = [];
  for (const part of all) bits.push([...new Uint32Array(((await part.read()) as Float32Array).slice().buffer)]);
  const peak = device.memory().peakBytes;
  for (const part of [...all, x, ...weights]) part.dispose();
  return { bits, peak };
}

describe.each(['reference', 'wasm'] as const)('checkpoint on %s', (kind) => {
  const open = (): Promise<Device> =>
    kind === 'wasm' ? createWasmDevice({ threads: 1 }) : Promise.resolve(createReferenceDevice());

  it('gives the bits of the plain run, for inputs and for weights taken from around it', async () => {
    const [plain, again] = [await open(), await open()];
    const size = kind === 'wasm' ? 128 : 16;
    const want = await bitsOf(plain, plainly, size);
    const got = await bitsOf(again, checkpoint, size);
    expect(got.bits).toEqual(want.bits);
    expect(got.bits.flat().some((word) => word !== 0)).toBe(true);
    // Wasm plans its arena for the whole program, where images outweigh the kernels' own memory; eager loops hold gradients and kept outputs beside it.
    expect(got.peak).toBeLessThan((kind === 'wasm' ? 0.6 : 0.8) * want.peak);
    expect(again.memory().bytes).toBeLessThanOrEqual(plain.memory().bytes);
    plain.dispose();
    again.dispose();
  });
});

describe('checkpoint', () => {
  let device: Device;
  beforeAll(async () => {
    device = await createWasmDevice({ threads: 1 });
  });
  afterAll(() => device.dispose());

  it('nests, returns lists, and passes inputs through', async () => {
    const x = tensor(device, [1, 2, 3], [3]);
    const { value, gradients } = valueAndGradients(() => {
      const [same, cube] = checkpoint(
        (a) => {
          const inner = checkpoint((b) => square({ x: b }), [a]);
          return [a, mul({ a: inner, b: a })] as const;
        },
        [x],
      );
      return sum({ x: add({ a: same, b: cube }) });
    }, [x]);
    expect([...(await value.read())]).toEqual([42]);
    expect([...(await gradients[0]!.read())]).toEqual([4, 13, 28]);
  });

  it('is a scope where nobody wants derivatives', async () => {
    const x = tensor(device, [3], [1]);
    const inner: Tensor[] = [];
    const y = checkpoint(
      (a) => {
        inner.push(square({ x: a }));
        return add({ a: inner[0]!, b: a });
      },
      [x],
    );
    expect(inner[0]!.disposed).toBe(true);
    expect([...(await y.read())]).toEqual([12]);
  });

  it('refuses what writes in place', () => {
    const x = tensor(device, [3], [1]);
    const share = tensor(device, [0.5], []);
    expect(() =>
      valueAndGradients(
        () =>
          checkpoint(
            (a) => {
              lerp({ mean: x, value: a, share });
              return sum({ x: a });
            },
            [tensor(device, [1], [1])],
          ),
        [x],
      ),
    ).toThrow(UsageError);
  });
});
