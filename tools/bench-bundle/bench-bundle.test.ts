import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { gpuForTests } from '../../libs/compute/src/testing/gpu-for-tests.ts';

const folder = mkdtempSync(join(tmpdir(), 'bench-bundle-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const gpu = await gpuForTests();

test.skipIf(gpu === undefined)(
  `the packed bench computes and proves itself on this adapter${gpu ? '' : ' (skipped: no adapter)'}`,
  { timeout: 180_000 },
  () => {
    const out = join(folder, 'bundle');
    const said = execFileSync(process.execPath, [fileURLToPath(new URL('build.mjs', import.meta.url)), '--out', out], {
      encoding: 'utf8',
    });
    expect(Number(/: ([\d.]+) MB/.exec(said)![1])).toBeLessThan(60);
    expect(existsSync(join(out, 'node_modules/webgpu/dist/linux-x64/dawn.node'))).toBe(true);
    const json = join(folder, 'results.json');
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [join(out, 'bench.js'), '--tiny', '--budget', '0', '--json', json],
      { cwd: tmpdir(), encoding: 'utf8' },
    );
    expect(status, stdout + stderr).toBe(0);
    const { conformance, seconds } = JSON.parse(readFileSync(json, 'utf8')) as {
      conformance: Record<string, { passed: number; failures: string[] }>;
      seconds: Record<string, { f32: number }>;
    };
    expect(conformance['f32']!.failures).toEqual([]);
    expect(conformance['f32']!.passed).toBeGreaterThan(100);
    for (const row of ['A forward', 'A step', 'C step', 'B c4 s4 weight gradient'])
      expect(seconds[row]!.f32).toBeGreaterThan(0);
    expect(stdout).toContain('| milliseconds | f32 | f16 | f16 matrices |');
    expect(stdout).not.toMatch(/A f32: loss NaN/);
    const late = spawnSync(
      process.execPath,
      [join(out, 'bench.js'), '--tiny', '--budget', '0', '--no-torch', '--minutes', '0.05'],
      { cwd: tmpdir(), encoding: 'utf8' },
    );
    expect(late.status, late.stdout + late.stderr).toBe(3);
    expect(late.stdout).toMatch(/Time was up after 0\.05 minutes/);
  },
);
