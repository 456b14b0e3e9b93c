/** What recording must not change: order, in-place writes, lifetimes, failures. On the WASM device. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { valueAndGradients } from '../autograd/backward.ts';
import { createWasmDevice, type WasmDevice } from '../devices/wasm/wasm-device.ts';
import { DeviceError, OutOfMemoryError, UsageError } from '../errors.ts';
import { defineOp, registerKernel } from '../op/op.ts';
import { add, clamp, lerp, mul, relu, reshape, scaleOffset, sum } from '../ops/index.ts';
import { scope } from '../tensor/scope.ts';
import { storedBlocked } from '../testing/layouts.ts';
import { tensor, type Tensor } from '../tensor/tensor.ts';

let device: WasmDevice;
beforeAll(async () => {
  device = await createWasmDevice({ threads: 2 });
});
afterAll(() => device.dispose());

const of = (...values: number[]): Tensor => tensor(device, values, [values.length]);
const one = (value: number): Tensor => tensor(device, [value], []);
const twice = (x: Tensor): Tensor => add({ a: x, b: x });

describe('recording', () => {
  it('keeps the order of reads and in-place writes', async () => {
    const weight = of(1, 2);
    const before = twice(weight);
    lerp({ mean: weight, value: of(5, 6), share: one(1) });
    const after = twice(weight);
    expect([[...(await before.read())], [...(await after.read())], [...(await weight.read())]]).toEqual([
      [2, 4],
      [10, 12],
      [5, 6],
    ]);
  });

  it('writes in place into what the same program made', async () => {
    const made = twice(of(1, 2));
    lerp({ mean: made, value: of(0, 0), share: one(0.5) });
    expect([...(await made.read())]).toEqual([1, 2]);
  });

  it('writes in place though nothing is read but the tensor itself', async () => {
    const weight = of(4);
    for (let step = 0; step < 3; step++) {
      lerp({ mean: weight, value: of(0), share: one(0.5) });
      await device.flush();
    }
    expect([...(await weight.read())]).toEqual([0.5]);
  });

  it('writes in place whatever the layout, and whichever was looked at before', async () => {
    const shape = [1, 8, 1, 2];
    const weight = storedBlocked({ x: tensor(device, new Float32Array(16).fill(4), shape) });
    await device.flush();
    for (let step = 0; step < 2; step++) {
      // Reading it row by row makes a plain copy first.
      const before = reshape({ x: weight }, { shape: [16] });
      lerp({ mean: weight, value: tensor(device, new Float32Array(16), shape), share: one(0.5) });
      const after = reshape({ x: weight }, { shape: [16] });
      const scaled = scaleOffset({ x: weight }, { scale: 10 });
      const now = 4 / 2 ** (step + 1);
      expect([
        (await before.read())[3],
        (await after.read())[3],
        (await scaled.read())[15],
        (await weight.read())[7],
      ]).toEqual([2 * now, now, 10 * now, now]);
    }
  });

  it('runs the same program again with other numbers', async () => {
    for (const value of [1, 2, 3])
      expect([...(await mul({ a: twice(of(value)), b: one(10) }).read())]).toEqual([20 * value]);
  });

  it('tells programs apart by options that are not finite', async () => {
    expect([...(await clamp({ x: of(-9, 9) }, { low: -Infinity, high: 5 }).read())]).toEqual([-9, 5]);
    expect([...(await clamp({ x: of(-9, 9) }, { low: NaN, high: 5 }).read())]).toEqual([NaN, NaN]);
  });

  it('tells programs apart by what lives on', async () => {
    const both = (): [Tensor, Tensor] => {
      const inner = twice(of(3));
      return [inner, twice(inner)];
    };
    const [dropped, kept] = both();
    dropped.dispose();
    expect([...(await kept.read())]).toEqual([12]);
    const [inner, outer] = both();
    expect([...(await outer.read())]).toEqual([12]);
    expect([...(await inner.read())]).toEqual([6]);
  });

  it('goes on recording while a flush is under way', async () => {
    const a = twice(of(1));
    const running = device.flush();
    const b = twice(a);
    a.dispose();
    await running;
    expect([...(await b.read())]).toEqual([4]);
  });

  it('keeps what a program that waits its turn reads of the one before, though it was disposed meanwhile', async () => {
    const running = twice(of(1)).read();
    const made = twice(of(3, 4));
    const waiting = device.flush();
    const end = twice(made);
    made.dispose();
    expect([...(await end.read())]).toEqual([12, 16]);
    await Promise.all([running, waiting]);
  });

  it('lets what an operation needs be disposed before it runs', async () => {
    const x = of(7);
    const y = twice(x);
    x.dispose();
    expect([...(await y.read())]).toEqual([14]);
    await expect(async () => x.read()).rejects.toThrow(UsageError);
  });

  it('gives back all memory', async () => {
    const fresh = await createWasmDevice({ threads: 1 });
    const bytes: number[] = [];
    for (let step = 0; step < 4; step++) {
      const y = scope(() =>
        sum({ x: relu({ x: scaleOffset({ x: tensor(fresh, new Float32Array(1000), [1000]) }, { offset: 1 }) }) }),
      );
      expect([...(await y.read())]).toEqual([1000]);
      y.dispose();
      bytes.push(fresh.memory().bytes);
    }
    expect(new Set(bytes.slice(1)).size).toBe(1);
    fresh.dispose();
  });
});

describe('failures', () => {
  it('says what memory was asked for, and works on afterwards', async () => {
    const small = await createWasmDevice({ threads: 1, maxBytes: 4 * 2 ** 20 });
    expect(() => tensor(small, new Float32Array(2 ** 20), [2 ** 20])).toThrow(OutOfMemoryError);
    const x = tensor(small, new Float32Array(3e5), [3e5]);
    const chain = [twice(x), twice(x), twice(x)];
    await expect(chain[0].read()).rejects.toThrow(/wasm: .* asks for .* MiB; .* are free/);
    for (const y of chain) y.dispose();
    const y = twice(x);
    expect((await y.read())[0]).toBe(0);
    small.dispose();
  });

  it('refuses what depends on what was never computed', async () => {
    const small = await createWasmDevice({ threads: 1, maxBytes: 4 * 2 ** 20 });
    const x = tensor(small, new Float32Array(3e5), [3e5]);
    const chain = [twice(x), twice(x), twice(x)];
    await expect(small.flush()).rejects.toThrow(OutOfMemoryError);
    expect(() => twice(chain[1])).toThrow(DeviceError);
    small.dispose();
  });

  it('names the kernel that a module does not export, before anything runs', async () => {
    const odd = defineOp<{ x: Tensor }>({
      name: 'odd',
      defaults: {},
      shape: ({ x }) => x,
      cases: [],
      tolerance: { f32: 0 },
      kernels: { reference: () => undefined, wasm: { lower: () => [{ kernel: 'no_such_kernel', args: [] }] } },
    });
    await expect(odd({ x: of(1) }).read()).rejects.toThrow(
      'odd: its lowering calls kernel no_such_kernel, which the kernel build does not export.',
    );
    expect([...(await twice(of(2)).read())]).toEqual([4]);
  });

  it('does not mix devices, and has no kernel in silence', async () => {
    const other = await createWasmDevice({ threads: 1 });
    expect(() => add({ a: of(1), b: tensor(other, [1], [1]) })).toThrow(/add: all inputs live on one device/);
    const bare = defineOp<{ x: Tensor }>({
      name: 'bare',
      defaults: {},
      shape: ({ x }) => x,
      cases: [],
      tolerance: { f32: 0 },
      kernels: { reference: () => undefined },
    });
    expect(() => bare({ x: of(1) })).toThrow(/bare: no kernel for wasm/);
    other.dispose();
  });

  it('takes a registered kernel for the next program, and the old one back', async () => {
    const run = async (): Promise<number> => (await relu({ x: of(-1) }).read())[0];
    const back = registerKernel(relu as never, 'wasm', scaleOffset.kernels.wasm as never);
    // scaleOffset without its options multiplies by NaN: another kernel did run.
    expect(await run()).not.toBe(0);
    back();
    expect(await run()).toBe(0);
  });
});

describe('gradients on a recording device', () => {
  it('add up where a tensor is used twice, and are missing where the loss does not depend', async () => {
    const x = of(3, -2);
    const unused = of(1);
    const { value, gradients } = valueAndGradients(
      () => sum({ x: add({ a: mul({ a: x, b: x }), b: x }) }),
      [x, unused],
    );
    expect([...(await value.read())]).toEqual([14]);
    expect([...(await gradients[0]!.read())]).toEqual([7, -3]);
    expect(gradients[1]).toBeUndefined();
  });

  it('refuse a loss that is not one number', () => {
    const x = of(1, 2);
    expect(() => valueAndGradients(() => twice(x), [x])).toThrow(UsageError);
  });
});
