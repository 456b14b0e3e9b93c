/** The main job on data in the repository: train on 20 real hippocampi, predict and score 4 others, write a report. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const words = [
  'run',
  'examples/data/hippocampus',
  '--budget',
  '4m',
  '--configurations',
  '3d_fullres',
  '--folds',
  'all',
  '--test',
  'examples/data/hippocampus',
  '--workspace',
  'voxelwise/quickstart',
  ...process.argv.slice(2),
];
console.log(`$ voxelwise ${words.join(' ')}\n`);
const { status } = spawnSync(process.execPath, ['apps/cli/bin/voxelwise.js', ...words], {
  cwd: root,
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
