/**
 * The GPU bench that travels: conformance of every WebGPU kernel on this machine's adapter, then workloads A to C with
 * f32 and f16 activations, beside PyTorch where Python has it. Prints one table; `--json FILE` keeps the numbers.
 *
 *   node bench.js [--tiny] [--budget SECONDS] [--only A,B,C] [--no-conformance] [--no-torch] [--json FILE]
 *                 [--profile] [--unchecked] [--autotune] [--minutes MINUTES]
 *
 * It ends within `--minutes` (default 9) whatever happens: tests that there is no time for are counted, and the table holds what
 * was measured by then. Exits with 0, 1 if a test failed, 2 without an adapter, 3 where the time was up.
 * `--profile` names the operations that take the GPU's time; `--unchecked` leaves out Dawn's bounds checks, as no browser does;
 * `--autotune` times the tiles of convolutions first, and prints what it chose.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createWebGpuDevice, tensorCoresAvailable, type WebGpuDevice, type WebGpuOptions } from '@voxelwise/compute';
import { createNodeGpu } from '@voxelwise/compute/node';
import { gpuOps, testGpuOp } from '../../libs/compute/src/testing/gpu-conformance.ts';
import { runRegistered, type Report } from './test-runner.ts';
import { FULL, layer, TINY, unet, type Sizes } from './workloads.ts';

const { values: given } = parseArgs({
  options: {
    tiny: { type: 'boolean', default: false },
    budget: { type: 'string', default: '3' },
    only: { type: 'string', default: 'A,B,C' },
    'no-conformance': { type: 'boolean', default: false },
    'no-torch': { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
    unchecked: { type: 'boolean', default: false },
    autotune: { type: 'boolean', default: false },
    minutes: { type: 'string', default: '9' },
    json: { type: 'string' },
  },
});
const sizes: Sizes = given.tiny ? TINY : FULL;
const only = given.only.split(',');
const budget = Number(given.budget) * 1000;
const limit = Number(given.minutes) * 60_000;
const begun = performance.now();
/** Of the time, for the tests of all columns together: the rest is for measuring, here and with PyTorch. */
const TESTING_SHARE = 0.4;
/** Of activations stored as halves; nnU-Net's own scaler starts at 65536 and ends near this. */
const LOSS_SCALE = 1024;

type Own = 'f32' | 'f16' | 'f16 matrices';
type Column = Own | 'torch fp32' | 'torch TF32' | 'torch AMP';
const seconds: Record<string, Partial<Record<Column, number>>> = {};
const notes: string[] = [];
const say = (line: string): void => void process.stdout.write(`${line}\n`);

function put(row: string, column: Column, value: number): void {
  (seconds[row] ??= {})[column] = value;
}

/** Best of the repeats that fit the budget, after warming up. */
async function best(body: () => Promise<unknown>): Promise<number> {
  for (let warm = 0; warm < (given.tiny ? 1 : 3); warm++) await body();
  let least = Infinity;
  const end = performance.now() + budget;
  for (let k = 0; k < 3 || (performance.now() < end && k < 200); k++) {
    const begun = performance.now();
    await body();
    least = Math.min(least, (performance.now() - begun) / 1000);
  }
  return least;
}

async function conformance(open: () => Promise<WebGpuDevice>, column: Column, share: number): Promise<Report> {
  let device: Promise<WebGpuDevice> | undefined;
  for (const op of gpuOps)
    testGpuOp(op, {
      open: () => (device ??= open()),
      ...(given.tiny ? { fewCases: 1 } : {}),
      ...(column !== 'f32' ? { half: true } : {}),
    });
  const report = await runRegistered(performance.now() + share * TESTING_SHARE * limit);
  say(
    `conformance ${column}: ${report.passed} passed, ${report.failures.length} failed, ${report.left} left for want of time`,
  );
  for (const failure of report.failures.slice(0, 20)) say(`  ${failure}`);
  await device?.then(
    (made) => made.dispose(),
    () => undefined,
  );
  return report;
}

async function workloads(device: WebGpuDevice, column: Own): Promise<void> {
  for (const name of ['A', 'C'] as const) {
    if (!only.includes(name)) continue;
    try {
      const work = unet(device, sizes[name], column === 'f32' ? 1 : LOSS_SCALE);
      put(`${name} forward`, column, await best(work.forward));
      const first = await work.step();
      put(`${name} step`, column, await best(work.step));
      const last = await work.step();
      notes.push(
        `${name} ${column}: loss ${first.toFixed(4)} -> ${last.toFixed(4)}, peak memory ${(device.memory().peakBytes / 2 ** 20).toFixed(0)} MiB`,
      );
      if (!Number.isFinite(last)) notes.push(`${name} ${column}: the loss is not finite`);
      work.dispose();
    } catch (error) {
      notes.push(`${name} ${column}: ${(error as Error).message}`);
    }
  }
  if (!only.includes('B')) return;
  for (const [channels, edge] of sizes.B) {
    const row = `B c${channels} s${edge}`;
    try {
      const work = layer(device, channels, edge);
      put(`${row} forward`, column, await best(work.forward));
      put(`${row} input gradient`, column, await best(work.inputGradient));
      put(`${row} weight gradient`, column, await best(work.weightGradient));
      work.dispose();
    } catch (error) {
      notes.push(`${row} ${column}: ${(error as Error).message}`);
    }
  }
}

