/** Lowers weight gradients of 3×3-in-the-plane, stride-1 convolutions to the Winograd kernels. */
import {
  int,
  pointer,
  scratchPointer,
  type KernelCall,
  type LoweringContext,
  type WasmView,
} from '../../devices/wasm/kernel.ts';
import { beginConv, blocksOf } from './direct.wasm.ts';
import type { ConvGeometry } from './geometry.ts';
import type { TileSize } from './choose.ts';
import { boxWithin, oddLines, transformBytes } from './winograd.wasm.ts';

/** Bytes of transformed input and gradient that a thread holds at once: they stay in a core's second-level cache. */
const CHUNK_BYTES = 768 * 1024;
/** Tiles per chunk below which loading and storing the sums costs more than the products; with many channels this outgrows the cache, and pays. */
const LEAST_TILES = 48;
/** Lanes there are at most, and bytes of all lanes' sums; constants, so that sums do not depend on the threads. */
const MOST_LANES = 8;
const LANE_BYTES = 8 * 1024 * 1024;

/** In how many parts threads share the positions of a tile; it changes no sum. */
function partsOfPositions(
  lanes: number,
  threads: number,
  depth: TileSize['depth'],
  side: number,
): { z: number; rows: number } {
  const z = depth > 1 && lanes < 2 * threads ? depth + 2 : 1;
  let rows = 1;
  while (rows < side && (side % rows !== 0 || lanes * z * rows < threads)) rows++;
  return { z, rows };
}

export function lowerWinogradWeightGradient(
  context: LoweringContext<unknown>,
  g: ConvGeometry,
  x: WasmView,
  dy: WasmView,
  dw: WasmView,
  { plane: m, depth: q }: TileSize,
): KernelCall[] {
  const inputBlocks = blocksOf(g.inputs);
  const outputBlocks = blocksOf(g.outputs);
  const side = m + 2;
  const positions = side ** 2;
  const zPositions = q === 1 ? 1 : q + 2;
  const tiles = [Math.ceil(g.output[1] / m), Math.ceil(g.output[2] / m)] as const;
  const depth = Math.ceil(g.output[0] / q);
  // Transformed depth has no taps left.
  const taps = q === 1 ? g.kernel[0] : 1;
  const bytesPerTile = positions * (inputBlocks + outputBlocks) * 32;
  const chunkBytes = Math.max(CHUNK_BYTES, LEAST_TILES * bytesPerTile);
  const { rows, slices } = boxWithin(chunkBytes, bytesPerTile, tiles, depth, taps - 1, taps - 1);
  const perSample = Math.ceil(tiles[0] / rows) * Math.ceil(depth / slices);
  // Small samples share a chunk.
  const sampleBytes = bytesPerTile * tiles[0] * tiles[1] * (depth + taps - 1);
  const group = perSample > 1 ? 1 : Math.max(1, Math.min(g.samples, Math.floor(chunkBytes / sampleBytes)));
  const chunks = Math.ceil(g.samples / group) * perSample;
  const strideSums = oddLines(inputBlocks * outputBlocks * taps * 256);
  const laneBytes = zPositions * positions * strideSums;
  let lanes = MOST_LANES;
  while (lanes > 1 && (lanes > chunks || lanes * laneBytes > LANE_BYTES)) lanes /= 2;
  const parts = partsOfPositions(lanes, context.threads, q, side);

  const perSlice = rows * tiles[1];
  const strideV = oddLines(group * perSlice * (slices + taps - 1) * inputBlocks * 32);
  const strideZ = oddLines(group * perSlice * slices * outputBlocks * 32);
  const offsetV = transformBytes(tiles[1], m, 1);
  const offsetZ = offsetV + positions * strideV;
  // The last kernel stages 8 × 8 channels of every position.
  const perThread = Math.max(offsetZ + positions * strideZ, 288 + zPositions * positions * 256);
  const scratch = scratchPointer(context.scratch(perThread * context.threads));
  const sums = scratchPointer(context.scratch(lanes * laneBytes));
  const begin = beginConv(context, 1, undefined, g.outputs);
  const sizes = [
    offsetV,
    g.samples,
    inputBlocks,
    outputBlocks,
    ...g.input,
    ...g.output,
    ...g.padding,
    taps,
    m,
    rows,
    slices * q,
    lanes,
    parts.z,
    parts.rows,
    zPositions,
    offsetZ,
    strideV,
    strideZ,
    strideSums,
    laneBytes,
    group,
  ];
  return [
    begin.call,
    {
      kernel: 'winograd_weight_sums',
      args: [pointer(x), pointer(dy), sums, scratchPointer(begin.counters), scratch, int(perThread), ...sizes.map(int)],
    },
    {
      kernel: 'winograd_weight_gradient',
      args: [
        sums,
        pointer(dw),
        ...[g.outputs, g.inputs, inputBlocks * 8, g.kernel[0], m, strideSums].map(int),
        scratch,
        ...[perThread, q, lanes, laneBytes].map(int),
      ],
    },
  ];
}
