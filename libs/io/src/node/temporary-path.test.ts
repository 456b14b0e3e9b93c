import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { temporaryPath } from './temporary-path.ts';

const root = mkdtempSync(join(tmpdir(), 'voxelwise-'));
afterAll(() => rmSync(root, { recursive: true }));

it('removes what a killed process left half written, and nothing else', async () => {
  const own = await temporaryPath(join(root, 'first', 'case.nii.gz'));
  expect(basename(own)).toMatch(/^\.case\.nii\.gz\.[A-Za-z0-9]*-\d+-[0-9a-z]+\.part$/);
  const ended = spawnSync(process.execPath, ['-e', '']).pid;
  const of = (pid: number): string => basename(own).replace(`-${process.pid}-`, `-${pid}-`);
  const elsewhere = of(ended).replace(/\.[A-Za-z0-9]*-/, '.anothermachine-');
  const folder = join(root, 'second');
  mkdirSync(folder);
  for (const name of [of(ended), of(process.pid), elsewhere, 'case.nii.gz', 'notes.part'])
    writeFileSync(join(folder, name), '');
  await temporaryPath(join(folder, 'case.nii.gz'));
  expect(readdirSync(folder).sort()).toEqual([of(process.pid), elsewhere, 'case.nii.gz', 'notes.part'].sort());
});
