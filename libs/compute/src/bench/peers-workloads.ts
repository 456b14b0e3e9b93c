/** The workloads on which Voxelwise is compared with other libraries: times in seconds, as one JSON-ready record. */
import type { Device } from '../devices/device.ts';
import { convInputGradient, convWeightGradient } from '../ops/conv/conv-gradients.ts';
import { conv } from '../ops/conv/conv.ts';
import { Philox } from '../random/philox.ts';
import { tensor, type Tensor } from '../tensor/tensor.ts';
import { unetWorkload } from './workload-unet.ts';

export interface Timing {
  /** Seconds. */
  readonly min: number;
  readonly median: number;
  readonly rounds: number;
}

export interface PeersWorkloads {
  readonly threads: number;
  readonly A?: { readonly fwd: Timing; readonly step: Timing };
  readonly B?: Readonly<Record<string, { readonly fwd: Timing; readonly gradin: Timing; readonly gradw: Timing }>>;
}

export interface PeersWorkloadsOptions {
  readonly what?: readonly ('A' | 'B')[];
  /** Seconds per number, after warming up; at least three rounds are run. */
  readonly budget?: number;
}

/** Workload B: single 3×3×3 convolutions, channels and edge. */
const LAYERS = [
  [32, 64],
  [64, 32],
  [128, 16],
] as const;

async function timed(body: () => Promise<void>, budget: number): Promise<Timing> {
  for (let warm = 0; warm < 3; warm++) await body();
  const times: number[] = [];
  const end = performance.now() + budget * 1000;
  while (times.length < 3 || (performance.now() < end && times.length < 200)) {
    const begun = performance.now();
    await body();
    times.push((performance.now() - begun) / 1000);
  }
  times.sort((a, b) => a - b);
  return { min: times[0]!, median: times[times.length >> 1]!, rounds: times.length };
}

/** Runs the workloads on a device. */
export async function peersWorkloads(device: Device & { readonly threads?: number }, { what = ['A', 'B'], budget = 1 }: PeersWorkloadsOptions = {}): Promise<PeersWorkloads> {
  let B: PeersWorkloads['B'];
  if (what.includes('B')) {
    const table: Record<string, { fwd: Timing; gradin: Timing; gradw: Timing }> = {};
    for (const [channels, edge] of LAYERS) table[`c${channels}_s${edge}`] = await layer(device, channels, edge, budget);
    B = table;
  }
  let A: PeersWorkloads['A'];
  if (what.includes('A')) {
    const unet = unetWorkload(device);
    try {
      A = { fwd: await timed(() => unet.forward(), 4 * budget), step: await timed(() => unet.step(), 4 * budget) };
    } finally {
      unet.dispose();
    }
  }
  return { threads: device.threads ?? 1, ...(A && { A }), ...(B && { B }) };
}

async function layer(device: Device, channels: number, edge: number, budget: number): Promise<{ fwd: Timing; gradin: Timing; gradw: Timing }> {
  const rng = new Philox(2);
  const drawn = (shape: readonly number[]): Tensor => tensor(device, Float32Array.from({ length: shape.reduce((all, n) => all * n, 1) }, () => rng.normal() * 0.05), shape);
  const first = drawn([1, channels, edge, edge, edge]);
  const weight = drawn([channels, channels, 3, 3, 3]);
  // Inside a network the input of a layer is the output of another, in whatever layout the device prefers.
  const x = conv({ x: first, weight }, { padding: 1 });
  const dy = conv({ x, weight }, { padding: 1 });
  await device.flush();
  const size = [edge, edge, edge];
  const run = (make: () => Tensor) => (): Promise<void> => {
    const made = make();
    return device.flush().then(() => made.dispose());
  };
  try {
    return {
      fwd: await timed(run(() => conv({ x, weight }, { padding: 1 })), budget),
      gradin: await timed(run(() => convInputGradient({ dy, weight }, { padding: 1, inputSize: size })), budget),
      gradw: await timed(run(() => convWeightGradient({ x, dy }, { padding: 1, kernel: [3, 3, 3] })), budget),
    };
  } finally {
    for (const made of [first, weight, x, dy]) made.dispose();
  }
}
