import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { conv, tensor } from '@voxelwise/compute';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readAutotuneTable, saveAutotuneTable } from './autotune-file.ts';
import { globalWords, makeContext, openDevice, type Context } from './context.ts';
import { InputError } from './exit.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'autotune-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const contextOf = (autotune: boolean): Context =>
  makeContext(
    { device: 'wasm', threads: '1', workspace: folder, quiet: true, autotune },
    { signal: new AbortController().signal, environment: {}, run: () => Promise.resolve(undefined) },
  );

async function convolve(context: Context, channels: number): Promise<void> {
  const device = await openDevice(context);
  const x = tensor(device, new Float32Array(channels * 64).fill(1), [1, channels, 8, 8]);
  const weight = tensor(device, new Float32Array(channels * 8 * 9).fill(1), [8, channels, 3, 3]);
  await conv({ x, weight }, { padding: 1 }).read();
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
