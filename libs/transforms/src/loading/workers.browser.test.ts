/** Patches made in Web Workers: the same for any number of them; errors and early ends as in Node. */
import { expect, it } from 'vitest';
import type { Patch, PatchSettings } from '../../fixtures/patch-worker.ts';
import { loadInWorkers } from './workers.ts';

const start = (): Worker => new Worker(new URL('../../fixtures/patch-worker.ts', import.meta.url), { type: 'module' });
const load = (count: number, workers: number, settings: PatchSettings): AsyncGenerator<Patch, void, undefined> =>
  loadInWorkers<Patch>(count, start, { workers, settings, nameOf: (index) => `case-${index}` });

it('makes the same patches in one worker and in two', async () => {
  const collect = async (workers: number): Promise<number[][]> => {
    const all: number[][] = [];
    for await (const { image, labels } of load(6, workers, { seed: 5 })) all.push([...image, ...labels]);
    return all;
  };
  const one = await collect(1);
  expect(new Set(one.map((values) => values.join())).size).toBe(6);
  expect(await collect(2)).toEqual(one);
});

it('names what failed, and leaves a maker that never ends', async () => {
  const all = async (settings: PatchSettings): Promise<number> => {
    let count = 0;
    for await (const patch of load(9, 2, settings))
      if ((count += patch.image.length) === 3 * 144 && settings.hangAt) break;
    return count;
  };
  await expect(all({ seed: 1, failAt: 3 })).rejects.toThrow('case-3: patches: item 3 is broken.');
  await expect(all({ seed: 1, failToStart: true })).rejects.toThrow(/no data here/);
  expect(await all({ seed: 1, hangAt: 4 })).toBe(3 * 144);
});
