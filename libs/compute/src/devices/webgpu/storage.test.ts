import { expect, test } from 'vitest';
import { decode, encode, fromHalf, toHalf } from './storage.ts';

test('every half survives the way through a float', () => {
  const lost: number[] = [];
  for (let half = 0; half < 65536; half++) {
    const value = fromHalf(half);
    if (Number.isNaN(value) ? !Number.isNaN(fromHalf(toHalf(value))) : toHalf(value) !== half) lost.push(half);
  }
  expect(lost).toEqual([]);
});

test('floats between two halves go to the nearer, ties to the even one', () => {
  for (let half = 0; half < 0x7bff; half += 7) {
    const below = fromHalf(half);
    const above = fromHalf(half + 1);
    expect(toHalf(below + (above - below) * 0.25)).toBe(half);
    expect(toHalf(below + (above - below) * 0.5)).toBe(half % 2 === 0 ? half : half + 1);
    expect(toHalf(-(below + (above - below) * 0.75))).toBe((half + 1) | 0x8000);
  }
  expect(toHalf(65519)).toBe(0x7bff);
  expect(toHalf(65520)).toBe(0x7c00);
  expect(toHalf(-Infinity)).toBe(0xfc00);
});

test('host arrays come back', () => {
  for (const [dtype, data] of [
    ['f16', new Float32Array([1, -0.5, 3])],
    ['u8', new Uint8Array([1, 255, 3])],
    ['i32', new Int32Array([1, -7, 3])],
    ['f32', new Float32Array([1e-9, -7, 3]).subarray(1)],
  ] as const) {
    const spec = { shape: [data.length], dtype };
    const bytes = encode(data, spec);
    expect(bytes.byteLength % 4).toBe(0);
    expect(decode(bytes.buffer, spec)).toEqual(data);
  }
});
