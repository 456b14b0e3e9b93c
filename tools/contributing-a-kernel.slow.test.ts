/** Follows docs/contributing-a-kernel.md literally, in a copy of the repository: runs its commands, writes its files. */
import { execSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const guide = readFileSync(join(root, 'docs/contributing-a-kernel.md'), 'utf8');

/** Fenced blocks in order: shell commands, and files whose path stands alone on the line above. */
const steps = [...guide.matchAll(/(?:^`([^`\n]+)`\n\n)?^```(\w+)\n([\s\S]*?)^```$/gm)].map(
  ([, path, language, text]) => ({ path, language, text: text! }),
);

let copy = '';
const run = (command: string): string =>
  execSync(command, { cwd: copy, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'voxelwise-kernel-'));
  for (const path of ['package.json', 'tsconfig.base.json', 'vitest.config.ts', 'tools', 'libs/compute', 'libs/io'])
    cpSync(join(root, path), join(copy, path), {
      recursive: true,
      filter: (from) => !/[/\\](node_modules|dist|fixtures|\.tmp)([/\\]|$)/.test(from),
    });
  writeFileSync(join(copy, 'tsconfig.json'), JSON.stringify({ files: [], references: [{ path: 'libs/compute' }] }));
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  if (existsSync(join(root, 'libs/compute/node_modules')))
    symlinkSync(join(root, 'libs/compute/node_modules'), join(copy, 'libs/compute/node_modules'));
});

afterAll(() => rmSync(copy, { recursive: true, force: true }));

it('leads from nothing to an operation that passes its suite', { timeout: 400_000 }, () => {
  expect(steps.filter((step) => step.path !== undefined)).toHaveLength(7);
  const commands: string[] = [];
  for (const { path, language, text } of steps) {
    if (path !== undefined) {
      expect(existsSync(join(copy, path)), `${path} was made by the skeleton`).toBe(true);
      writeFileSync(join(copy, path), text);
    } else if (language === 'sh') {
      for (const command of text.trim().split('\n')) {
        commands.push(command);
        const output = run(command);
        if (command.includes('vitest run')) expect(output.replace(/\x1b\[\d+m/g, '')).toMatch(/Tests +\d+ passed/);
      }
    }
  }
  expect(commands).toContain('npm run new op soft-sign');
  expect(commands.at(-1)).toBe('npx vitest run libs/compute/src/ops/soft-sign');
});
