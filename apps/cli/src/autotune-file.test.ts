import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { conv, tensor, type DeviceError } from '@voxelwise/compute';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Variant } from '../../../libs/compute/src/devices/autotune.ts';
import { tileVariants } from '../../../libs/compute/src/ops/conv/conv.webgpu.ts';
import { gpuForTests } from '../../../libs/compute/src/testing/gpu-for-tests.ts';
import { readAutotuneTable, saveAutotuneTable } from './autotune-file.ts';
import { globalWords, livingDevice, makeContext, openDevice, reopenDevice, type Context } from './context.ts';
import { InputError } from './exit.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'autotune-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const contextOf = (autotune: boolean, device = 'wasm'): Context =>
  makeContext(
    { device, threads: '1', workspace: folder, quiet: true, autotune },
    { signal: new AbortController().signal, environment: {}, run: () => Promise.resolve(undefined) },
  );

async function convolve(context: Context, channels: number, first: readonly Variant[] = []): Promise<void> {
  const device = await openDevice(context);
  const x = tensor(device, new Float32Array(channels * 64).fill(1), [1, channels, 8, 8]);
  const weight = tensor(device, new Float32Array(channels * 8 * 9).fill(1), [8, channels, 3, 3]);
  for (const { options } of [...first, { options: {} }])
    await conv({ x, weight }, { padding: 1, ...(options as object) }).read();
  device.dispose();
}

it('keeps what was measured in the workspace, and only when asked', async () => {
  const file = join(folder, 'autotune.json');
  await convolve(contextOf(false), 8);
  expect(existsSync(file)).toBe(false);
  await convolve(contextOf(true), 8);
  const first = readFileSync(file, 'utf8');
  expect(Object.keys(readAutotuneTable(file))).toEqual([expect.stringContaining('conv x=1x8x8x8')]);
  await convolve(contextOf(true), 8);
  expect(readFileSync(file, 'utf8')).toBe(first);
  await convolve(contextOf(true), 16);
  expect(Object.keys(readAutotuneTable(file))).toHaveLength(2);
  expect(globalWords(contextOf(true))).toContain('--autotune');
});

const gpu = await gpuForTests();

it.skipIf(gpu === undefined)(
  `tunes the tiles of a GPU${gpu ? '' : ' (skipped: no adapter)'}`,
  { timeout: 120_000 },
  async () => {
    const file = join(folder, 'autotune.json');
    const context = contextOf(true, 'webgpu');
    // On a software adapter pipelines take the tuner's whole second; those that are there already do not. A busy machine may
    // still leave no time for two tiles.
    for (let tries = 0; tries < 3 && !existsSync(file); tries++) await convolve(context, 8, tileVariants(8, {}));
    const first = readFileSync(file, 'utf8');
    const [[key, tile]] = Object.entries(readAutotuneTable(file)) as [[string, string]];
    expect(key).toMatch(/^webgpu \(.*conv x=1x8x8x8/);
    expect(tile).toMatch(/^\d+x\d+x\d+$/);
    await convolve(context, 8);
    expect(readFileSync(file, 'utf8')).toBe(first);
  },
);

it.skipIf(gpu === undefined)(
  `opens another GPU device in the place of a lost one, and disposes both${gpu ? '' : ' (skipped: no adapter)'}`,
  async () => {
    const context = contextOf(false, 'webgpu');
    const device = await openDevice(context);
    expect(livingDevice(device)).toBe(device);
    (device as unknown as { backend: { gpu: GPUDevice } }).backend.gpu.destroy();
    const lost = await (device as unknown as { lost: Promise<DeviceError> }).lost;
    const next = await reopenDevice(context, device, lost);
    expect(livingDevice(device)).toBe(next);
    expect([...(await tensor(next, [1, 2], [2]).read())]).toEqual([1, 2]);
    device.dispose();
    expect(await (next as unknown as { lost: Promise<DeviceError> }).lost).toMatchObject({ lost: true });
  },
);

it('joins rows, and refuses a file that is no table', () => {
  const file = join(folder, 'deep', 'table.json');
  expect(readAutotuneTable(file)).toEqual({});
  saveAutotuneTable(file, { a: 'F2' });
  saveAutotuneTable(file, { b: 'F4' });
  expect(readAutotuneTable(file)).toEqual({ a: 'F2', b: 'F4' });
  for (const text of ['{', '[]', '{"a":1}']) {
    writeFileSync(file, text);
    expect(() => readAutotuneTable(file)).toThrow(InputError);
  }
});
