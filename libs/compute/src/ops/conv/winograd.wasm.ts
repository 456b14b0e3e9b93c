/** Lowers 3×3-in-the-plane, stride-1 convolutions, their input gradients and weight gradients to the Winograd kernels. */
import { int, pointer, scratchPointer, type KernelCall, type LoweringContext, type WasmView } from '../../devices/wasm/kernel.ts';
import { beginConv, blocksOf, roundUp, type ConvProduct } from './direct.wasm.ts';
import type { ConvGeometry, Triple } from './geometry.ts';

/** Edge of a tile of outputs: F(4×4, 3×3) or F(2×2, 3×3). */
export type TileSize = 2 | 4;

/** Bytes of transformed input per piece of work, and of products per round: together they stay in a core's second-level cache. */
const V_BYTES = 1024 * 1024;
const M_BYTES = 256 * 1024;
/** Pieces of work there should be, for threads to share; a constant, so that results do not depend on the threads. */
const LEAST_PIECES = 8;
/** Bytes of transformed input and gradient that all threads share per chunk of a weight gradient. */
const GRADIENT_BYTES = 8 * 1024 * 1024;
/** As in the kernels: 36 vectors and 36 voxels; then the bias of zero and the offsets of the depth taps. */
const TILE_SCRATCH = 576 + 1152;

/** Whether Winograd can compute it at all. */
export function winogradFits(g: ConvGeometry): boolean {
  return g.kernel[1] === 3 && g.kernel[2] === 3 && g.stride.every((s) => s === 1);
}

/** An odd number of cache lines: positions of a tile do not fall on the same cache set. */
function oddLines(bytes: number): number {
  const lines = Math.ceil(bytes / 64);
  return (lines % 2 === 0 ? lines + 1 : lines) * 64;
}

interface Work {
  readonly rows: number;
  readonly slices: number;
}

/**
 * The box of tile rows and slices whose transformed input, with the slices that depth taps add, stays below `bytes`, that
 * transforms the fewest tiles in all; of equals the smaller, which leaves more pieces to share.
 */
function boxWithin(bytes: number, bytesPerTile: number, tiles: readonly [number, number], depth: number, taps: number): Work {
  let best: Work = { rows: 1, slices: 1 };
  let least = Infinity;
  for (let slices = 1; slices <= depth; slices++) {
    const rows = Math.min(tiles[0], Math.floor(bytes / (bytesPerTile * tiles[1] * (slices + taps - 1))));
    if (rows < 1) break;
    const even = Math.ceil(tiles[0] / Math.ceil(tiles[0] / rows));
    const transformed = depth + Math.ceil(depth / slices) * (taps - 1);
    if (transformed < least) {
      least = transformed;
      best = { rows: even, slices: Math.ceil(depth / Math.ceil(depth / slices)) };
    }
  }
  return best;
}

export function lowerWinograd(context: LoweringContext<unknown>, { geometry: g, transposed, from, weight, bias, to }: ConvProduct, m: TileSize): KernelCall[] {
  const channels = transposed ? g.outputs : g.inputs;
  const outputs = transposed ? g.inputs : g.outputs;
  const input = transposed ? g.output : g.input;
  const output = transposed ? g.input : g.output;
  const padding = transposed ? (g.padding.map((p, axis) => g.kernel[axis]! - 1 - p) as unknown as Triple) : g.padding;
  const taps = g.kernel[0];
  const inputBlocks = blocksOf(channels);
  const outputBlocks = blocksOf(outputs);
  const padded = inputBlocks * 8;
  const positions = (m + 2) ** 2;
  const tiles = [Math.ceil(output[1] / m), Math.ceil(output[2] / m)] as const;

  let { rows, slices } = boxWithin(V_BYTES, positions * padded * 4, tiles, output[0], taps);
  let group = outputBlocks;
  const pieces = (): number => g.samples * Math.ceil(output[0] / slices) * Math.ceil(tiles[0] / rows) * Math.ceil(outputBlocks / group);
  while (pieces() < LEAST_PIECES && rows > 1 && rows * tiles[1] * slices >= 64) rows = Math.ceil(rows / 2);
  while (pieces() < LEAST_PIECES && slices > 1 && rows * tiles[1] * slices >= 64) slices = Math.ceil(slices / 2);
  while (pieces() < LEAST_PIECES && group > 4) group = Math.ceil(group / 2);

  const perSlice = rows * tiles[1];
  const paddedTiles = roundUp(perSlice * slices, 4);
  const round = Math.max(1, Math.min(group, Math.floor(M_BYTES / (positions * paddedTiles * 32))));
  const strideV = oddLines(perSlice * (slices + taps - 1) * padded * 4);
  const strideM = oddLines(paddedTiles * 32 * round);
  const strideU = oddLines(outputBlocks * taps * padded * 32);
  const offsetV = roundUp(TILE_SCRATCH + 32 + taps * 4, 64);
  // The last tile of four may read three tiles too far.
  const offsetM = offsetV + positions * strideV + roundUp(4 * padded * 4, 64);
  const perThread = offsetM + positions * strideM;
  const scratch = context.scratch(perThread * context.threads);
  const transformed = context.scratch(positions * strideU);
  const begin = beginConv(context, 1, bias, outputs);
  const elements = g.kernel[0] * 9;
  const strides = transposed ? [elements, g.inputs * elements] : [g.inputs * elements, elements];
  const sizes = [g.samples, inputBlocks, outputBlocks, ...input, ...output, ...padding, taps, m, rows, slices, group, round, offsetV, offsetM, strideV, strideM, strideU, outputs];
  return [
    begin.call,
    { kernel: 'winograd_weights', args: [pointer(weight), scratchPointer(transformed), ...[outputs, channels, padded, ...strides, transposed ? 1 : 0, taps, m, strideU].map(int)] },
    {
      kernel: 'conv_winograd',
      args: [pointer(from), scratchPointer(transformed), scratchPointer(begin.bias), pointer(to), scratchPointer(scratch), int(perThread), scratchPointer(begin.counters), ...sizes.map(int)],
    },
  ];
}

