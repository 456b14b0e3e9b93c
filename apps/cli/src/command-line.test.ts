/** The command line as a user meets it: real processes, real files, exit codes, interruption. */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../../..');
const data = join(root, 'examples/data/hippocampus');
const place = mkdtempSync(join(tmpdir(), 'voxelwise-cli-'));
afterAll(() => rmSync(place, { recursive: true, force: true }));

const command = [
  join(root, 'node_modules/tsx/dist/cli.mjs'),
  '--conditions=@voxelwise/source',
  join(root, 'tools/dev-cli.ts'),
];
const run = (...words: string[]): ReturnType<typeof spawnSync> & { stdout: string; stderr: string } =>
  spawnSync(process.execPath, [...command, ...words], { cwd: root, encoding: 'utf8' });

describe('command line', { timeout: 120_000 }, () => {
  it('prints usage with examples for every command', () => {
    const help = run('--help').stdout;
    const commands = [...help.slice(help.indexOf('Commands:')).matchAll(/^ {2}([a-z-]+) /gm)]
      .map((m) => m[1]!)
      .filter((name) => name !== 'help');
    expect(commands).toEqual(
      expect.arrayContaining([
        'doctor',
        'fingerprint',
        'plan',
        'preprocess',
        'train',
        'predict',
        'evaluate',
        'report',
        'run',
        'bench',
      ]),
    );
    for (const name of ['run', 'plan', 'predict'])
      expect(run(name, '--help').stdout.match(/\$ voxelwise/g)?.length, name).toBeGreaterThanOrEqual(2);
  });

  it('exits with 2 for wrong usage', () => {
    expect(run('fly').status).toBe(2);
    expect(run('run').status).toBe(2);
    expect(run('plan', data, '--planner', 'astrologer', '--workspace', place).status).toBe(2);
    expect(run('doctor', '--device', 'abacus').status).toBe(2);
  });

  it('says wrong usage as JSON too, also where the parser finds it', () => {
    const { status, stdout } = run('predict', '--model', 'x', '--json');
    expect(status).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'usage' } });
  });

  it('says as JSON where in a file a fault lies', () => {
    const file = join(place, 'cut.nii');
    writeFileSync(file, Uint8Array.of(92, 1, 0, 0, 0));
    const { status, stdout } = run('convert', file, '--out', join(place, 'x.nrrd'), '--json');
    expect(status).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({
      error: { code: 'format', file, details: { field: 'header', byteOffset: 5 } },
    });
  });

  it('refuses a memory limit that it exceeds by being there, and names files that are missing', () => {
    const { status, stderr } = run('doctor', '--max-memory', '1MB');
    expect(status).toBe(4);
    expect(stderr).toContain('--max-memory 1 MB');
    const missing = join(place, 'none.json');
    const answer = run('plan', '--fingerprint', missing, '--dataset-json', missing, '--json');
    expect(answer.status).toBe(3);
    expect(JSON.parse(answer.stdout)).toMatchObject({
      error: { file: missing, message: expect.stringContaining('there is no such file') as string },
    });
  });

  it('ends quietly when nobody reads its output any more', async () => {
    const child = spawn(process.execPath, [...command, 'run', '--help'], { cwd: root });
    child.stdout.destroy();
    let complaints = '';
    child.stderr.on('data', (text) => (complaints += String(text)));
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(141);
    expect(complaints).toBe('');
  });

  it('exits with 3 for bad input and names the file, also as JSON', () => {
    const { status, stdout } = run(
      'predict',
      '--model',
      join(place, 'nowhere'),
      '--input',
      data,
      '--output',
      place,
      '--json',
    );
    expect(status).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'missing-model', file: join(place, 'nowhere') } });
  });

  it('refuses a budget that is too short with exit code 4, before any training', () => {
    const { status, stderr } = run(
      'run',
      data,
      '--budget',
      '9s',
      '--folds',
      'all',
      '--workspace',
      join(place, 'short'),
    );
    expect(stderr).toContain('budget');
    expect(status).toBe(4);
  });

  it('plans from a fingerprint alone', () => {
    const workspace = join(place, 'plan');
    expect(run('fingerprint', data, '--workspace', workspace).status).toBe(0);
    const planned = run('plan', data, '--workspace', workspace, '--json');
    expect(planned.status, planned.stderr).toBe(0);
    const { plans } = JSON.parse(planned.stdout) as { plans: string };
    const folder = join(workspace, 'preprocessed/Dataset000_Hippocampus');
    const description = join(place, 'dataset.json');
    writeFileSync(
      description,
      JSON.stringify({
        channel_names: { 0: 'MRI' },
        labels: { background: 0, Anterior: 1, Posterior: 2 },
        numTraining: 20,
        file_ending: '.nii.gz',
      }),
    );
    const out = join(place, 'again.json');
    expect(
      run(
        'plan',
        '--fingerprint',
        join(folder, 'dataset_fingerprint.json'),
        '--dataset-json',
        description,
        '--dataset-name',
        'Dataset000_Hippocampus',
        '--out',
        out,
      ).status,
    ).toBe(0);
    expect(readFileSync(out, 'utf8')).toBe(readFileSync(plans, 'utf8'));
    expect(run('plan', 'diff', plans, out).stdout).toContain('no difference');
  });

  it('goes on after a kill and ends with the same bytes', { timeout: 600_000 }, async () => {
    const splits = join(place, 'splits.json');
    const ids = ['004', '006', '007', '008'].map((n) => `hippocampus_${n}`);
    writeFileSync(splits, JSON.stringify([{ train: ids.slice(0, 3), val: ids.slice(3) }]));
    const words = (workspace: string): string[] => [
      'train',
      data,
      '3d_fullres',
      '0',
      '--epochs',
      '3',
      '--steps-per-epoch',
      '12',
      '--splits',
      splits,
      '--workspace',
      workspace,
      '--threads',
      '1',
    ];
    const checkpoints: string[] = [];
    for (const name of ['whole', 'killed']) {
      const workspace = join(place, name);
      const small = [
        'patch_size=[16,16,16]',
        'batch_size=2',
        'architecture.arch_kwargs.features_per_stage=[4,8,8,8]',
        'voxelwise={"training":{"validationSteps":1}}',
      ];
      expect(
        run(
          'plan',
          data,
          '--workspace',
          workspace,
          ...small.flatMap((edit) => ['--set', `configurations.3d_fullres.${edit}`]),
        ).status,
      ).toBe(0);
      const fold = join(workspace, 'results/Dataset000_Hippocampus/nnUNetTrainer__nnUNetPlans__3d_fullres/fold_0');
      if (name === 'killed') {
        const child = spawn(process.execPath, [...command, ...words(workspace)], {
          cwd: root,
          stdio: 'ignore',
          detached: true,
        });
        // However long a busy machine takes: until there is something to go on from, or the program ended.
        const latest = join(fold, 'checkpoint_latest.safetensors');
        while (child.exitCode === null && !existsSync(latest)) await new Promise((resolve) => setTimeout(resolve, 20));
        expect(child.exitCode).toBe(null);
        const ended = new Promise((resolve) => child.once('exit', resolve));
        process.kill(-child.pid!, 'SIGKILL');
        await ended;
        // In the midst of it, or there would be nothing to go on with.
        expect([existsSync(latest), existsSync(join(fold, 'checkpoint_final.safetensors'))]).toEqual([true, false]);
      }
      const { status, stderr } = run(...words(workspace));
      expect(status, stderr).toBe(0);
      checkpoints.push(
        createHash('sha256')
          .update(readFileSync(join(fold, 'checkpoint_final.safetensors')))
          .digest('hex'),
      );
      expect(existsSync(join(fold, 'validation/summary.json'))).toBe(true);
    }
    expect(checkpoints[1]).toBe(checkpoints[0]);
  });
});
