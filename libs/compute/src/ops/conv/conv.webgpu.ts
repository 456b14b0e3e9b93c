/** Convolution on the WebGPU device: one gathering matrix product serves forward, input gradient and transposed convolution. */
import {
  i32,
  linearGroups,
  tableLength,
  u32,
  type Dispatch,
  type GpuLoweringContext,
  type GpuScratch,
  type GpuView,
  type GpuWord,
} from '../../devices/webgpu/kernel.ts';
import { MATRIX_TILE, MATRIX_TILE_K } from '../../devices/webgpu/tensor-cores.ts';
import matrixShader from '../../generated/wgsl/conv-product-matrix.ts';
import packShader from '../../generated/wgsl/conv-pack.ts';
import partsShader from '../../generated/wgsl/conv-parts.ts';
import productShader from '../../generated/wgsl/conv-product.ts';
import type { Variant } from '../../devices/autotune.ts';
import { sizeOf } from '../../tensor/spec.ts';
import { product, type ConvGeometry, type Triple } from './geometry.ts';

/** A product to lower. `transposed` runs the convolution backwards: from its outputs to its inputs. */
export interface GpuProduct {
  readonly geometry: ConvGeometry;
  readonly transposed: boolean;
  readonly from: GpuView;
  readonly weight: GpuView;
  readonly bias: GpuView | undefined;
  readonly to: GpuView;
}

interface Tile {
  readonly GX: number;
  readonly GY: number;
  readonly TM: number;
  readonly TN: number;
  readonly TILE_K: number;
}

/** Workgroups that keep a large GPU busy; fewer tiles than this are cut along the sum. */
const ENOUGH_GROUPS = 256;
/** Shortest part of a cut sum, in steps of the tile. */
const LEAST_STEPS = 8;
const MAX_GROUPS = 65535;

/**
 * Tiles by channels x voxels x rows of a step. The invocations along the channels fetch the columns in whole turns, so GY is
 * a multiple of TN / 4.
 */
export const TILES = {
  '64x128x8': { GX: 16, GY: 8, TM: 8, TN: 8, TILE_K: 8 },
  '64x128x16': { GX: 16, GY: 8, TM: 8, TN: 8, TILE_K: 16 },
  '64x64x8': { GX: 16, GY: 16, TM: 4, TN: 4, TILE_K: 8 },
  '64x64x16': { GX: 16, GY: 8, TM: 8, TN: 4, TILE_K: 16 },
  '32x256x8': { GX: 32, GY: 4, TM: 8, TN: 8, TILE_K: 8 },
  '32x128x8': { GX: 32, GY: 8, TM: 4, TN: 4, TILE_K: 8 },
  '32x64x16': { GX: 16, GY: 8, TM: 4, TN: 4, TILE_K: 16 },
  '16x128x8': { GX: 32, GY: 4, TM: 4, TN: 4, TILE_K: 8 },
  '4x256x8': { GX: 64, GY: 1, TM: 4, TN: 4, TILE_K: 8 },
} as const satisfies Record<string, Tile>;

export type TileName = keyof typeof TILES;

/** What a variant of a convolution adds to its options. */
export interface TileChoice {
  readonly tile?: TileName;
}

/** By number of output channels: as many channels as there are, the rest of the invocations along the voxels. */
function tileFor(channels: number): TileName {
  if (channels > 32) return '64x128x8';
  if (channels > 16) return '32x256x8';
  return channels > 4 ? '16x128x8' : '4x256x8';
}

/**
 * None where a tile is given; else the one that is taken without a table, then all others that do not leave more than
 * half of their channels idle.
 */
export function tileVariants(targets: number, options: object): Variant[] {
  if ('tile' in options) return [];
  const usual = tileFor(targets);
  const rest = (Object.keys(TILES) as TileName[]).filter((name) => {
    const channels = TILES[name].GY * TILES[name].TM;
    return name !== usual && (channels <= 2 * targets || channels === 4) && channels * 8 >= Math.min(targets, 64);
  });
  return [usual, ...rest].map((tile) => ({ name: tile, options: { ...options, tile } }));
}

