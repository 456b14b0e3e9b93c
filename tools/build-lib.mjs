/**
 * Builds one package: bundles every entry point named in package.json's `exports` (and `bin`) with esbuild,
 * then emits declarations with `tsc -b`. Run from the package folder.
 */
import { build } from 'esbuild';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
const entries = Object.values(manifest.exports ?? {})
  .map((entry) => (typeof entry === 'object' ? entry['@voxelwise/source'] : undefined))
  .filter(Boolean);
const binaries = Object.values(manifest.bin ?? {}).map((path) => basename(path, '.js'));

/** Packages that a manifest wants in the bundle: a command starts faster when it opens fewer files. */
const bundled = manifest.bundledPackages ?? [];

/** All others stay imports. */
function outside({ onResolve }) {
  onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
    kind === 'entry-point' || bundled.includes(path) ? undefined : { path, external: true },
  );
}

const isBinary = (entry) => binaries.includes(basename(entry, '.ts'));
const settings = {
  bundle: true,
  format: 'esm',
  platform: 'neutral',
  mainFields: ['module', 'main'],
  target: 'es2022',
  external: ['node:*'],
  plugins: [{ name: 'packages', setup: outside }],
  // What is bundled and still CommonJS asks for Node's modules by a `require` that modules do not have.
  ...(bundled.length === 0
    ? {}
    : {
        banner: {
          js: "import { createRequire as requireOf } from 'node:module';\nconst require = requireOf(import.meta.url);",
        },
      }),
  legalComments: 'none',
  logLevel: 'warning',
  outdir: 'dist',
  entryNames: '[name]',
};
for (const name of existsSync('dist') ? readdirSync('dist') : [])
  if (/-[A-Z0-9]{8}\.js$/.test(name)) rmSync(join('dist', name));
// Entries of one library share chunks: a class that two of them export must be one class, or `instanceof` fails.
await build({ ...settings, entryPoints: entries.filter((entry) => !isBinary(entry)), splitting: true });
for (const entry of entries.filter(isBinary)) {
  await build({ ...settings, entryPoints: [entry], banner: { js: '#!/usr/bin/env node' } });
  chmodSync(`dist/${basename(entry, '.ts')}.js`, 0o755);
}
execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-b', 'tsconfig.json'], {
  stdio: 'inherit',
});
