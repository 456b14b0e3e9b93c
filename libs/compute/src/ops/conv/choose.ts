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

/** Cycles per byte of transformed (or packed) weights: made, stored and read once per call; or of their gradient's sums. */
const WEIGHT_CYCLES = 0.9;
/** The same for the gradient's sums of the direct kernel, kept per block of rows, and of tiles transformed in depth, which are more than the caches hold. */
const SUM_CYCLES = { direct: 2.5, depth: 2.2 };
/** Cycles per position and channel of a transformed tile: in the plane with the slices that depth taps transform again, in all axes. */
const TRANSFORM_CYCLES = { 1: 2.2, 2: 1.25, 4: 1.25 } as const;
/** Channels up to which tiles of 4×4 stay within a relative rms error of 5e-6 (4.5e-6 measured at 256). */
const MOST_CHANNELS = 256;
/** Multiply-adds per cycle of the inner loop: two units of four lanes. */
const PRODUCTS_PER_CYCLE = 8;

const isLarge = (algorithm: ChosenAlgorithm): boolean => algorithm !== 'direct' && TILES[algorithm].plane === 4;

/** Estimated cycles of one thread for a task. */
export function estimateCycles(g: ConvGeometry, task: ConvTask, algorithm: ChosenAlgorithm): number {
  const padded = (channels: number): number => Math.ceil(channels / 8) * 8;
  const pairs = padded(g.inputs) * padded(g.outputs);
  if (algorithm === 'direct') {
    const taps = product(g.kernel);
    const perByte = task === 'weightGradient' ? SUM_CYCLES.direct : WEIGHT_CYCLES;
    return (g.samples * product(g.output) * pairs * taps) / PRODUCTS_PER_CYCLE + perByte * 4 * taps * pairs;
  }
  const { plane, depth } = TILES[algorithm];
  const size = task === 'inputGradient' ? g.input : g.output;
  const tiles = g.samples * Math.ceil(size[0] / depth) * Math.ceil(size[1] / plane) * Math.ceil(size[2] / plane);
  const positions = (plane + 2) ** 2 * (depth === 1 ? 1 : depth + 2);
  const weights = positions * (depth === 1 ? g.kernel[0] : 1) * pairs;
  return (
    (tiles * weights) / PRODUCTS_PER_CYCLE +
    TRANSFORM_CYCLES[depth] * tiles * positions * (padded(g.inputs) + padded(g.outputs)) +
    (task === 'weightGradient' && depth > 1 ? SUM_CYCLES.depth : WEIGHT_CYCLES) * 4 * weights
  );
}

/** Whether an algorithm can compute a layer: Winograd's needs 3×3 in the plane (and 3 in depth) and no strides. */
export function algorithmFits(g: ConvGeometry, algorithm: ChosenAlgorithm): boolean {
  if (algorithm === 'direct') return true;
  return (
    g.kernel[1] === 3 &&
    g.kernel[2] === 3 &&
    g.stride.every((s) => s === 1) &&
    (algorithm === 'direct' || TILES[algorithm].depth === 1 || g.kernel[0] === 3)
  );
}

/**
 * The algorithm for a task: the one asked for, or with `auto` the one of the least estimated cycles. One that does not fit
 * gives way to its nearest that does: F2x4x4 and F4x4x4 to F4, every other to direct.
 */
export function chooseAlgorithm(g: ConvGeometry, task: ConvTask, wanted: ConvAlgorithm): ChosenAlgorithm {
  if (wanted !== 'auto')
    return algorithmFits(g, wanted) ? wanted : isLarge(wanted) && algorithmFits(g, 'F4') ? 'F4' : 'direct';
  return candidatesFor(g, task)[0]!;
}

/** The algorithms that `auto` may take for a task, in ascending order of estimated cycles. */
export function candidatesFor(g: ConvGeometry, task: ConvTask): readonly ChosenAlgorithm[] {
  const summed = task === 'output' ? g.inputs : task === 'inputGradient' ? g.outputs : 0;
  return (['direct', 'F2', 'F4', 'F2x4x4', 'F4x4x4'] as const)
    .filter((algorithm) => algorithmFits(g, algorithm) && (summed <= MOST_CHANNELS || !isLarge(algorithm)))
    .map((algorithm) => ({ algorithm, cycles: estimateCycles(g, task, algorithm) }))
    .sort((a, b) => a.cycles - b.cycles)
    .map(({ algorithm }) => algorithm);
}
