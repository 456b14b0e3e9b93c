/**
 * Packs the GPU bench into one folder that runs on a Linux x64 machine without network: `node bench.js`, or `sh run.sh`
 * where there is no Node. Usage: node tools/bench-bundle/build.mjs [--out FOLDER] [--with-node]
 */
import { build } from 'esbuild';
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const LIMIT_MB = 60;
const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../..');
const { values } = parseArgs({
  options: {
    out: { type: 'string', default: join(root, 'dist/bench-bundle') },
    'with-node': { type: 'boolean', default: false },
  },
});
const out = values.out;

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
await build({
  entryPoints: [join(here, 'bench.ts')],
  outfile: join(out, 'bench.js'),
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  minify: true,
  keepNames: true,
  external: ['webgpu'],
  alias: { vitest: join(here, 'test-runner.ts') },
  conditions: ['@voxelwise/source'],
  logLevel: 'error',
});
writeFileSync(join(out, 'package.json'), '{ "type": "module", "private": true }\n');
cpSync(join(here, 'torch_gpu.py'), join(out, 'torch_gpu.py'));

// Dawn: the package without its other platforms.
const require = createRequire(join(root, 'libs/compute/package.json'));
const dawn = dirname(require.resolve('webgpu'));
const target = join(out, 'node_modules/webgpu');
mkdirSync(join(target, 'dist'), { recursive: true });
for (const name of ['index.js', 'package.json', 'LICENSE.md']) cpSync(join(dawn, name), join(target, name));
cpSync(join(dawn, 'dist/linux-x64'), join(target, 'dist/linux-x64'), { recursive: true });

if (values['with-node']) {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Error('--with-node packs the running Node, which is not a Linux x64 one.');
  execFileSync('sh', ['-c', 'xz -T0 -c -- "$1" > "$2"', 'sh', process.execPath, join(out, 'node.xz')]);
}
writeFileSync(
  join(out, 'run.sh'),
  `#!/bin/sh
# Runs the bench with the machine's Node, or with the one packed here.
cd "$(dirname "$0")" || exit 1
if command -v node >/dev/null 2>&1 && [ "$(node -p 'process.versions.node.split(".")[0] >= 20')" = true ]; then exec node bench.js "$@"; fi
if [ ! -f node.xz ] && [ ! -x ./node ]; then echo 'No Node 20 or newer here, and none packed: build the bundle with --with-node.' >&2; exit 1; fi
if [ ! -x ./node ]; then
  if command -v xz >/dev/null 2>&1; then xz -dc node.xz > node; else python3 -c "import lzma, shutil; shutil.copyfileobj(lzma.open('node.xz'), open('node', 'wb'))"; fi
  chmod +x node
fi
exec ./node bench.js "$@"
`,
);
chmodSync(join(out, 'run.sh'), 0o755);

const sizeOf = (path) =>
  statSync(path).isDirectory()
    ? readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0)
    : statSync(path).size;
const megabytes = sizeOf(out) / 1e6;
if (megabytes > LIMIT_MB)
  throw new Error(`The bundle takes ${megabytes.toFixed(1)} MB, at most ${LIMIT_MB} are allowed.`);
console.log(`${out}: ${megabytes.toFixed(1)} MB. Run: sh run.sh [--tiny] [--json results.json]`);