/** PyTorch's times on this machine's GPU, or nothing. */
function torch(): void {
  const script = join(dirname(fileURLToPath(import.meta.url)), 'torch_gpu.py');
  const python = process.env['PYTHON'] ?? 'python3';
  const { status, stdout, stderr, error } = spawnSync(
    python,
    [script, JSON.stringify({ sizes, only, budget: budget / 1000 })],
    {
      encoding: 'utf8',
      maxBuffer: 1 << 26,
      timeout: Math.round(Math.max(1000, limit - (performance.now() - begun) - 10_000)),
    },
  );
  if (status !== 0 || error) {
    const why =
      (error as NodeJS.ErrnoException | undefined)?.code === 'ETIMEDOUT' ? 'no time was left' : error?.message;
    notes.push(`PyTorch left out: ${why ?? stderr.trim().split('\n').at(-1)}`);
    return;
  }
  const { device, times } = JSON.parse(stdout.trim().split('\n').at(-1)!) as {
    device: string;
    times: Record<string, Partial<Record<Column, number>>>;
  };
  notes.push(`PyTorch on ${device}`);
  for (const [row, columns] of Object.entries(times))
    for (const [column, value] of Object.entries(columns)) put(row, column as Column, value);
}

function table(): void {
  const columns: Column[] = ['f32', 'f16', 'f16 matrices', 'torch fp32', 'torch TF32', 'torch AMP'];
  const cell = (value: number | undefined): string => (value === undefined ? '-' : (value * 1000).toFixed(3));
  const ratio = (peer: number | undefined, own: number | undefined): string =>
    peer === undefined || own === undefined ? '-' : (peer / own).toFixed(2);
  say('');
  say(`| milliseconds | ${columns.join(' | ')} | torch fp32 / f32 | torch AMP / best f16 |`);
  say(`|---|${columns.map(() => '---:|').join('')}---:|---:|`);
  for (const [row, times] of Object.entries(seconds))
    say(
      `| ${row} | ${columns.map((column) => cell(times[column])).join(' | ')} | ${ratio(times['torch fp32'], times.f32)} | ${ratio(times['torch AMP'], times['f16 matrices'] ?? times.f16)} |`,
    );
  say('');
  for (const note of notes) say(note);
}

// Software adapters unroll what this extension does; see gpu-for-tests.ts.
const gpu = await createNodeGpu({
  enable: given.unchecked ? ['disable_robustness'] : [],
  disable: [
    ...(given.tiny ? ['use_vulkan_zero_initialize_workgroup_memory_extension'] : []),
    ...(given.profile ? ['timestamp_quantization'] : []),
  ],
});
const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
if (adapter === null) {
  say(
    'No WebGPU adapter: no Vulkan driver was found. On NVIDIA machines set VK_DRIVER_FILES to the driver’s nvidia_icd.json.',
  );
  process.exit(2);
}
const open =
  (options: WebGpuOptions = {}) =>
  (): Promise<WebGpuDevice> =>
    createWebGpuDevice({ gpu, ...options });
const { vendor, architecture, description } = adapter.info;
const hasHalves = adapter.features.has('shader-f16');
say(
  `adapter: ${vendor} ${architecture} (${description}); shader-f16 ${hasHalves}, subgroups ${adapter.features.has('subgroups')}, subgroup-matrix ${adapter.features.has('chromium-experimental-subgroup-matrix' as GPUFeatureName)}`,
);
const reports: Record<string, Report> = {};
const hasMatrices = hasHalves && tensorCoresAvailable(adapter.features, adapter.info);
const columns: [Own, WebGpuOptions][] = [['f32', {}]];
if (hasHalves) columns.push(['f16', { halfActivations: true }]);
if (hasMatrices) columns.push(['f16 matrices', { halfActivations: true, tensorCores: true }]);
else notes.push('f16 matrices left out: the adapter has no square subgroup matrices of 8 or 16, f16 into f32');
if (!hasHalves) notes.push('f16 left out: the adapter has no shader-f16');

function finish(code: number): never {
  table();
  if (given.json !== undefined)
    writeFileSync(
      given.json,
      JSON.stringify(
        {
          adapter: { vendor, architecture, description, features: [...adapter!.features] },
          conformance: reports,
          seconds,
          notes,
        },
        null,
        1,
      ),
    );
  process.exit(code);
}

// What never answers, a GPU that hangs among them, must not take the numbers along that are there.
setTimeout(() => {
  notes.push(`Time was up after ${given.minutes} minutes: what is missing was not measured.`);
  finish(3);
}, limit);

async function measure(column: Own, options: WebGpuOptions): Promise<void> {
  if (!given['no-conformance']) reports[column] = await conformance(open(options), column, 1 / columns.length);
  const tiles: Record<string, string> = {};
  const device = await open({ ...options, profile: given.profile, ...(given.autotune ? { autotune: tiles } : {}) })();
  await workloads(device, column);
  for (const [key, tile] of Object.entries(tiles)) notes.push(`tile ${tile}: ${key}`);
  if (given.profile) {
    const rows = [...device.profile].sort((a, b) => b[1] - a[1]).slice(0, 12);
    notes.push(
      `${column} milliseconds on the GPU, all runs: ${rows.map(([name, ms]) => `${name} ${ms.toFixed(1)}`).join(', ')}`,
    );
  }
  device.dispose();
}

for (const [column, options] of columns)
  await measure(column, options).catch((error: unknown) => notes.push(`${column}: ${(error as Error).message}`));
if (!given['no-torch']) torch();
finish(Object.values(reports).some(({ failures }) => failures.length > 0) ? 1 : 0);
