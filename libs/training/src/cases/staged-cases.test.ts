import { expect, it } from 'vitest';
import { memoryCase, memoryCases } from './memory-case.ts';
import { withPreviousStage } from './staged-cases.ts';

const cases = memoryCases(
  ['a', 'b'].map((id) =>
    memoryCase({
      id,
      shape: [1, 2, 2],
      image: new Float32Array(4),
      labels: new Int16Array([1, 0, 0, 1]),
      locations: new Map(),
    }),
  ),
);

it('puts the previous stage behind the labels, -1 outside, and reads it again only when it left the memory', async () => {
  const read: string[] = [];
  const staged = withPreviousStage(
    cases,
    ({ id }) => {
      read.push(id);
      return Promise.resolve(new Int16Array([2, 2, 0, 0]));
    },
    { cacheBytes: 8 },
  );
  const prepared = await staged.open('a');
  expect([...(await prepared.crop([0, 0, 1], [1, 2, 2])).labels]).toEqual([0, -1, 1, -1, 2, -1, 0, -1]);
  for (const id of ['a', 'b', 'a']) await staged.open(id);
  expect(read).toEqual(['a', 'b', 'a']);
});

it('refuses a segmentation of another size, naming the case', async () => {
  const staged = withPreviousStage(cases, () => Promise.resolve(new Int16Array(3)));
  await expect(staged.open('b')).rejects.toThrow(/of b has 3 voxels, the prepared case 1×2×2/);
});
