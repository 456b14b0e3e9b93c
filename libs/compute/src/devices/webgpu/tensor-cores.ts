/** Which subgroup matrices (tensor cores) of an adapter conv-product-matrix.wgsl can use. */

export const MATRIX_FEATURE = 'chromium-experimental-subgroup-matrix';

/** Invocations of a workgroup that every adapter has. */
const MOST_INVOCATIONS = 256;

interface MatrixConfig {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** Matrices of f16, side x depth times depth x side, added up in f32 by the invocations of one subgroup. */
export interface MatrixShape {
  readonly side: number;
  readonly depth: number;
  readonly subgroup: number;
}

/** Channels and voxels of a workgroup of conv-product-matrix.wgsl, and the rows of a step. */
export const MATRIX_TILE = 64;
export const MATRIX_TILE_K = 16;

/** Invocations of a workgroup: each subgroup owns two by two matrices of the tile. */
function invocations({ side, subgroup }: MatrixShape): number {
  return (MATRIX_TILE / (2 * side)) ** 2 * subgroup;
}

/** The largest matrices that the kernel can use; undefined where the adapter has none. */
export function matricesOf(features: { has(name: string): boolean }, info: GPUAdapterInfo): MatrixShape | undefined {
  const configs = (info as { subgroupMatrixConfigs?: Iterable<MatrixConfig> }).subgroupMatrixConfigs ?? [];
  const { subgroupMinSize, subgroupMaxSize } = info;
  if (!features.has(MATRIX_FEATURE) || subgroupMinSize !== subgroupMaxSize) return undefined;
  return Array.from(configs)
    .filter(
      ({ componentType, resultComponentType, M, N, K }) =>
        componentType === 'f16' &&
        resultComponentType === 'f32' &&
        M === N &&
        [8, 16].includes(M) &&
        MATRIX_TILE_K % K === 0,
    )
    .map(({ M, K }): MatrixShape => ({ side: M, depth: K, subgroup: subgroupMinSize }))
    .filter((shape) => invocations(shape) % MATRIX_TILE === 0 && invocations(shape) <= MOST_INVOCATIONS)
    .sort((a, b) => b.side * b.depth - a.side * a.depth)[0];
}

/** Whether an adapter has subgroup matrices that `tensorCores` uses. */
export function tensorCoresAvailable(features: { has(name: string): boolean }, info: GPUAdapterInfo): boolean {
  return matricesOf(features, info) !== undefined;
}
