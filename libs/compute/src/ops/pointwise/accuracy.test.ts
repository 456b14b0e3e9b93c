/** Accuracy of the WASM device's elementary functions over the whole range of floats, in units in the last place of the exact result. */
import { expect, it } from 'vitest';
import { wasmDevices } from '../../testing/devices.ts';
import { Philox } from '../../random/philox.ts';
import { tensor, type Tensor } from '../../tensor/tensor.ts';
import { erf } from './erf.ts';
import { exp, gelu, log, pow, sigmoid, tanh } from './pointwise.ts';

/** Every so many of the 2^32 bit patterns, an odd number so that all digits move; infinities and a few neighbors of borders besides. */
const STRIDE = 40_009;

const floats = ((): Float32Array => {
  const bits = new Uint32Array(Math.floor(2 ** 32 / STRIDE));
  for (let k = 0; k < bits.length; k++) bits[k] = k * STRIDE;
  const borders = [0, -0, Infinity, -Infinity, NaN, 1, -1, 1e-45, -1e-45, 1.1754944e-38, 3.4028235e38, -3.4028235e38];
  const near = [88, 88.7, 88.72, 88.73, 89, -86, -87.3, -100, -103, -103.9, -104, 0.625, 0.6249, 17, 1 - 2 ** -24];
  return Float32Array.from([...new Float32Array(bits.buffer), ...borders, ...near]);
})();

const ordinary = floats.filter((x) => Math.abs(x) < 1e4);

/** Distance of neighboring floats at x. */
function unit(x: number): number {
  return 2 ** Math.max(-149, Math.floor(Math.log2(Math.abs(x))) - 23);
}

/** Greatest error in units; NaN and what overflows must come out as such. `atLeast`: errors count in units of this size where results are smaller. */
function worst(
  got: Float32Array,
  inputs: readonly Float32Array[],
  f: (...x: number[]) => number,
  atLeast = 0,
): { units: number; at: string } {
  let units = 0;
  let at = '';
  for (let k = 0; k < got.length; k++) {
    const x = inputs.map((input) => input[k]!);
    const want = f(...x);
    const rounded = Math.fround(want);
    if (Object.is(got[k], rounded) || (got[k] === 0 && rounded === 0)) continue;
    // An error of one unit may carry over the border of what is finite.
    const largest = 3.4028234663852886e38;
    const [a, b] = [got[k]!, rounded].map((v) => Math.max(-largest, Math.min(largest, v))) as [number, number];
    const off = Math.abs(a - (Math.abs(want) < largest ? want : b)) / unit(Math.max(Math.abs(b), atLeast));
    if (!(off <= units)) {
      units = Number.isNaN(off) ? Infinity : off;
      at = `f(${x.join(', ')}) = ${got[k]}, exactly ${want}`;
    }
  }
  return { units, at };
}

interface Row {
  readonly op: (inputs: { x: Tensor }) => Tensor;
  readonly f: (x: number) => number;
  readonly units: number;
  readonly inputs?: Float32Array;
  readonly atLeast?: number;
}

const rows: Readonly<Record<string, Row>> = {
  exp: { op: exp, f: Math.exp, units: 2 },
  log: { op: log, f: Math.log, units: 2 },
  sigmoid: { op: sigmoid, f: (x) => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x))), units: 3 },
  tanh: { op: tanh, f: Math.tanh, units: 3 },
  // x Φ(x) loses what 1 + erf cancels, here as in PyTorch: in units of numbers near x.
  gelu: {
    op: gelu,
    f: (x) => (x === -Infinity ? NaN : 0.5 * x * (1 + erf(x * Math.SQRT1_2))),
    units: 6,
    inputs: ordinary.map((x) => (Math.abs(x) < 6 ? x : x / 2000)),
    atLeast: 1,
  },
};

for (const device of wasmDevices.filter(({ name }) => name.endsWith('1 thread'))) {
  for (const [name, { op, f, units, inputs = floats, atLeast }] of Object.entries(rows))
    it(`${name} on ${device.name}: within ${units} units in the last place`, async () => {
      const x = tensor(await device.open(), inputs, [inputs.length]);
      const y = op({ x });
      const found = worst((await y.read()) as Float32Array, [inputs], f, atLeast);
      expect(found.units, found.at).toBeLessThanOrEqual(units);
      for (const made of [x, y]) made.dispose();
    });

  it(`pow on ${device.name}: within 1 unit in the last place, with the rules for signs, zeros and infinities`, async () => {
    const random = new Philox(11);
    const count = 100_000;
    const a = new Float32Array(count);
    const b = new Float32Array(count);
    const special = [0, -0, 1, -1, 2, -2, 0.5, 3, -3, Infinity, -Infinity, NaN, 1e-45, 3e38, -7, 1 / 3];
    for (let k = 0; k < count; k++) {
      if (k < special.length ** 2) {
        a[k] = special[k % special.length]!;
        b[k] = special[Math.floor(k / special.length)]!;
        continue;
      }
      a[k] = 2 ** (40 * random.normal());
      // Results over the whole range, subnormal ones included.
      b[k] = (150 * (2 * random.uniform() - 1)) / Math.log2(a[k]!);
    }
    const on = await device.open();
    const [left, right] = [tensor(on, a, [count]), tensor(on, b, [count])];
    const y = pow({ a: left, b: right });
    const found = worst((await y.read()) as Float32Array, [a, b], (x, n) => x ** n);
    expect(found.units, found.at).toBeLessThanOrEqual(1);
    for (const made of [left, right, y]) made.dispose();
  });
}
