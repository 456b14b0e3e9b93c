/**
 * Times our workloads beside PyTorch, onnxruntime-web and onnxruntime-node in interleaved rounds, and writes the table of
 * ratios into docs/benchmarks.md (between its markers). C takes minutes a round: PyTorch and two threads only.
 *
 *   npm run bench:peers -- [--rounds 5] [--seconds 2] [--only A,B] [--print]
 *
 * Needs Debian's python3-torch; the onnxruntimes are installed into a temporary folder, kept in .tmp/peers.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const flag = (name, fallback) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : process.argv[at + 1];
};
const rounds = Number(flag('rounds', 5));
const seconds = flag('seconds', '2');
const only = flag('only', 'A,B');
const place = join(root, '.tmp/peers');
const models = join(place, 'models');
const python = process.env.PYTHON ?? '/usr/bin/python3';
const environment = { ...process.env, OMP_NUM_THREADS: '2' };
mkdirSync(place, { recursive: true });
if (!existsSync(join(place, 'node_modules/onnxruntime-web'))) {
  writeFileSync(join(place, 'package.json'), '{"private":true}');
  execFileSync('npm', ['install', '--no-audit', '--no-fund', 'onnxruntime-node@1.30.0', 'onnxruntime-web@1.30.0'], {
    cwd: place,
    stdio: 'inherit',
    env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' },
  });
}
if (!existsSync(join(models, 'A.onnx')))
  execFileSync(python, [join(root, 'tools/peers/torch_workloads.py'), '--export', models], { stdio: 'ignore' });

const cli = join(root, 'apps/cli/bin/voxelwise.js');
const peers = {
  'PyTorch, 2 threads': [python, [join(root, 'tools/peers/torch_workloads.py'), '--seconds', seconds, '--only', only]],
  ...(only === 'C' ? {} : onnxruntimes()),
  'Voxelwise, 2 threads': [
    process.execPath,
    [cli, 'bench', 'peers-workloads', '--json', '--only', only, '--threads', '2', '--seconds', seconds],
  ],
  ...(only === 'C' ? {} : variants()),
};

function variants() {
  return {
    'Voxelwise, 1 thread': [
      process.execPath,
      [cli, 'bench', 'peers-workloads', '--json', '--only', only, '--threads', '1', '--seconds', seconds],
    ],
    'Voxelwise, no relaxed SIMD, 2 threads': [
      process.execPath,
      [
        cli,
        'bench',
        'peers-workloads',
        '--json',
        '--only',
        only,
        '--threads',
        '2',
        '--deterministic',
        '--seconds',
        seconds,
      ],
    ],
  };
}

function onnxruntimes() {
  return {
    'onnxruntime-web, wasm, 2 threads': [
      process.execPath,
      [join(root, 'tools/peers/onnx-workloads.mjs'), 'web', models, place, '2', seconds],
    ],
    'onnxruntime-node, 2 threads': [
      process.execPath,
      [join(root, 'tools/peers/onnx-workloads.mjs'), 'node', models, place, '2', seconds],
    ],
  };
}

const times = Object.fromEntries(Object.keys(peers).map((name) => [name, []]));
for (let round = 0; round < rounds; round++) {
  for (const [name, [command, args]] of Object.entries(peers)) {
    process.stderr.write(`round ${round + 1} of ${rounds}: ${name}\n`);
    const { stdout, status } = spawnSync(command, args, {
      encoding: 'utf8',
      env: environment,
      maxBuffer: 2 ** 26,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const line = stdout?.slice(stdout.indexOf('{'));
    times[name].push(status === 0 && line ? JSON.parse(line) : undefined);
    if (status !== 0) process.stderr.write(`  no result (exit ${status})\n`);
  }
}

const sizes = ['c32_s64', 'c64_s32', 'c128_s16'];
const figures = {
  A: ['A.fwd', 'A.step'],
  B: sizes.flatMap((size) => ['fwd', 'gradin', 'gradw'].map((pass) => `B.${size}.${pass}`)),
  C: ['C.fwd', 'C.step'],
};
const rows = [...only.split(',').flatMap((name) => figures[name]), 'peakMemoryBytes'];
const pick = (result, path) => {
  const value = path.split('.').reduce((at, key) => at?.[key], result);
  return typeof value === 'number' ? value : value?.min;
};
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
const ours = 'Voxelwise, 2 threads';
const lines = [
  '| workload | ' +
    Object.keys(peers).join(' | ') +
    ' | ratio to PyTorch | to ort-web | to ort-node | 2 threads / 1 | mul+add / PyTorch |',
  '|' + ' --- |'.repeat(Object.keys(peers).length + 6),
];
for (const path of rows) {
  const best = (name) => Math.min(...times[name].map((r) => pick(r, path) ?? Infinity));
  const ratio = (peer, us = ours) => {
    const list = (times[peer] ?? []).map((r, k) => pick(r, path) / pick(times[us]?.[k], path)).filter(Number.isFinite);
    return list.length ? median(list).toFixed(2) : '–';
  };
  const show = (value) =>
    Number.isFinite(value)
      ? path === 'peakMemoryBytes'
        ? `${(value / 2 ** 20).toFixed(0)} MB`
        : `${value.toFixed(3)} s`
      : '–';
  lines.push(
    `| ${path} | ${Object.keys(peers)
      .map((name) => show(best(name)))
      .join(
        ' | ',
      )} | ${ratio('PyTorch, 2 threads')} | ${ratio('onnxruntime-web, wasm, 2 threads')} | ${ratio('onnxruntime-node, 2 threads')} | ${ratio('Voxelwise, 1 thread')} | ${ratio('PyTorch, 2 threads', 'Voxelwise, no relaxed SIMD, 2 threads')} |`,
  );
}
const table = `Command: \`npm run bench:peers -- --rounds ${rounds} --seconds ${seconds}${only === 'A,B' ? '' : ` --only ${only}`}\`. Machine: ${cpus()[0].model.trim()}, ${cpus().length} cores, Node ${process.version}; PyTorch ${times['PyTorch, 2 threads'].find(Boolean)?.version ?? '–'}. Times: best of all rounds; ratios: median over rounds of peer / ours, above 1 means ours is faster.\n\n${lines.join('\n')}\n`;
console.log(table);
if (!process.argv.includes('--print')) {
  const page = join(root, 'docs/benchmarks.md');
  const text = readFileSync(page, 'utf8');
  writeFileSync(
    page,
    text.replace(
      only === 'C'
        ? /(<!-- peers-C:begin -->\n)[\s\S]*(<!-- peers-C:end -->)/
        : /(<!-- peers:begin -->\n)[\s\S]*(<!-- peers:end -->)/,
      (_, begin, end) => `${begin}\n${table}\n${end}`,
    ),
  );
}
