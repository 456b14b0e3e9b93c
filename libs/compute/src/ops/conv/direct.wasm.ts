/** Lowers convolutions and transposed convolutions of any kernel, stride and padding to `conv_direct`. */
import {
  int,
  pointer,
  scratchPointer,
  type KernelArgument,
  type KernelCall,
  type LoweringContext,
  type ScratchBuffer,
  type WasmView,
} from '../../devices/wasm/kernel.ts';
import { product, type ConvGeometry, type Triple } from './geometry.ts';

/** One product of an image and weights: a convolution, or its transpose (from the output's side back to the input's). */
export interface ConvProduct {
  readonly geometry: ConvGeometry;
  readonly transposed: boolean;
  readonly from: WasmView;
  readonly weight: WasmView;
  readonly bias: WasmView | undefined;
  readonly to: WasmView;
}

/** Input channels up to which a plain image is taken as it is. */
export const FEW_CHANNELS = 4;

/** Bytes of gathered input per piece of work: well inside a core's second-level cache. */
const SLAB_BYTES = 192 * 1024;
/** Pieces of work there should be, for threads to share; a constant, so that results do not depend on the threads. */
const LEAST_PIECES = 16;

export const roundUp = (value: number, multiple: number): number => Math.ceil(value / multiple) * multiple;
export const blocksOf = (channels: number): number => Math.ceil(channels / 8);

/** The counters drawn from, and the bias padded to whole blocks: both set up by the call `begin`. */
export function beginConv(
  context: LoweringContext<unknown>,
  counters: number,
  bias: WasmView | undefined,
  channels: number,
): { counters: ScratchBuffer; bias: ScratchBuffer; call: KernelCall } {
  const counterBuffer = context.scratch(counters * 4);
  const padded = context.scratch(blocksOf(channels) * 32);
  const args = [
    scratchPointer(counterBuffer),
    int(counters),
    bias ? pointer(bias) : int(0),
    int(channels),
    scratchPointer(padded),
  ];
  return { counters: counterBuffer, bias: padded, call: { kernel: 'conv_begin', args } };
}

interface Phase {
  readonly phase: Triple;
  /** z, y, x of each run's first tap, relative to the lowest input offset. */
  readonly runs: readonly Triple[];
  readonly tapsPerRun: number;
  /** Offsets of the taps within a kernel, run by run. */
  readonly taps: readonly number[];
}

interface AxisTap {
  readonly tap: number;
  /** The tap reads the input at q * stride + offset. */
  readonly offset: number;
}

/** Taps per residue of the output position, in ascending order of what they read. */
function axisPhases(g: ConvGeometry, axis: 0 | 1 | 2, transposed: boolean): AxisTap[][] {
  const kernel = g.kernel[axis];
  const padding = g.padding[axis];
  if (!transposed) return [Array.from({ length: kernel }, (_, tap) => ({ tap, offset: tap - padding }))];
  const stride = g.stride[axis];
  return Array.from({ length: stride }, (_, phase) => {
    const taps: AxisTap[] = [];
    for (let tap = kernel - 1; tap >= 0; tap--)
      if ((phase + padding - tap) % stride === 0) taps.push({ tap, offset: (phase + padding - tap) / stride });
    return taps;
  });
}

function phasesOf(g: ConvGeometry, transposed: boolean): { phases: Phase[]; lowest: Triple; span: Triple } {
  const axes = ([0, 1, 2] as const).map((axis) => axisPhases(g, axis, transposed));
  const offsets = axes.map((phases) => phases.flat().map((tap) => tap.offset));
  const lowest = offsets.map((list) => Math.min(...list)) as unknown as Triple;
  const span = offsets.map((list, axis) => Math.max(...list) - lowest[axis]! + 1) as unknown as Triple;
  const phases: Phase[] = [];
  axes[0]!.forEach((zs, pz) =>
    axes[1]!.forEach((ys, py) =>
      axes[2]!.forEach((xs, px) => {
        const runs: Triple[] = [];
        const taps: number[] = [];
        for (const z of zs)
          for (const y of ys) {
            if (xs.length === 0) continue;
            runs.push([z.offset - lowest[0], y.offset - lowest[1], xs[0]!.offset - lowest[2]]);
            for (const x of xs) taps.push((z.tap * g.kernel[1] + y.tap) * g.kernel[2] + x.tap);
          }
        phases.push({ phase: [pz, py, px], runs, tapsPerRun: xs.length, taps });
      }),
    ),
  );
  return { phases, lowest, span };
}