/** Positions that share their taps: destination = position * step + offset. */
interface Phase {
  readonly size: Triple;
  readonly offset: Triple;
  /** Shift of the source and index in the kernel, per tap. */
  readonly taps: readonly { readonly shift: Triple; readonly index: number }[];
}

function phasesOf(g: ConvGeometry, transposed: boolean): Phase[] {
  if (!transposed)
    return [{ size: g.output, offset: [0, 0, 0], taps: tapsWhere(g, (tap, axis) => tap - g.padding[axis]!) }];
  const phases: Phase[] = [];
  for (let z = 0; z < g.stride[0]; z++)
    for (let y = 0; y < g.stride[1]; y++)
      for (let x = 0; x < g.stride[2]; x++) {
        const offset: Triple = [z, y, x];
        const size = offset.map((o, axis) => Math.ceil((g.input[axis]! - o) / g.stride[axis]!)) as unknown as Triple;
        if (size.some((n) => n < 1)) continue;
        // Output voxel o takes input voxel i through tap t where o * stride = i + padding - t.
        const taps = tapsWhere(g, (tap, axis) => {
          const ahead = offset[axis]! + g.padding[axis]! - tap;
          return ahead % g.stride[axis]! === 0 ? ahead / g.stride[axis]! : undefined;
        });
        phases.push({ size, offset, taps });
      }
  return phases;
}

function tapsWhere(g: ConvGeometry, shift: (tap: number, axis: number) => number | undefined): Phase['taps'] {
  const taps: { shift: Triple; index: number }[] = [];
  for (let z = 0; z < g.kernel[0]; z++)
    for (let y = 0; y < g.kernel[1]; y++)
      for (let x = 0; x < g.kernel[2]; x++) {
        const shifts = [shift(z, 0), shift(y, 1), shift(x, 2)];
        if (shifts.every((s) => s !== undefined))
          taps.push({ shift: shifts as unknown as Triple, index: (z * g.kernel[1] + y) * g.kernel[2] + x });
      }
  return taps;
}

