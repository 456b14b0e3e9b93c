import { expect, test } from 'vitest';
import { planSharedObjects } from './shared-objects.ts';

test('lifetimes that overlap never share, and those that do not overlap do', () => {
  let state = 7;
  const draw = (below: number): number => (state = (state * 48271) % 2147483647) % below;
  const lifetimes = Array.from({ length: 200 }, () => {
    const first = draw(100);
    return { bytes: 4 * (1 + draw(1000)), first, last: first + draw(10) };
  });
  const { objects, bytes } = planSharedObjects(lifetimes);
  lifetimes.forEach((a, i) => {
    expect(bytes[objects[i]!]!).toBeGreaterThanOrEqual(a.bytes);
    lifetimes.forEach((b, j) => {
      if (i < j && a.first <= b.last && b.first <= a.last) expect(objects[i]).not.toBe(objects[j]);
    });
  });
  expect([...bytes].sort((a, b) => b - a)).toEqual(bytes);
  expect(bytes.length).toBeLessThan(60);
  expect(
    planSharedObjects([
      { bytes: 8, first: 0, last: 1 },
      { bytes: 4, first: 2, last: 3 },
    ]).bytes,
  ).toEqual([8]);
});
