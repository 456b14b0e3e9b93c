/** Gradients of a convolution's weight and bias on the WebGPU device: sums over all voxels, cut into parts of fixed order. */
import {
  i32,
  linearGroups,
  tableLength,
  u32,
  type Dispatch,
  type GpuLoweringContext,
  type GpuView,
} from '../../devices/webgpu/kernel.ts';
import type { Variant } from '../../devices/autotune.ts';
import { workgroupSum } from '../../devices/webgpu/workgroup-sum.ts';
import channelSumShader from '../../generated/wgsl/channel-sum.ts';
import partsShader from '../../generated/wgsl/conv-weight-parts.ts';
import gradientShader from '../../generated/wgsl/conv-weight-gradient.ts';
import { sizeOf } from '../../tensor/spec.ts';
import { filled, vector } from './conv.webgpu.ts';
import { product, type ConvGeometry } from './geometry.ts';

interface WeightTile {
  readonly GX: number;
  readonly GY: number;
  readonly TM: number;
  /** Voxels of one step. */
  readonly TILE_K: number;
}

/** Tiles by output channels x columns (taps times input channels) x voxels of a step. */
export const WEIGHT_TILES = {
  '64x64x32': { GX: 16, GY: 8, TM: 8, TILE_K: 32 },
  '64x64x16': { GX: 16, GY: 8, TM: 8, TILE_K: 16 },
  '128x64x16': { GX: 16, GY: 16, TM: 8, TILE_K: 16 },
  '64x128x16': { GX: 32, GY: 8, TM: 8, TILE_K: 16 },
  '32x64x32': { GX: 16, GY: 8, TM: 4, TILE_K: 32 },
  '32x128x16': { GX: 32, GY: 4, TM: 8, TILE_K: 16 },
  '16x64x32': { GX: 16, GY: 4, TM: 4, TILE_K: 32 },
  '16x128x16': { GX: 32, GY: 4, TM: 4, TILE_K: 16 },
} as const satisfies Record<string, WeightTile>;

export type WeightTileName = keyof typeof WEIGHT_TILES;

/** What a variant of a weight gradient adds to its options. */
export interface WeightTileChoice {
  readonly tile?: WeightTileName;
}

function weightTileFor(outputs: number): WeightTileName {
  if (outputs > 32) return '64x64x32';
  return outputs > 8 ? '32x64x32' : '16x64x32';
}

/** None where a tile is given; else the one that is taken without a table, then those that do not leave more than half of their channels idle. */
export function weightTileVariants(outputs: number, options: object): Variant[] {
  if ('tile' in options) return [];
  const usual = weightTileFor(outputs);
  const rest = (Object.keys(WEIGHT_TILES) as WeightTileName[]).filter((name) => {
    const channels = WEIGHT_TILES[name].GY * WEIGHT_TILES[name].TM;
    return name !== usual && (channels <= 2 * outputs || channels === 16) && channels * 4 >= Math.min(outputs, 64);
  });
  return [usual, ...rest].map((tile) => ({ name: tile, options: { ...options, tile } }));
}

/** Voxels of one step where an adapter has only the guaranteed 16 KiB of workgroup memory. */
const SHORT_STEP = 16;

/** Both operands of a step, their rows one vec4 longer than they need be. */
function stepBytes({ GX, GY, TM, TILE_K }: WeightTile): number {
  return TILE_K * ((GY * TM) / 4 + 1 + GX + 1) * 16;
}

const ENOUGH_GROUPS = 512;
/** Steps of the shortest part. */
const LEAST_STEPS = 4;
/** Elements of one chunk in channel-sum.wgsl. */
const CHUNK = 4096;

/** dw [outputs][inputs][tap] of a convolution from x to dy. */
export function lowerGpuWeightGradient(
  context: GpuLoweringContext<unknown>,
  g: ConvGeometry,
  x: GpuView,
  dy: GpuView,
  dw: GpuView,
): Dispatch[] {
  const wanted: WeightTile = WEIGHT_TILES[(context.options as WeightTileChoice).tile ?? weightTileFor(g.outputs)];
  const isTooLarge = stepBytes(wanted) > context.limits.maxComputeWorkgroupStorageSize;
  const tile = isTooLarge ? { ...wanted, TILE_K: SHORT_STEP } : wanted;
  const { TILE_K } = tile;
  const taps: [number, number, number][] = [];
  for (let kz = 0; kz < g.kernel[0]; kz++)
    for (let ky = 0; ky < g.kernel[1]; ky++)
      for (let kx = 0; kx < g.kernel[2]; kx++) taps.push([kz - g.padding[0], ky - g.padding[1], kx - g.padding[2]]);
  const columns = taps.length * Math.ceil(g.inputs / 4) * 4;
  const tilesX = Math.ceil(columns / (tile.GX * 4));
  const tilesY = Math.ceil(g.outputs / (tile.GY * tile.TM));
  const voxels = g.samples * product(g.output);
  const steps = Math.ceil(voxels / TILE_K);
  const wantedParts = Math.max(
    1,
    Math.min(Math.floor(ENOUGH_GROUPS / (tilesX * tilesY)), Math.floor(steps / LEAST_STEPS)),
  );
  const partVoxels = Math.ceil(steps / wantedParts) * TILE_K;
  const partCount = Math.ceil(voxels / partVoxels);
  const parts = context.scratch(partCount * g.outputs * columns * 4);
  return [
    {
      shader: gradientShader,
      types: { X: x.storage, DY: dy.storage },
      constants: { ...tile, TABLE: tableLength(taps.length) },
      bindings: [x, dy, parts],
      uniforms: [
        ...[g.inputs, g.outputs, g.samples, taps.length, partVoxels, 0, 0, 0].map(u32),
        ...[g.input, g.output, g.stride].flatMap((triple) => vector(triple)),
        ...filled(taps.flatMap((tap) => [...tap.map(i32), i32(0)])),
      ],
      workgroups: [tilesX, tilesY, partCount],
    },
    {
      shader: partsShader,
      bindings: [parts, dw],
      uniforms: [u32(g.inputs), u32(g.outputs), u32(taps.length), u32(partCount)],
      workgroups: linearGroups(g.inputs * g.outputs * taps.length, 64),
    },
  ];
}

/** Sums of dy [N, C, …] per channel -> [C]. */
export function lowerGpuChannelSum(context: GpuLoweringContext<unknown>, dy: GpuView, to: GpuView): Dispatch[] {
  const [samples, channels, ...space] = dy.shape as [number, number, ...number[]];
  const voxels = sizeOf(space);
  const chunks = Math.ceil(voxels / CHUNK);
  const partial = context.scratch(samples * channels * chunks * 4);
  const uniforms = [u32(samples), u32(channels), u32(voxels), u32(chunks)];
  const sum = workgroupSum(context.features, 'f32');
  return [
    {
      shader: channelSumShader,
      ...sum,
      entryPoint: 'rows',
      types: { FROM: dy.storage },
      bindings: [dy, partial],
      uniforms,
      workgroups: linearGroups(samples * channels * chunks, 1),
    },
    {
      shader: channelSumShader,
      ...sum,
      entryPoint: 'totals',
      types: { FROM: 'f32' },
      bindings: [partial, to],
      uniforms,
      workgroups: linearGroups(channels, 64),
    },
  ];
}
