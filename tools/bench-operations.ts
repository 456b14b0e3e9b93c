/**
 * Times single operations on the WASM device beside PyTorch (Debian's python3-torch), two threads each, in interleaved rounds; seconds
 * are minima, ratios medians over the rounds.
 *
 *   npx tsx --conditions=@voxelwise/source tools/bench-operations.ts [--rounds 3] [--seconds 0.4] [--only attention,matmul]
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as compute from '@voxelwise/compute';
import { createWasmDevice, scope, sizeOf, sum, tensor, valueAndGradients, type Tensor } from '@voxelwise/compute';

interface Workload {
  readonly name: string;
  readonly kind: string;
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  readonly backward?: boolean;
  /** Multiply-adds, where a rate says something. */
  readonly work?: number;
}

const flag = (name: string, fallback: string): string => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : process.argv[at + 1]!;
};

function attentionOf(
  name: string,
  q: readonly number[],
  bias?: readonly number[],
  mask?: readonly number[],
): Workload[] {
  const shapes = { q, k: q, v: q, ...(bias && { bias }), ...(mask && { mask }) };
  const work = 2 * sizeOf(q) * q.at(-2)!;
  return [
    { name: `attention, ${name}`, kind: 'attention', shapes, work },
    { name: `attention and gradients, ${name}`, kind: 'attention', shapes, backward: true, work: 3.5 * work },
  ];
}

function matmulOf(name: string, a: readonly number[], b: readonly number[], backward = false): Workload {
  const work = sizeOf(a) * b.at(-1)! * (backward ? 3 : 1);
  return {
    name: `matmul${backward ? ' and gradients' : ''}, ${name}`,
    kind: 'matmul',
    shapes: { a, b },
    backward,
    work,
  };
}

const PARAMETERS = Object.fromEntries(
  Array.from({ length: 40 }, (_, k) => [`p${k}`, k % 2 === 0 ? [320, 320, 3] : [64]]),
);
const VOXELS = [2, 32, 64, 64, 32];
const pointwise = ['add', 'leakyRelu', 'exp', 'log', 'sigmoid', 'tanh', 'gelu', 'power'].flatMap((kind): Workload[] => {
  const shapes: Record<string, readonly number[]> = kind === 'add' ? { a: VOXELS, b: VOXELS } : { x: VOXELS };
  return [{ name: `${kind}, 8.4 M`, kind, shapes }];
});

const all: readonly Workload[] = [
  ...attentionOf('windows of 343, 3 heads of 16', [64, 3, 343, 16], [3, 343, 343], [64, 1, 343, 343]),
  ...attentionOf('216 tokens, 12 heads of 64', [2, 12, 216, 64]),
  ...attentionOf('2048 tokens, 4 heads of 32', [1, 4, 2048, 32]),
  matmulOf('2048 x 768 x 768', [2048, 768], [768, 768]),
  matmulOf('2048 x 768 x 768', [2048, 768], [768, 768], true),
  matmulOf('512 x 512 x 512', [512, 512], [512, 512]),
  matmulOf('20000 x 48 x 192', [20000, 48], [48, 192]),
  matmulOf('96 of 216 x 64 x 216', [96, 216, 64], [96, 64, 216]),
  { name: 'layerNorm, 40000 of 48', kind: 'layerNorm', shapes: { x: [40000, 48], scale: [48], shift: [48] } },
  {
    name: 'layerNorm and gradients, 40000 of 48',
    kind: 'layerNorm',
    shapes: { x: [40000, 48], scale: [48], shift: [48] },
    backward: true,
  },
  { name: 'softmax, 6000 of 343', kind: 'softmax', shapes: { x: [6000, 343] } },
  ...pointwise,
  { name: 'gelu and gradient, 8.4 M', kind: 'gelu', shapes: { x: VOXELS }, backward: true },
  { name: 'sgd, 40 tensors, 6 M', kind: 'sgd', shapes: PARAMETERS },
  { name: 'adamw, 40 tensors, 6 M', kind: 'adamw', shapes: PARAMETERS },
];
const only = flag('only', '').split(',').filter(Boolean);
const workloads = only.length === 0 ? all : all.filter(({ kind }) => only.includes(kind));

