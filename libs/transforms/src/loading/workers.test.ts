/** Patches made in Node's worker threads: the same for any number of them, errors with names, an end without leftovers. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Patch, PatchSettings } from '../../fixtures/patch-worker.ts';
import { TransformError } from '../errors.ts';
import { loadInWorkers, type LoadOptions } from './workers.ts';

/** VOXELWISE_PATCHES=10000 for the whole of it. */
const MANY = Number(process.env['VOXELWISE_PATCHES'] ?? 2500);
const folder = mkdtempSync(join(tmpdir(), 'voxelwise-workers-'));
const file = join(folder, 'patches.mjs');
beforeAll(async () => {
  await build({
    entryPoints: [fileURLToPath(new URL('../../fixtures/patch-worker.ts', import.meta.url))],
    outfile: file,
    bundle: true,
    format: 'esm',
    platform: 'node',
    conditions: ['@voxelwise/source'],
    logLevel: 'error',
  });
});
afterAll(() => rmSync(folder, { recursive: true }));

let running = 0;
const start = (): Worker => {
  running++;
  const worker = new Worker(file);
  worker.once('exit', () => running--);
  return worker;
};
const load = (
  count: number,
  settings: PatchSettings,
  options: Partial<LoadOptions<Patch>> = {},
): AsyncGenerator<Patch, void, undefined> => loadInWorkers<Patch>(count, start, { workers: 2, settings, ...options });
const failureOf = (loop: AsyncGenerator<Patch>): Promise<unknown> =>
  (async () => {
    for await (const patch of loop) void patch;
    return undefined;
  })().catch((error: unknown) => error);

describe('patches from workers', () => {
  it('are the same for any number of workers', async () => {
    const collect = async (workers: number): Promise<number[][]> => {
      const all: number[][] = [];
      for await (const { image, labels } of load(12, { seed: 5 }, { workers })) all.push([...image, ...labels]);
      return all;
    };
    const one = await collect(1);
    expect(one.length).toBe(12);
    expect(new Set(one.map((values) => values.join())).size).toBe(12);
    expect(await collect(3)).toEqual(one);
    expect(running).toBe(0);
  });

  it('fail with the name of the case, the cause and its fields', async () => {
    const failure = await failureOf(load(30, { seed: 1, failAt: 4 }, { nameOf: (index) => `case-${index}` }));
    expect(failure).toBeInstanceOf(TransformError);
    expect((failure as Error).message).toBe('case-4: patches: item 4 is broken.');
    expect((failure as Error).cause).toMatchObject({
      name: 'TransformError',
      code: 'transform',
      details: { voxels: 0 },
    });
    expect(running).toBe(0);
  });

  it('say that a worker could not start, or died', async () => {
    expect(await failureOf(load(3, { seed: 1, failToStart: true }))).toMatchObject({ message: /no data here/ });
    expect(await failureOf(load(9, { seed: 1, dieAt: 2 }, { nameOf: (index) => `case-${index}` }))).toMatchObject({
      message: expect.stringMatching(/^case-2: loadInWorkers: a worker ended.*code 3/) as string,
    });
    expect(await failureOf(load(3, { seed: 1 }, { workers: 0 }))).toMatchObject({ message: /positive whole/ });
    expect(running).toBe(0);
  });

  it('stop with the loop and with a signal, even where a maker never ends', async () => {
    let seen = 0;
    for await (const patch of load(1000, { seed: 1, hangAt: 4 })) {
      expect(patch.image.length).toBe(144);
      if (++seen === 3) break;
    }
    expect(running).toBe(0);
    const abort = new AbortController();
    setTimeout(() => abort.abort(new Error('enough')), 300);
    expect(await failureOf(load(5, { seed: 1, hangAt: 0 }, { signal: abort.signal }))).toMatchObject({
      message: 'enough',
    });
    expect(running).toBe(0);
  });

  it(`leave nothing behind: ${MANY} of them, and workers come and gone`, async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const used = (): { heap: number; rss: number; handles: number } => {
      collect();
      const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
      return { heap: heapUsed + arrayBuffers, rss, handles: process.getActiveResourcesInfo().length };
    };
    const handlesBefore = used().handles;
    let early = used();
    let made = 0;
    for await (const { image } of load(MANY, { seed: 2 }, { ahead: 8 })) {
      if (image.length !== 144) throw new Error(`patch ${made} has ${image.length} voxels`);
      if (++made === MANY / 5) early = used();
    }
    const late = used();
    expect(made).toBe(MANY);
    // Kept, patches take 864 bytes each, and what comes with them as much again.
    expect(late.heap - early.heap).toBeLessThan(400 * MANY);
    expect(late.rss - early.rss).toBeLessThan(64e6);
    expect(late.handles).toBeLessThanOrEqual(handlesBefore + 1);
  }, 120_000);
});
