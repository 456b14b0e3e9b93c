import { describe, expect, it } from 'vitest';
import { valueAndGradients } from '../../autograd/backward.ts';
import { createReferenceDevice } from '../../devices/reference/reference-device.ts';
import { createWasmDevice } from '../../devices/wasm/wasm-device.ts';
import type { Device } from '../../devices/device.ts';
import { ShapeError } from '../../errors.ts';
import { Philox } from '../../random/philox.ts';
import { tensor, type Tensor } from '../../tensor/tensor.ts';
import { mul } from '../pointwise/pointwise.ts';
import { sum } from '../reduce/reduce.ts';
import { attention } from './attention.ts';

const shapes = { q: [2, 3, 7, 4], k: [2, 3, 9, 4], v: [2, 3, 9, 5], weight: [2, 3, 7, 5] };

function drawn(shape: readonly number[], seed: number): Float32Array {
  const random = new Philox(seed);
  return Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal());
}
const host = { q: drawn(shapes.q, 1), k: drawn(shapes.k, 2), v: drawn(shapes.v, 3), weight: drawn(shapes.weight, 4) };

/** sum(weight · attention) in float64, by the formula. */
function lossOf({ q, k, v }: { q: ArrayLike<number>; k: ArrayLike<number>; v: ArrayLike<number> }): number {
  let loss = 0;
  for (let b = 0; b < 6; b++)
    for (let i = 0; i < 7; i++) {
      const scores = Array.from({ length: 9 }, (_, j) => {
        let dot = 0;
        for (let d = 0; d < 4; d++) dot += q[(b * 7 + i) * 4 + d]! * k[(b * 9 + j) * 4 + d]!;
        return Math.exp(dot / 2);
      });
      const total = scores.reduce((a, c) => a + c);
      for (let e = 0; e < 5; e++)
        scores.forEach(
          (score, j) => (loss += (score / total) * v[(b * 9 + j) * 5 + e]! * host.weight[(b * 7 + i) * 5 + e]!),
        );
    }
  return loss;
}

describe.each(['reference', 'wasm'] as const)('attention on %s', (kind) => {
  it.each([512, 3])('has the values and gradients of the formula, %i queries at once', async (queriesAtOnce) => {
    const device: Device = kind === 'wasm' ? await createWasmDevice({ threads: 2 }) : createReferenceDevice();
    const made = Object.fromEntries(
      Object.entries(shapes).map(([name, shape]) => [name, tensor(device, host[name as 'q'], shape)]),
    ) as Record<'q' | 'k' | 'v' | 'weight', Tensor>;
    const { q, k, v, weight } = made;
    const { value, gradients } = valueAndGradients(
      () => sum({ x: mul({ a: attention({ q, k, v }, { queriesAtOnce }), b: weight }) }),
      [q, k, v],
    );
    expect((await value.read())[0]).toBeCloseTo(lossOf(host), 4);
    for (const [at, name] of (['q', 'k', 'v'] as const).entries()) {
      const found = await gradients[at]!.read();
      for (let n = 0; n < found.length; n += 11) {
        const moved = (by: number): number => {
          const copy = Float64Array.from(host[name]);
          copy[n]! += by;
          return lossOf({ ...host, [name]: copy });
        };
        expect(found[n]).toBeCloseTo((moved(1e-4) - moved(-1e-4)) / 2e-4, 4);
      }
    }
    device.dispose();
  });
});

it('needs less memory when queries go through in pieces', async () => {
  const peakOf = async (queriesAtOnce: number): Promise<number> => {
    const device = await createWasmDevice({ threads: 1 });
    const [q, k, v] = [1, 2, 3].map((seed) => tensor(device, drawn([512, 8], seed), [512, 8])) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    const { gradients } = valueAndGradients(() => sum({ x: attention({ q, k, v }, { queriesAtOnce }) }), [q]);
    await gradients[0]!.read();
    const { peakBytes } = device.memory();
    device.dispose();
    return peakBytes;
  };
  expect(await peakOf(64)).toBeLessThan(0.4 * (await peakOf(512)));
});

it('names all shapes where they do not fit together', () => {
  const device = createReferenceDevice();
  const of = (...shape: number[]): Tensor => tensor(device, new Float32Array(shape.reduce((a, b) => a * b, 1)), shape);
  expect(() => attention({ q: of(2, 3, 4), k: of(2, 5, 3), v: of(2, 5, 4) })).toThrow(ShapeError);
  expect(() => attention({ q: of(2, 3, 4), k: of(5, 4), v: of(5, 4) })).toThrow(/2, 3, 4.*5, 4/);
});