export function lowerGpuProduct(
  context: GpuLoweringContext<unknown>,
  { geometry: g, transposed, from, weight, bias, to }: GpuProduct,
): Dispatch[] {
  const [sources, targets] = transposed ? [g.outputs, g.inputs] : [g.inputs, g.outputs];
  const [source, target] = transposed ? [g.output, g.input] : [g.input, g.output];
  const phases = phasesOf(g, transposed);
  const taps = phases.flatMap((phase) => phase.taps);
  // Halves through tensor cores pay from whole tiles of channels on.
  const matrices = from.storage === 'f16' && targets >= 32 && sources >= MATRIX_TILE_K ? context.matrices : undefined;
  const tile: Tile = matrices
    ? { ...TILES[tileFor(targets)], TILE_K: MATRIX_TILE_K }
    : TILES[(context.options as TileChoice).tile ?? tileFor(targets)];
  const [tileM, tileN] = matrices ? [MATRIX_TILE, MATRIX_TILE] : [tile.GY * tile.TM, tile.GX * tile.TN];
  const tilesX = Math.max(...phases.map((phase) => Math.ceil((g.samples * product(phase.size)) / tileN)));
  const tilesY = Math.ceil(targets / tileM);
  const rows = Math.max(1, ...phases.map((phase) => phase.taps.length * sources));
  const steps = Math.ceil(rows / tile.TILE_K);
  const wantedSplits = Math.max(
    1,
    Math.min(Math.floor(ENOUGH_GROUPS / (tilesX * tilesY * phases.length)), Math.floor(steps / LEAST_STEPS)),
  );
  const splitRows = Math.ceil(steps / wantedSplits) * tile.TILE_K;
  const splits = Math.ceil(rows / splitRows);

  const packed = context.scratch(Math.max(1, taps.length) * sources * Math.ceil(targets / 4) * 16);
  const size = sizeOf(to.shape);
  const parts = splits > 1 ? context.scratch(splits * size * 4) : undefined;
  const x = Math.min(tilesX, MAX_GROUPS);
  let tapsBefore = 0;
  const heads = phases.flatMap((phase) => {
    const words = [
      i32(tapsBefore),
      i32(phase.taps.length),
      i32(phase.size[0]),
      i32(phase.size[1]),
      i32(phase.size[2]),
      ...phase.offset.map(i32),
    ];
    tapsBefore += phase.taps.length;
    return words;
  });
  const table = [...heads, ...taps.flatMap(({ shift }) => [...shift.map(i32), i32(0)])];
  const hasBias = bias !== undefined && parts === undefined;
  const dispatches: Dispatch[] = [
    packDispatch(
      weight,
      packed,
      taps.map((tap) => tap.index),
      { sources, targets, transposed, kernel: product(g.kernel) },
    ),
    {
      shader: matrices ? matrixShader : productShader,
      ...(matrices ? { enables: ['f16', 'subgroups', 'chromium_experimental_subgroup_matrix'] } : {}),
      types: matrices
        ? { Y: parts === undefined ? to.storage : 'f32' }
        : { X: from.storage, Y: parts === undefined ? to.storage : 'f32' },
      constants: {
        ...(matrices ? { SIDE: matrices.side, DEPTH: matrices.depth, SUBGROUP: matrices.subgroup } : tile),
        ALIGNED: sources % tile.TILE_K === 0,
        TABLE: tableLength(table.length / 4),
      },
      bindings: [from, packed, hasBias ? bias : packed, parts ?? to],
      uniforms: [
        ...[sources, targets, g.samples, splits, splitRows, size, tilesY, phases.length].map(u32),
        ...[source, target].flatMap((size, k) => vector(size, k === 0 && hasBias ? 1 : 0)),
        ...[transposed ? ([1, 1, 1] as const) : g.stride, transposed ? g.stride : ([1, 1, 1] as const)].flatMap(
          (triple) => vector(triple),
        ),
        ...filled(table),
      ],
      workgroups: [x, Math.ceil(tilesX / x) * tilesY, phases.length * splits],
    },
  ];
  if (parts !== undefined)
    dispatches.push({
      shader: partsShader,
      types: { Y: to.storage },
      bindings: [parts, bias ?? parts, to],
      uniforms: [
        u32(size),
        u32(splits),
        u32(targets),
        u32(product(target)),
        u32(bias !== undefined ? 1 : 0),
        u32(0),
        u32(0),
        u32(0),
      ],
      workgroups: linearGroups(size, 64),
    });
  return dispatches;
}

interface Packing {
  readonly sources: number;
  readonly targets: number;
  readonly transposed: boolean;
  /** Taps of the kernel. */
  readonly kernel: number;
}

/** weight [outputs][inputs][tap]: forward its first axis is the target, backward the source. */
function packDispatch(
  weight: GpuView,
  packed: GpuScratch,
  order: readonly number[],
  { sources, targets, transposed, kernel }: Packing,
): Dispatch {
  const [sourceStride, targetStride] = transposed ? [targets * kernel, kernel] : [kernel, sources * kernel];
  return {
    shader: packShader,
    types: { W: weight.storage },
    constants: { TABLE: tableLength(order.length / 4) },
    bindings: [weight, packed],
    uniforms: [
      ...[sources, targets, sourceStride, targetStride, order.length, 0, 0, 0].map(u32),
      ...filled(order.map(u32)),
    ],
    workgroups: linearGroups(order.length * sources * Math.ceil(targets / 4), 64),
  };
}

/** A table of vec4s filled up to the length its shader declares. */
export function filled(words: readonly GpuWord[]): GpuWord[] {
  return [...words, ...new Array<GpuWord>(tableLength(words.length / 4) * 4 - words.length).fill(u32(0))];
}

/** A triple as a vec4, with something in its fourth place. */
export function vector([z, y, x]: Triple, rest = 0): GpuWord[] {
  return [u32(z), u32(y), u32(x), u32(rest)];
}
