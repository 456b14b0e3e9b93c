/** Prepared cases on a disk: shared by processes, bounded, made anew where damaged. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createReferenceDevice, Philox } from '@voxelwise/compute';
import { alignedGrid, type Case } from '@voxelwise/volume';
import { sequence } from '../compose/sequence.ts';
import { zScore } from '../intensity/range.ts';
import { hoverMaps } from '../labels/hover-maps.ts';
import { cache, type Cache } from '../loading/cache.ts';
import { spacing } from '../spatial/spacing.ts';
import { directoryCache } from './directory-cache.ts';

const device = createReferenceDevice();
const built = mkdtempSync(join(tmpdir(), 'voxelwise-cache-writer-'));
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'voxelwise-cache-'));
});
afterEach(() => rmSync(folder, { recursive: true }));
afterAll(() => rmSync(built, { recursive: true }));

function subject(seed: number): Case {
  const rng = new Philox(seed);
  const grid = alignedGrid([6, 7, 8], [2, 1, 1]);
  return {
    id: `case-${seed}`,
    images: {
      grid,
      kind: 'intensity',
      channels: ['CT'],
      voxels: Float32Array.from({ length: 336 }, () => rng.normal(5, 2)),
    },
    labels: {
      grid,
      kind: 'labels',
      channels: ['l'],
      voxels: Uint8Array.from({ length: 336 }, () => rng.integer(0, 3)),
    },
  };
}
const steps = sequence(spacing({ spacingMm: [1, 1, 1] }), zScore(), hoverMaps());
const open = (maxBytes: number, warnings: string[] = []): Cache =>
  cache(
    {
      steps,
      recipe: 'spacing 1, z-score, maps',
      device,
      maxBytes: 1,
      store: directoryCache({ folder, maxBytes }),
      onWarning: (message) => warnings.push(message),
    },
    new Philox(1),
  );
const entries = (): string[] => readdirSync(folder).filter((name) => name.endsWith('.case'));

describe('a folder of prepared cases', () => {
  it('gives the same scene to the next process, further volumes and history included', async () => {
    const made = await open(1e6).open(subject(1));
    const second = open(1e6);
    const again = await second.open(subject(1));
    expect([second.hits, second.misses]).toEqual([1, 0]);
    expect(await again.volumes!['hover']!.voxels.read()).toEqual(await made.volumes!['hover']!.voxels.read());
    expect(await again.images.voxels.read()).toEqual(await made.images.voxels.read());
    expect(again.history).toEqual(JSON.parse(JSON.stringify(made.history)));
  });

  it.each([
    ['a flipped bit', (bytes: Buffer): Buffer => bytes.fill(bytes[100]! ^ 4, 100, 101)],
    ['a missing end', (bytes: Buffer): Buffer => bytes.subarray(0, bytes.length >> 1)],
    ['nothing in it', (): Buffer => Buffer.alloc(0)],
  ])('makes an entry with %s anew, and says so', async (_name, damage) => {
    const made = await open(1e6).open(subject(1));
    const path = join(folder, entries()[0]!);
    const whole = readFileSync(path);
    writeFileSync(path, damage(Buffer.from(whole)));
    const warnings: string[] = [];
    const next = open(1e6, warnings);
    const again = await next.open(subject(1));
    expect([next.hits, next.misses]).toEqual([0, 1]);
    expect(warnings).toEqual([expect.stringMatching(/^cache: case case-1: the stored entry of \d+ bytes is damaged/)]);
    expect(await again.images.voxels.read()).toEqual(await made.images.voxels.read());
    expect(readFileSync(path).equals(whole)).toBe(true);
  });

  it('stays within its bytes; what was used last stays longest', async () => {
    await open(1e6).open(subject(1));
    const size = statSync(join(folder, entries()[0]!)).size;
    const bounded = open(3.5 * size);
    for (const seed of [2, 3]) await bounded.open(subject(seed));
    await new Promise((resolve) => setTimeout(resolve, 20));
    await bounded.open(subject(1));
    await new Promise((resolve) => setTimeout(resolve, 20));
    for (const seed of [4, 5]) await bounded.open(subject(seed));
    expect(entries().length).toBe(3);
    const after = open(3.5 * size);
    for (const seed of [1, 4, 5]) await after.open(subject(seed));
    expect([after.hits, after.misses]).toEqual([3, 0]);
    const small = open(size / 2);
    await small.open(subject(6));
    expect(entries().length).toBe(3);
  });

  it('is shared by processes that write the same entries at once', async () => {
    const writer = join(built, 'writer.mjs');
    await build({
      stdin: {
        resolveDir: fileURLToPath(new URL('.', import.meta.url)),
        loader: 'ts',
        contents: `
          import { directoryCache } from './directory-cache.ts';
          const [folder, tag] = process.argv.slice(2);
          const store = directoryCache({ folder, maxBytes: 200_000 });
          let damaged = 0;
          for (let round = 0; round < 60; round++) {
            const key = 'entry-' + (round % 7);
            const found = await store.get(key);
            // Every entry is 10,000 times the byte of its key, whoever wrote it.
            if (found && (found.length !== 10_000 || found.some((byte) => byte !== round % 7))) damaged++;
            await store.put(key, new Uint8Array(10_000).fill(round % 7));
          }
          console.log(tag + ' ' + damaged);`,
      },
      outfile: writer,
      bundle: true,
      format: 'esm',
      platform: 'node',
      conditions: ['@voxelwise/source'],
      logLevel: 'error',
    });
    const run = promisify(execFile);
    const outputs = await Promise.all(['a', 'b', 'c'].map((tag) => run(process.execPath, [writer, folder, tag])));
    expect(outputs.map(({ stdout }) => stdout.trim())).toEqual(['a 0', 'b 0', 'c 0']);
    expect(readdirSync(folder).sort()).toEqual(Array.from({ length: 7 }, (_, k) => `entry-${k}.case`));
  });

  it('goes on without its store, and says so', async () => {
    writeFileSync(join(folder, 'a file'), '');
    const warnings: string[] = [];
    const broken = cache(
      {
        steps,
        recipe: 1,
        device,
        store: directoryCache({ folder: join(folder, 'a file'), maxBytes: 1e6 }),
        onWarning: (message) => warnings.push(message),
      },
      new Philox(1),
    );
    expect((await broken.open(subject(1))).images.voxels.shape[0]).toBe(1);
    expect(warnings).toEqual([
      expect.stringMatching(/case-1: the store failed.*ENOTDIR/),
      expect.stringMatching(/case-1: not stored/),
    ]);
    expect(() => directoryCache({ folder, maxBytes: 0 })).toThrow(/positive number of bytes/);
  });
});

it('a case asked for twice at once is made once', async () => {
  const shared = cache({ steps, recipe: 2, device }, new Philox(1));
  const [a, b] = await Promise.all([shared.open(subject(1)), shared.open(subject(1))]);
  expect([shared.hits, shared.misses]).toEqual([1, 1]);
  expect(await a.images.voxels.read()).toEqual(await b.images.voxels.read());
});
