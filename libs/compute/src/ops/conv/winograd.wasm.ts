/** Lowers 3×3-in-the-plane, stride-1 convolutions and their input gradients to the Winograd kernels. */
import {
  float,
  int,
  pointer,
  scratchPointer,
  type KernelCall,
  type LoweringContext,
} from '../../devices/wasm/kernel.ts';
import { beginConv, blocksOf, roundUp, type ConvProduct } from './direct.wasm.ts';
import type { Triple } from './geometry.ts';
import type { TileSize } from './choose.ts';

/** Bytes of transformed input per piece of work, and of products per round: together they stay in a core's second-level cache. */
const V_BYTES = 576 * 1024;
const M_BYTES = 384 * 1024;
/** Tiles per piece below which its weights stream too often; with many channels this outgrows the cache, and pays. */
const LEAST_TILES = 24;
/** Pieces of work there should be, for threads to share; a constant, so that results do not depend on the threads. */
const LEAST_PIECES = 8;

/** Tiles of a strip times z-positions: as in the kernels. */
const STRIP_TILES = 30;

/** What a thread's transforms need: see WINOGRAD_ZEROS in the kernels, then a voxel of zeros and a strip of so many z-positions. */
export function transformBytes(tilesX: number, m: number, zPositions: number): number {
  const tiles = Math.min(tilesX, Math.floor(STRIP_TILES / zPositions));
  return roundUp(576 + 2304 + 64 + zPositions * (m + 2) * (tiles * m + 2) * 32, 64);
}

/** An odd number of cache lines: positions of a tile do not fall on the same cache set. */
export function oddLines(bytes: number): number {
  const lines = Math.ceil(bytes / 64);
  return (lines % 2 === 0 ? lines + 1 : lines) * 64;
}

interface Work {
  readonly rows: number;
  readonly slices: number;
}

/**
 * The box of tile rows and slices (or depth tiles) whose transformed input stays below `bytes` and that transforms the
 * fewest tiles in all. `kept`: slices that a box stores on top of its own; `again`: those it transforms on top of its own.
 */
export function boxWithin(
  bytes: number,
  bytesPerTile: number,
  tiles: readonly [number, number],
  depth: number,
  kept: number,
  again: number,
): Work {
  let best: Work = { rows: 1, slices: 1 };
  let least = Infinity;
  for (let slices = 1; slices <= depth; slices++) {
    const rows = Math.min(tiles[0], Math.floor(bytes / (bytesPerTile * tiles[1] * (slices + kept))));
    if (rows < 1) break;
    const transformed = depth + Math.ceil(depth / slices) * again;
    if (transformed < least) {
      least = transformed;
      best = {
        rows: Math.ceil(tiles[0] / Math.ceil(tiles[0] / rows)),
        slices: Math.ceil(depth / Math.ceil(depth / slices)),
      };
    }
  }
  return best;
}

export function lowerWinograd(
  context: LoweringContext<unknown>,
  { geometry: g, transposed, from, weight, bias, to }: ConvProduct,
  { plane: m, depth: q }: TileSize,
): KernelCall[] {
  const channels = transposed ? g.outputs : g.inputs;
  const outputs = transposed ? g.inputs : g.outputs;
  const input = transposed ? g.output : g.input;
  const output = transposed ? g.input : g.output;
  const padding = transposed ? (g.padding.map((p, axis) => g.kernel[axis]! - 1 - p) as unknown as Triple) : g.padding;
  const inputBlocks = blocksOf(channels);
  const outputBlocks = blocksOf(outputs);
  const padded = inputBlocks * 8;
  const zPositions = q === 1 ? 1 : q + 2;
  const positions = (m + 2) ** 2 * zPositions;
  const tiles = [Math.ceil(output[1] / m), Math.ceil(output[2] / m)] as const;
  const depth = Math.ceil(output[0] / q);
  // Transformed depth has no taps left. Taps read slices on both sides; joined slices are read again at the sides of a box.
  const taps = q === 1 ? g.kernel[0] : 1;
  const again = q === 1 ? taps - 1 : 2 / q;

  const bytesPerTile = positions * padded * 4;
  let { rows, slices } = boxWithin(
    Math.max(V_BYTES, LEAST_TILES * bytesPerTile),
    bytesPerTile,
    tiles,
    depth,
    taps - 1,
    again,
  );
  let group = outputBlocks;
  const pieces = (): number =>
    g.samples * Math.ceil(depth / slices) * Math.ceil(tiles[0] / rows) * Math.ceil(outputBlocks / group);
  while (pieces() < LEAST_PIECES && rows > 1 && rows * tiles[1] * slices >= 64) rows = Math.ceil(rows / 2);
  while (pieces() < LEAST_PIECES && slices > 1 && rows * tiles[1] * slices >= 64) slices = Math.ceil(slices / 2);
  while (pieces() < LEAST_PIECES && group > 4) group = Math.ceil(group / 2);

  const perSlice = rows * tiles[1];
  const productBytes = positions * roundUp(perSlice * slices, 4) * 32;
  const round = Math.max(1, Math.min(group, Math.floor(M_BYTES / productBytes)));
  const strideV = oddLines(perSlice * (slices + taps - 1) * padded * 4);
  const strideU = oddLines(outputBlocks * taps * padded * 32);
  const offsetV = transformBytes(tiles[1], m, zPositions);
  // The last four tiles may be read three tiles too far.
  const offsetM = offsetV + positions * strideV + 128;
  // Where x comes with a normalization still to be done, the box that a piece reads of a block goes through it first.
  const deferred = context.deferred(from);
  const boxSlices = Math.min(input[0], q === 1 ? slices + taps - 1 : slices * q + 2);
  const boxBytes = deferred ? boxSlices * Math.min(input[1], rows * m + 2) * input[2] * 32 : 0;
  const perThread = offsetM + Math.max(round * productBytes, boxBytes);
  const scratch = context.scratch(perThread * context.threads);
  const transformed = context.constant(positions * strideU, weight);
  const begin = beginConv(context, 1, bias, outputs);
  const elements = g.kernel[0] * 9;
  const strides = transposed ? [elements, g.inputs * elements] : [g.inputs * elements, elements];
  const moments = context.leaveMoments(to, output[0] * tiles[0]);
  const sizes = [
    g.samples,
    inputBlocks,
    outputBlocks,
    ...input,
    ...output,
    ...padding,
    taps,
    m,
    rows,
    slices * q,
    group,
    round,
    zPositions,
    offsetV,
    offsetM,
    strideV,
    strideU,
    outputs,
  ];
  return [
    begin.call,
    {
      kernel: 'winograd_weights',
      args: [
        pointer(weight),
        scratchPointer(transformed),
        ...[outputs, channels, padded, ...strides, transposed ? 1 : 0, g.kernel[0], m, strideU, q].map(int),
      ],
      makes: transformed,
    },
    {
      kernel: 'conv_winograd',
      args: [
        pointer(deferred?.from ?? from),
        scratchPointer(transformed),
        scratchPointer(begin.bias),
        pointer(to),
        scratchPointer(scratch),
        int(perThread),
        scratchPointer(begin.counters),
        ...sizes.map(int),
        moments ? scratchPointer(moments) : int(0),
        deferred ? scratchPointer(deferred.factors) : int(0),
        float(deferred?.slope ?? 1),
      ],
    },
  ];
}
