/** Whether an adapter has the subgroup matrices that conv-product-matrix.wgsl is written for. */

export const MATRIX_FEATURE = 'chromium-experimental-subgroup-matrix';

interface MatrixConfig {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** Whether an adapter has the subgroup matrices that `tensorCores` uses. */
export function tensorCoresAvailable(features: { has(name: string): boolean }, info: GPUAdapterInfo): boolean {
  const configs = (info as { subgroupMatrixConfigs?: readonly MatrixConfig[] }).subgroupMatrixConfigs ?? [];
  return (
    features.has(MATRIX_FEATURE) &&
    info.subgroupMinSize === 32 &&
    info.subgroupMaxSize === 32 &&
    configs.some(
      (config) =>
        config.componentType === 'f16' &&
        config.resultComponentType === 'f32' &&
        config.M === 16 &&
        config.N === 16 &&
        config.K === 16,
    )
  );
}
