import { expect, it } from 'vitest';
import { createShapeDevice } from '../devices/shape/shape-device.ts';
import { add } from '../ops/index.ts';
import { keep, scope } from './scope.ts';
import { zeros, type Tensor } from './tensor.ts';

const device = createShapeDevice();
const fresh = (): Tensor => zeros(device, [4]);

it('frees what was made inside, except what is returned, in whatever container', () => {
  const inside: Tensor[] = [];
  const kept = scope(() => {
    inside.push(fresh(), fresh(), fresh(), fresh());
    return { list: [inside[0]], map: new Map([['a', inside[1]]]), one: inside[2] };
  });
  expect(inside.map((tensor) => tensor.disposed)).toEqual([false, false, false, true]);
  expect(kept.one).toBe(inside[2]);
});

it('hands results to the enclosing scope', () => {
  let inner: Tensor | undefined;
  scope(() => {
    inner = scope(() => fresh());
    expect(inner.disposed).toBe(false);
  });
  expect(inner!.disposed).toBe(true);
});

it('frees everything when the body throws, and lets kept tensors live', () => {
  const made: Tensor[] = [];
  expect(() =>
    scope(() => {
      made.push(fresh(), keep(fresh()));
      throw new Error('on purpose');
    }),
  ).toThrow('on purpose');
  expect(made.map((tensor) => tensor.disposed)).toEqual([true, false]);
});

it('says how a tensor came to be used after it was freed', () => {
  const lost: Tensor[] = [];
  scope(() => void lost.push(fresh()));
  expect(() => add({ a: lost[0], b: lost[0] })).toThrow(
    'used after it was disposed; keep it out of the scope that freed it, or return it from there',
  );
});
