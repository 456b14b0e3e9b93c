/** Runs the examples as a reader would: each in a process of its own, from its own folder. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const data = join(root, 'examples/data/hippocampus');
const workspace = mkdtempSync(join(tmpdir(), 'voxelwise-examples-'));
afterAll(() => rmSync(workspace, { recursive: true, force: true }));

function run(file: string, ...words: string[]): { status: number | null; stdout: string; stderr: string } {
  const tsx = join(root, 'node_modules/tsx/dist/cli.mjs');
  return spawnSync(process.execPath, [tsx, '--conditions=@voxelwise/source', join(root, file), ...words], {
    cwd: root,
    encoding: 'utf8',
  });
}

const cli = (...words: string[]): ReturnType<typeof run> => run('tools/dev-cli.ts', ...words, '--workspace', workspace);

describe('examples', { timeout: 300_000 }, () => {
  it('one package: reads a NIfTI', () => {
    const { status, stdout } = run('examples/one-package/read-nifti.ts');
    expect(status).toBe(0);
    expect(stdout).toContain('38 × 52 × 36');
  });

  it("a pipeline of one's own: the loss goes down", () => {
    const { status, stdout, stderr } = run('examples/custom-pipeline/train.ts', '24', '8');
    expect(status, stderr).toBe(0);
    const losses = [...stdout.matchAll(/Dice loss ([\d.]+)/g)].map((match) => Number(match[1]));
    expect(losses).toHaveLength(8);
    expect(Math.min(...losses.slice(-3))).toBeLessThan(losses[0]!);
  });

  it('the command line: checks, plans, trains, predicts, evaluates, reports', () => {
    const doctor = cli('doctor', data, '--json');
    expect(doctor.status).toBe(0);
    expect(JSON.parse(doctor.stdout).faults.filter((f: { severity: string }) => f.severity === 'error')).toEqual([]);

    const ran = cli('run', data, '--budget', '70s', '--folds', 'all', '--test', data, '--json');
    expect(ran.status, ran.stderr).toBe(0);
    const result = JSON.parse(ran.stdout) as {
      meanDice: number;
      cases: number;
      seconds: number;
      outputs: Record<string, string>;
    };
    expect(result.cases).toBe(4);
    expect(result.seconds).toBeLessThan(75);
    // Little is learned in so short a time, but something: an untrained network scores below 0.1.
    expect(result.meanDice).toBeGreaterThan(0.3);
    expect(readFileSync(result.outputs['report']!, 'utf8')).toContain('<!doctype html>');

    const predicted = join(workspace, 'again');
    const predict = cli(
      'predict',
      '--model',
      result.outputs['model']!,
      '--input',
      join(data, 'imagesTs'),
      '--output',
      predicted,
      '--no-mirroring',
      '--json',
    );
    expect(predict.status, predict.stderr).toBe(0);
    expect(JSON.parse(predict.stdout).cases).toHaveLength(4);

    const evaluated = cli(
      'evaluate',
      '--prediction',
      predicted,
      '--reference',
      join(data, 'labelsTs'),
      '--labels',
      '1,2',
      '--json',
    );
    expect(evaluated.status, evaluated.stderr).toBe(0);
    expect(JSON.parse(evaluated.stdout).perClass['1'].dice).toBeGreaterThan(0.2);
    expect(existsSync(join(predicted, 'summary.json'))).toBe(true);
  });
});
