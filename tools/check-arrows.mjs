/**
 * Checks the arrows: no package imports one that is not below it (tools/floors.mjs), package.json says the same, and no
 * circle of imports closes inside a package. Type-only imports make no circle.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { floors } from './floors.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const faults = [];

for (const [name, below] of Object.entries(floors)) {
  const folder = join(root, 'libs', name);
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const declared = new Set(
    Object.keys(manifest.dependencies ?? {})
      .filter((d) => d.startsWith('@voxelwise/'))
      .map((d) => d.slice(11)),
  );
  for (const d of declared)
    if (!below.includes(d)) faults.push(`libs/${name}/package.json depends on ${d}, which is not below it`);
  const files = readdirSync(join(folder, 'src'), { recursive: true })
    .map(String)
    .filter((f) => f.endsWith('.ts') && !f.endsWith('.as.ts') && !f.startsWith('generated'))
    .map((f) => join(folder, 'src', f));
  const graph = new Map();
  for (const file of files) {
    const isTest = /\.(test|bench)\.ts$/.test(file) || file.includes('/testing/');
    const text = readFileSync(file, 'utf8');
    const edges = [];
    for (const match of text.matchAll(/^\s*(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/gms)) {
      const [, typeOnly, target] = match;
      if (target.startsWith('@voxelwise/')) {
        const other = target.slice(11).split('/')[0];
        if (other !== name && !below.includes(other) && !isTest)
          faults.push(`${relative(root, file)} imports ${target}, which is not below libs/${name}`);
        if (other !== name && below.includes(other) && !declared.has(other) && !isTest)
          faults.push(`${relative(root, file)} imports ${target}, which package.json does not declare`);
      } else if (target.startsWith('.') && !typeOnly) edges.push(resolve(dirname(file), target));
    }
    graph.set(file, edges);
  }
  for (const circle of circles(graph)) faults.push(`circle: ${circle.map((f) => relative(root, f)).join(' -> ')}`);
}

function circles(graph) {
  const state = new Map();
  const path = [];
  const found = [];
  const visit = (file) => {
    state.set(file, 'open');
    path.push(file);
    for (const next of graph.get(file) ?? []) {
      if (state.get(next) === 'open') found.push([...path.slice(path.indexOf(next)), next]);
      else if (!state.has(next) && graph.has(next)) visit(next);
    }
    path.pop();
    state.set(file, 'done');
  };
  for (const file of graph.keys()) if (!state.has(file)) visit(file);
  return found;
}

for (const fault of faults) console.error(fault);
if (faults.length) process.exit(1);
console.log(`arrows: ${Object.keys(floors).length} packages, all downward, no circle`);