const device = await createWasmDevice({ threads: 2 });
const drawn = (shape: readonly number[]): Tensor =>
  tensor(
    device,
    Float32Array.from({ length: sizeOf(shape) }, (_, k) => 0.6 + 0.5 * Math.sin(k * 1.7)),
    shape,
  );

/** Extra options where the kind needs them. */
const OPTIONS: Readonly<Record<string, object>> = { softmax: { axis: 1 }, power: { exponent: 1.7 } };

function prepare({ kind, shapes, backward }: Workload): () => Promise<void> {
  const inputs = Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, drawn(shape)]));
  const rate = tensor(device, [1e-3], []);
  const steps = { sgd: compute.sgd, adamw: compute.adamw } as unknown as Record<
    string,
    (inputs: object, options: object) => void
  >;
  if (kind in steps) {
    const tensors = Object.values(inputs).map((weight) => ({
      weight,
      gradient: drawn(weight.shape),
      ...(kind === 'sgd'
        ? { velocity: drawn(weight.shape), rate }
        : { first: drawn(weight.shape), second: drawn(weight.shape), rate, step: tensor(device, [10], []) }),
    }));
    const options = kind === 'sgd' ? { momentum: 0.99, nesterov: true, weightDecay: 3e-5 } : {};
    return async () => {
      for (const each of tensors) steps[kind]!(each, options);
      await device.flush();
    };
  }
  const run = (compute as unknown as Record<string, (inputs: object, options: object) => Tensor>)[kind]!;
  const options = OPTIONS[kind] ?? {};
  const wanted = Object.entries(inputs).filter(([name]) => name !== 'mask');
  return async () => {
    const made = scope((): readonly (Tensor | undefined)[] =>
      backward
        ? valueAndGradients(
            () => sum({ x: run(inputs, options) }),
            wanted.map(([, input]) => input),
          ).gradients
        : [run(inputs, options)],
    );
    await device.flush();
    for (const each of made) each?.dispose();
  };
}

const folder = mkdtempSync(join(tmpdir(), 'operations-'));
const list = join(folder, 'workloads.json');
writeFileSync(list, JSON.stringify(workloads.map((each) => ({ backward: false, ...each }))));
const seconds = Number(flag('seconds', '0.4'));
const rounds = Number(flag('rounds', '3'));
const times = new Map<string, { ours: number[]; theirs: number[] }>(
  workloads.map(({ name }) => [name, { ours: [], theirs: [] }]),
);
for (let round = 0; round < rounds; round++) {
  const peer = JSON.parse(
    execFileSync(
      process.env['PYTHON'] ?? '/usr/bin/python3',
      [fileURLToPath(new URL('peers/torch_operations.py', import.meta.url)), list, String(seconds)],
      { encoding: 'utf8', env: { ...process.env, OMP_NUM_THREADS: '2' } },
    ),
  ) as Record<string, number>;
  for (const workload of workloads) {
    const step = prepare(workload);
    for (let k = 0; k < 3; k++) await step();
    let least = Infinity;
    for (let spent = 0; spent < seconds;) {
      const begun = performance.now();
      await step();
      const took = (performance.now() - begun) / 1000;
      least = Math.min(least, took);
      spent += took;
    }
    const found = times.get(workload.name)!;
    found.ours.push(least);
    found.theirs.push(peer[workload.name]!);
  }
}
rmSync(folder, { recursive: true });

console.log(`${device.name}, ${rounds} rounds`);
for (const { name, work } of workloads) {
  const { ours, theirs } = times.get(name)!;
  const ratios = ours.map((each, k) => theirs[k]! / each).sort((a, b) => a - b);
  const [mine, peer] = [Math.min(...ours), Math.min(...theirs)];
  const rate = (each: number): string =>
    work === undefined ? '' : ` (${((2 * work) / each / 1e9).toFixed(0)} GFLOP/s)`;
  console.log(
    `${name.padEnd(58)} ${(1e3 * mine).toFixed(2)} ms${rate(mine)}   PyTorch ${(1e3 * peer).toFixed(2)} ms${rate(peer)}   ratio ${ratios[ratios.length >> 1]!.toFixed(2)}`,
  );
}
device.dispose();
