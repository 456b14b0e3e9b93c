import { describe, expect, it } from 'vitest';
import { createReferenceDevice } from '../../devices/reference/reference-device.ts';
import { DTypeError, ShapeError } from '../../errors.ts';
import { testOp } from '../../testing/conformance.ts';
import { tensor } from '../../tensor/tensor.ts';
import { erf } from './erf.ts';
import * as pointwise from './pointwise.ts';

for (const op of Object.values(pointwise)) testOp(op, { nonFinite: 'exact' });

describe('broadcasting', () => {
  const device = createReferenceDevice();
  it('names both shapes when they do not fit', () => {
    const a = tensor(device, [1, 2, 3], [3]);
    const b = tensor(device, [1, 2], [2]);
    expect(() => pointwise.add({ a, b })).toThrow(ShapeError);
    expect(() => pointwise.add({ a, b })).toThrow(
      'add: f32 [3] and f32 [2] do not broadcast: axis 0 of the result would be 3 and 2.',
    );
  });
  it('refuses integers', () => {
    const a = tensor(device, new Int32Array(2), [2]);
    expect(() => pointwise.add({ a, b: a })).toThrow(DTypeError);
  });
});

describe('erf', () => {
  it.each([
    [0, 0],
    [0.5, 0.5204998778130465],
    [1, 0.8427007929497149],
    [2.4, 0.9993114861033549],
    [2.6, 0.9997639655834707],
    [-3.5, -0.9999992569016276],
    [7, 1],
  ])('erf(%f)', (x, y) => expect(erf(x)).toBeCloseTo(y, 13));
});
