import { readdirSync } from 'node:fs';
import { afterAll, expect, it } from 'vitest';
import { exitCodeOf } from '../exit.ts';
import { temporaryFolder } from '../testing/command-line.ts';
import { spillInto } from './spill.ts';

const work = temporaryFolder();
afterAll(work.remove);

it('keeps numbers in a file that has no name', async () => {
  const store = await spillInto(work.path)({ channels: 2, voxels: 10 });
  expect(readdirSync(work.path)).toEqual([]);
  await store.write(1, 4, Float32Array.of(1, 2, 3));
  await store.write(1, 0, Float32Array.of(9, 8, 7, 6));
  await store.write(
    0,
    0,
    Float32Array.from({ length: 10 }, (_, v) => v / 2),
  );
  expect(await store.read(1, 2, 5)).toEqual(Float32Array.of(7, 6, 1, 2, 3));
  expect(await store.read(0, 8, 2)).toEqual(Float32Array.of(4, 4.5));
  await expect(store.read(1, 5, 5)).rejects.toThrow(/was not written/);
  await store.close();
});

it('refuses what the disk does not hold', async () => {
  const error = await spillInto(work.path)({ channels: 1000, voxels: 2 ** 40 }).catch((one: unknown) => one);
  expect(exitCodeOf(error)).toBe(4);
  expect(String(error)).toMatch(/needs .* GB of disk, .* are free/);
});
