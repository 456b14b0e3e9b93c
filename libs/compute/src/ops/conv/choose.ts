/** Which algorithm a layer runs: a pure function of its sizes, by a cost measured on x86 (AVX, 128-bit WASM SIMD). */
import { product, type ConvAlgorithm, type ConvGeometry } from './geometry.ts';

export type ChosenAlgorithm = Exclude<ConvAlgorithm, 'auto'>;
export type ConvTask = 'output' | 'inputGradient' | 'weightGradient';

/** Tiles of outputs: `plane` is F(4×4, 3×3) or F(2×2, 3×3); `depth` 2 or 4 transforms z as well, 1 sums its taps. */
export interface TileSize {
  readonly plane: 2 | 4;
  readonly depth: 1 | 2 | 4;
}

export const TILES: Readonly<Record<Exclude<ChosenAlgorithm, 'direct'>, TileSize>> = {
  F2: { plane: 2, depth: 1 },
  F4: { plane: 4, depth: 1 },
  F2x4x4: { plane: 4, depth: 2 },
  F4x4x4: { plane: 4, depth: 4 },
};

/**
 * Cycles per byte of packed or transformed weights, made, stored and read once per call, and of their gradient's sums, which the direct
 * kernel keeps per block of rows. `joined`: of tiles that transform depth, which are more than the caches hold.
 */
const WEIGHT_CYCLES = { direct: 1.15, plane: 0.72, joined: 1.1 };
const SUM_CYCLES = { direct: 1.9, plane: 1, joined: 1.66 };
/** Cycles per position and channel of a transformed tile, by its slices. */
const TRANSFORM_CYCLES = { 1: 0.9, 2: 1.19, 4: 1.38 } as const;
/** Channels up to which tiles of four stay within a relative rms error of 5e-6 (at these, 4.4e-6, 3.8e-6 and 3.5e-6 were measured). */
export const MOST_CHANNELS: Readonly<Partial<Record<ChosenAlgorithm, number>>> = {
  F4: 1024,
  F2x4x4: 1024,
  F4x4x4: 320,
};
/** Multiply-adds per cycle of the inner loop: two units of four lanes. */
const PRODUCTS_PER_CYCLE = 8;

/** Estimated cycles of one thread for a task. */
export function estimateCycles(g: ConvGeometry, task: ConvTask, algorithm: ChosenAlgorithm): number {
  const padded = (channels: number): number => Math.ceil(channels / 8) * 8;
  const pairs = padded(g.inputs) * padded(g.outputs);
  const perByte = task === 'weightGradient' ? SUM_CYCLES : WEIGHT_CYCLES;
  if (algorithm === 'direct') {
    const taps = product(g.kernel);
    return (g.samples * product(g.output) * pairs * taps) / PRODUCTS_PER_CYCLE + perByte.direct * 4 * taps * pairs;
  }
  const { plane, depth } = TILES[algorithm];
  const size = task === 'inputGradient' ? g.input : g.output;
  const tiles = g.samples * Math.ceil(size[0] / depth) * Math.ceil(size[1] / plane) * Math.ceil(size[2] / plane);
  const positions = (plane + 2) ** 2 * (depth === 1 ? 1 : depth + 2);
  const weights = positions * (depth === 1 ? g.kernel[0] : 1) * pairs;
  return (
    (tiles * weights) / PRODUCTS_PER_CYCLE +
    TRANSFORM_CYCLES[depth] * tiles * positions * (padded(g.inputs) + padded(g.outputs)) +
    (depth > 1 ? perByte.joined : perByte.plane) * 4 * weights
  );
}

/** Whether an algorithm can compute a layer: Winograd's needs 3×3 in the plane (and 3 in depth) and no strides. */
export function algorithmFits(g: ConvGeometry, algorithm: ChosenAlgorithm): boolean {
  if (algorithm === 'direct') return true;
  return (
    g.kernel[1] === 3 &&
    g.kernel[2] === 3 &&
    g.stride.every((s) => s === 1) &&
    (TILES[algorithm].depth === 1 || g.kernel[0] === 3)
  );
}

/**
 * The algorithm for a task: the one asked for, or with `auto` the one of the least estimated cycles. One that does not fit
 * gives way to its nearest that does: F2x4x4 and F4x4x4 to F4, every other to direct.
 */
export function chooseAlgorithm(g: ConvGeometry, task: ConvTask, wanted: ConvAlgorithm): ChosenAlgorithm {
  if (wanted !== 'auto')
    return algorithmFits(g, wanted) ? wanted : wanted !== 'F2' && algorithmFits(g, 'F4') ? 'F4' : 'direct';
  return candidatesFor(g, task)[0]!;
}

/** The algorithms that `auto` may take for a task, in ascending order of estimated cycles. */
export function candidatesFor(g: ConvGeometry, task: ConvTask): readonly ChosenAlgorithm[] {
  const summed = task === 'output' ? g.inputs : task === 'inputGradient' ? g.outputs : 0;
  return (['direct', 'F2', 'F4', 'F2x4x4', 'F4x4x4'] as const)
    .filter((algorithm) => algorithmFits(g, algorithm) && summed <= (MOST_CHANNELS[algorithm] ?? Infinity))
    .map((algorithm) => ({ algorithm, cycles: estimateCycles(g, task, algorithm) }))
    .sort((a, b) => a.cycles - b.cycles)
    .map(({ algorithm }) => algorithm);
}
