/**
 * What is published works outside the repository: every tarball installs into an empty folder, runs as Node ESM, bundles
 * with esbuild and vite, and the bundle loads in Chromium (skipped, and counted, where there is none).
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createServer } from 'node:http';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const libraries = readdirSync(join(root, 'libs'));
const chromium = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
let folder = '';

/** Touches every library: sums what they export, and computes on the WASM device. */
const program = `
${libraries.map((name, k) => `import * as lib${k} from '@voxelwise/${name}';`).join('\n')}
const counts = { ${libraries.map((name, k) => `'${name}': Object.keys(lib${k}).length`).join(', ')} };
const { createWasmDevice, tensor, add } = lib${libraries.indexOf('compute')};
const device = await createWasmDevice({ threads: 1 });
const a = tensor(device, [1, 2, 3], [3]);
const sum = await add({ a, b: a }).read();
const text = JSON.stringify({ counts, sum: Array.from(sum) });
if (typeof document === 'undefined') console.log(text); else document.title = text;
`;

function check(text: string): void {
  const { counts, sum } = JSON.parse(text) as { counts: Record<string, number>; sum: number[] };
  expect(sum).toEqual([2, 4, 6]);
  for (const name of libraries) expect(counts[name], name).toBeGreaterThan(0);
}

describe('published packages', { timeout: 300_000 }, () => {
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'voxelwise-pack-'));
    const tarballs = [...libraries.map((name) => join('libs', name)), join('apps', 'cli')].map((path) => {
      const [packed] = JSON.parse(
        execFileSync('npm', ['pack', '--json', '--pack-destination', folder], {
          cwd: join(root, path),
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'ignore'],
        }),
      ) as [{ filename: string; files: { path: string }[] }];
      const stray = packed.files.filter((file) => /\.(test|bench)\.|tsbuildinfo|(^|\/)src\//.test(file.path));
      expect(stray, `${path} publishes sources or build info`).toEqual([]);
      return join(folder, packed.filename);
    });
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
    execFileSync('npm', ['install', '--no-audit', '--no-fund', '--omit=optional', ...tarballs], {
      cwd: folder,
      stdio: 'ignore',
    });
    writeFileSync(join(folder, 'program.js'), program);
  }, 300_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('runs in Node', () => {
    check(execFileSync(process.execPath, ['program.js'], { cwd: folder, encoding: 'utf8' }));
  });

  it('runs the command', () => {
    const { status, stdout } = spawnSync(
      process.execPath,
      ['node_modules/@voxelwise/cli/bin/voxelwise.js', 'doctor', '--json'],
      { cwd: folder, encoding: 'utf8' },
    );
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toHaveProperty('machine.cores');
  });

  it('bundles with esbuild and vite, and loads in Chromium', async ({ skip }) => {
    const tools = join(root, 'node_modules');
    mkdirSync(join(folder, 'site'), { recursive: true });
    execFileSync(
      join(tools, '.bin/esbuild'),
      [
        'program.js',
        '--bundle',
        '--format=esm',
        '--platform=browser',
        '--outfile=site/esbuild.js',
        '--log-level=error',
      ],
      { cwd: folder },
    );
    writeFileSync(
      join(folder, 'index.html'),
      '<!doctype html><title>waiting</title><script type="module" src="./program.js"></script>',
    );
    execFileSync(
      process.execPath,
      [join(tools, 'vite/bin/vite.js'), 'build', '--outDir', 'site/vite', '--base', './', '--logLevel', 'error'],
      { cwd: folder },
    );
    writeFileSync(
      join(folder, 'site/esbuild.html'),
      '<!doctype html><title>waiting</title><script type="module" src="./esbuild.js"></script>',
    );
    if (chromium === undefined) skip('no Chromium');
    const types: Record<string, string> = { html: 'text/html', js: 'text/javascript', wasm: 'application/wasm' };
    const server = createServer((request, response) => {
      const path = join(folder, 'site', decodeURIComponent(new URL(request.url!, 'http://x').pathname));
      if (!existsSync(path)) return void response.writeHead(404).end();
      response
        .writeHead(200, { 'content-type': types[path.split('.').at(-1)!] ?? 'application/octet-stream' })
        .end(readFileSync(path));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const { chromium: browserType } = await import('playwright-core');
    const browser = await browserType.launch({
      executablePath: chromium!,
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
    });
    try {
      for (const page of ['esbuild.html', 'vite/index.html']) {
        const tab = await browser.newPage();
        const faults: string[] = [];
        tab.on('pageerror', (error) => faults.push(error.message));
        await tab.goto(`http://127.0.0.1:${port}/${page}`);
        await tab
          .waitForFunction(() => document.title !== 'waiting', undefined, { timeout: 60_000 })
          .catch(() => undefined);
        expect(faults).toEqual([]);
        check(await tab.title());
        await tab.close();
      }
    } finally {
      await browser.close();
      server.close();
    }
  });
});
