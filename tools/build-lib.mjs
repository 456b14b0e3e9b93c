/**
 * Builds one package: bundles every entry point named in package.json's `exports` (and `bin`) with esbuild,
 * then emits declarations with `tsc -b`. Run from the package folder.
 */
import { build } from 'esbuild';
import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
const entries = Object.values(manifest.exports ?? {})
  .map((entry) => (typeof entry === 'object' ? entry['@voxelwise/source'] : undefined))
  .filter(Boolean);
const binaries = Object.values(manifest.bin ?? {}).map((path) => basename(path, '.js'));

for (const entry of entries) {
  const name = basename(entry, '.ts');
  const isBinary = binaries.includes(name);
  await build({
    entryPoints: [entry],
    outfile: `dist/${name}.js`,
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    target: 'es2022',
    packages: 'external',
    external: ['node:*'],
    banner: isBinary ? { js: '#!/usr/bin/env node' } : {},
    legalComments: 'none',
    logLevel: 'warning',
  });
  if (isBinary) chmodSync(`dist/${name}.js`, 0o755);
}
execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-b', 'tsconfig.json'], { stdio: 'inherit' });
