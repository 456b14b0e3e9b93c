/** Every subject gives times; two benches can be compared. */
import { writeFileSync } from 'node:fs';
import { afterAll, expect, it } from 'vitest';
import { exitCodeOf } from '../exit.ts';
import { runLine, temporaryFolder, type Document } from '../testing/command-line.ts';

const work = temporaryFolder();
afterAll(work.remove);

const quick = (...words: string[]): Promise<Document> =>
  runLine(['bench', ...words, '--seconds', '0', '--shrink', '8']);

it.each(['ops', 'network', 'train', 'predict', 'preprocess', 'io'])('times %s', async (subject) => {
  const document = await quick(subject);
  const times = JSON.stringify(document)
    .match(/"min":[\d.e-]+/g)!
    .map((text) => Number(text.slice(6)));
  expect(times.length).toBeGreaterThan(0);
  expect(Math.min(...times)).toBeGreaterThan(0);
  expect(document).toMatchObject({ device: expect.stringContaining('wasm') as string, threads: 1 });
});

it('times what the peers are timed at, and compares with an earlier time', async () => {
  const before = await quick('peers-workloads');
  for (const figure of [before.A.fwd, before.A.step, before.B.c32_s64.fwd, before.B.c128_s16.gradw])
    expect(figure).toEqual({ min: expect.any(Number) as number, n: 3 });
  const half = structuredClone(before);
  half.A.fwd.min *= 1000;
  const file = work.at('before.json');
  writeFileSync(file, JSON.stringify(half));
  const { against } = await quick('peers-workloads', '--against', file);
  expect(against['A.fwd']).toBeGreaterThan(10);
  expect(Object.keys(against)).toHaveLength(11);
});

it('refuses an unknown subject, and a file without times', async () => {
  expect(await quick('weather').catch(exitCodeOf)).toBe(2);
  const file = work.at('empty.json');
  writeFileSync(file, '{}');
  expect(await quick('io', '--against', file).catch(exitCodeOf)).toBe(3);
});