export function lowerWinogradWeightGradient(context: LoweringContext<unknown>, g: ConvGeometry, x: WasmView, dy: WasmView, dw: WasmView, m: TileSize): KernelCall[] {
  const taps = g.kernel[0];
  const inputBlocks = blocksOf(g.inputs);
  const outputBlocks = blocksOf(g.outputs);
  const positions = (m + 2) ** 2;
  const tiles = [Math.ceil(g.output[1] / m), Math.ceil(g.output[2] / m)] as const;
  const { rows, slices } = boxWithin(GRADIENT_BYTES, positions * (inputBlocks + outputBlocks) * 32, tiles, g.output[0], taps);
  const most = rows * tiles[1];
  const strideV = oddLines(most * (slices + taps - 1) * inputBlocks * 32);
  const strideZ = oddLines(most * slices * outputBlocks * 32);
  const strideSums = oddLines(inputBlocks * outputBlocks * taps * 256);
  const v = scratchPointer(context.scratch(positions * strideV));
  const z = scratchPointer(context.scratch(positions * strideZ));
  const sums = scratchPointer(context.scratch(positions * strideSums));
  const perThread = roundUp(TILE_SCRATCH, 64);
  const scratch = scratchPointer(context.scratch(perThread * context.threads));

  const chunks: { sample: number; z0: number; depth: number; row0: number; height: number }[] = [];
  for (let sample = 0; sample < g.samples; sample++)
    for (let row0 = 0; row0 < tiles[0]; row0 += rows)
      for (let z0 = 0; z0 < g.output[0]; z0 += slices) chunks.push({ sample, z0, depth: Math.min(slices, g.output[0] - z0), row0, height: Math.min(rows, tiles[0] - row0) });
  const begin = beginConv(context, 2 * chunks.length, undefined, g.outputs);
  const calls: KernelCall[] = [begin.call];
  chunks.forEach(({ sample, z0, depth, row0, height }, k) => {
    const sizes = [g.samples, inputBlocks, outputBlocks, ...g.input, ...g.output, ...g.padding, taps, m, sample, z0, depth, row0, height];
    calls.push({
      kernel: 'winograd_gradient_tiles',
      args: [pointer(x), pointer(dy), z, scratchPointer(begin.counters, 8 * k), scratch, int(perThread), v, ...sizes.map(int), int(0), int(strideV), int(strideZ)],
    });
    const counts = [positions, inputBlocks, outputBlocks, taps, height * tiles[1], depth, strideV, strideZ, strideSums, k > 0 ? 1 : 0];
    calls.push({ kernel: 'winograd_gradient_sums', args: [v, z, sums, scratchPointer(begin.counters, 8 * k + 4), ...counts.map(int)] });
  });
  calls.push({ kernel: 'winograd_weight_gradient', args: [sums, pointer(dw), ...[g.outputs, g.inputs, inputBlocks * 8, taps, m, strideSums].map(int), scratch] });
  return calls;
}