export function lowerDirect(
  context: LoweringContext<unknown>,
  { geometry: g, transposed, from, weight, bias, to }: ConvProduct,
): KernelCall[] {
  const channels = transposed ? g.outputs : g.inputs;
  const outputs = transposed ? g.inputs : g.outputs;
  const blocks = blocksOf(outputs);
  const blocked = from.layout === 'blocked';
  const padded = blocked ? roundUp(channels, 8) : channels;
  const input = transposed ? g.output : g.input;
  const output = transposed ? g.input : g.output;
  const ones: Triple = [1, 1, 1];
  const stride = transposed ? ones : g.stride;
  const step = transposed ? g.stride : ones;
  const { phases, lowest, span } = phasesOf(g, transposed);
  const counts = output.map((n, axis) => Math.ceil(n / step[axis]!)) as unknown as Triple;

  const slabBytes = (z: number, y: number): number =>
    ((z - 1) * stride[0] + span[0]) *
    ((y - 1) * stride[1] + span[1]) *
    ((counts[2] - 1) * stride[2] + span[2]) *
    padded *
    4;
  let [boxZ, boxY] = counts;
  let group = blocks;
  const pieces = (): number =>
    g.samples * Math.ceil(counts[0] / boxZ) * Math.ceil(counts[1] / boxY) * Math.ceil(blocks / group);
  const halve = (): void => {
    if (boxZ > 1 && (boxZ >= boxY / 4 || boxY === 1)) boxZ = Math.ceil(boxZ / 2);
    else boxY = Math.ceil(boxY / 2);
  };
  while (slabBytes(boxZ, boxY) > SLAB_BYTES && boxZ * boxY > 1) halve();
  while (pieces() < LEAST_PIECES && boxZ * boxY > 1 && boxZ * boxY * counts[2] >= 128) halve();
  while (pieces() < LEAST_PIECES && group > 4) group = Math.ceil(group / 2);

  const mostRuns = Math.max(...phases.map((phase) => phase.runs.length));
  const mostTaps = Math.max(...phases.map((phase) => phase.taps.length));
  const gather = padded * Math.max(...phases.map((phase) => phase.tapsPerRun)) < 16 && mostRuns > 1;
  const voxels = boxZ * boxY * counts[2];
  const tables = roundUp(slabBytes(boxZ, boxY), 64);
  const columns = tables + roundUp(mostRuns * 4 + voxels * 8, 64);
  const perThread = columns + (gather ? roundUp(voxels * mostTaps * padded * 4, 64) : 0) + 64;
  const scratch = context.scratch(perThread * context.threads);
  const packed = context.constant(product(g.kernel) * blocks * padded * 32, weight);
  const begin = beginConv(context, 1, bias, outputs);
  const taps = product(g.kernel);
  const calls: KernelCall[] = [begin.call];
  const table: KernelArgument[] = [];
  let before = 0;
  for (const { phase, runs, tapsPerRun, taps: offsets } of phases) {
    if (offsets.length > 0) {
      const strides = transposed ? [taps, g.inputs * taps] : [g.inputs * taps, taps];
      const args = [
        pointer(weight),
        scratchPointer(packed, before * blocks * padded * 32),
        int(outputs),
        int(channels),
        int(padded),
        ...strides.map(int),
        int(offsets.length),
        { words: offsets.map(int) },
      ];
      calls.push({ kernel: 'conv_pack', args, makes: packed });
    }
    table.push(...phase.map(int), int(runs.length), int(tapsPerRun), int(before), {
      words: runs.length > 0 ? runs.flat().map(int) : [int(0)],
    });
    before += offsets.length;
  }
  const sizes = [
    blocked ? 1 : 0,
    g.samples,
    channels,
    padded,
    ...input,
    ...output,
    blocks,
    ...stride,
    ...step,
    ...lowest,
    ...span,
    boxZ,
    boxY,
    group,
    taps,
    phases.length,
  ];
  const moments = transposed ? undefined : context.leaveMoments(to, output[0] * output[1]);
  calls.push({
    kernel: 'conv_direct',
    args: [
      ...[
        pointer(from),
        scratchPointer(packed),
        scratchPointer(begin.bias),
        pointer(to),
        scratchPointer(scratch),
        int(perThread),
        scratchPointer(begin.counters),
      ],
      ...sizes.map(int),
      { words: table },
      ...[tables, gather ? 1 : 0, columns, outputs].map(int),
      moments ? scratchPointer(moments) : int(0),
    ],
  });
  return calls;
}
