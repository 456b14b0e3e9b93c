/** Walking back: through branches, several outputs, unused parts, and user's operations. On the reference device. */
import { describe, expect, it } from 'vitest';
import { createReferenceDevice } from '../devices/reference/reference-device.ts';
import { createShapeDevice } from '../devices/shape/shape-device.ts';
import { UsageError } from '../errors.ts';
import { defineOp } from '../op/op.ts';
import { add, concat, diceCrossEntropyWithSums, mean, mul, slice, square, sum } from '../ops/index.ts';
import { tensor, type Tensor } from '../tensor/tensor.ts';
import { registerGradient, valueAndGradients } from './backward.ts';
import { defineGradient } from './gradient.ts';

const device = createReferenceDevice();
const of = (...values: number[]): Tensor => tensor(device, values, [values.length]);
const read = async (x: Tensor | undefined): Promise<number[]> => [...(await x!.read())];

/** Two outputs: the square and the double. */
const twoFaced = defineOp<{ x: Tensor }, object, readonly [Tensor, Tensor]>({
  name: 'twoFaced',
  defaults: {},
  shape: ({ x }) => [x, x],
  kernels: {
    reference: ({ x }, _options, [a, b]) =>
      x.data.forEach((value, k) => {
        a.data[k] = value * value;
        b.data[k] = 2 * value;
      }),
  },
  cases: [],
  tolerance: { f32: 0 },
});

describe('valueAndGradients', () => {
  it('sums what comes back over branches that part and join', async () => {
    const x = of(1, 2, 3, 4);
    const half = (from: number): Tensor => slice({ x }, { start: [from], size: [2] });
    const { value, gradients } = valueAndGradients(
      () => sum({ x: mul({ a: concat({ a: half(0), b: half(2) }, { axis: 0 }), b: square({ x }) }) }),
      [x],
    );
    expect(await read(value)).toEqual([100]);
    expect(await read(gradients[0])).toEqual([3, 12, 27, 48]);
  });

  it('hands each output its own gradient', async () => {
    const rule = defineGradient(twoFaced, ({ inputs: { x }, dys: [da, db] }) => {
      const ofA = da && mul({ a: da, b: add({ a: x, b: x }) });
      const ofB = db && add({ a: db, b: db });
      return { x: ofA && ofB ? add({ a: ofA, b: ofB }) : (ofA ?? ofB) };
    });
    const x = of(3);
    expect(() => valueAndGradients(() => sum({ x: twoFaced({ x })[1] }), [x])).toThrow(
      'operation twoFaced has no derivative',
    );
    const back = registerGradient(rule);
    expect(await read(valueAndGradients(() => sum({ x: twoFaced({ x })[0] }), [x]).gradients[0])).toEqual([6]);
    expect(await read(valueAndGradients(() => sum({ x: twoFaced({ x })[1] }), [x]).gradients[0])).toEqual([2]);
    const both = valueAndGradients(() => {
      const [a, b] = twoFaced({ x });
      return sum({ x: add({ a, b }) });
    }, [x]);
    expect(await read(both.gradients[0])).toEqual([8]);
    back();
    expect(() => valueAndGradients(() => sum({ x: twoFaced({ x })[0] }), [x])).toThrow(UsageError);
  });

  it('returns what the body returns beside the loss, and frees the rest', async () => {
    const x = of(1, 2);
    const before = device.memory().bytes;
    let inner: Tensor | undefined;
    const { value, gradients } = valueAndGradients(() => {
      inner = square({ x });
      return [sum({ x: inner }), mean({ x: inner })];
    }, [x]);
    expect([await read(value[0]), await read(value[1])]).toEqual([[5], [2.5]]);
    expect(inner!.disposed).toBe(true);
    for (const made of [...value, ...gradients]) made!.dispose();
    expect(device.memory().bytes).toBe(before);
  });

  it('needs no rule for what does not lead to a parameter', async () => {
    const x = of(2);
    const { gradients } = valueAndGradients(() => sum({ x: mul({ a: x, b: twoFaced({ x: of(5) })[0] }) }), [x]);
    expect(await read(gradients[0])).toEqual([25]);
  });

  it('runs on the shape device, for memory and work', () => {
    const shapes = createShapeDevice();
    const logits = tensor(shapes, new Float32Array(24), [1, 3, 2, 2, 2]);
    const { gradients } = valueAndGradients(
      () => diceCrossEntropyWithSums({ logits, target: tensor(shapes, new Int32Array(8), [1, 1, 2, 2, 2]) })[0],
      [logits],
    );
    expect(gradients[0]!.shape).toEqual([1, 3, 2, 2, 2]);
    expect(shapes.work().perOp.has('diceCrossEntropyGradient')).toBe(true);
  });
});
