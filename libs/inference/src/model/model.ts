/** A model: what to do with a case (a configuration's plan) and the weights of its folds. */
import type { ConfigurationPlan } from '@voxelwise/planner';
import type { Module, NetworkConfig, Weights } from '@voxelwise/nets';
import type { PerAxis } from '@voxelwise/volume';

/** One trained fold. */
export interface Fold {
  /** `0` … `4`, or `all`. */
  readonly name: string;
  readonly weights: Weights;
}

export interface Model {
  readonly plan: ConfigurationPlan;
  /** Axes of the preprocessed image [z, y, x] that may be mirrored; a flat patch has no axis 0. */
  readonly mirrorAxes: readonly number[];
  readonly folds: readonly Fold[];
  /** Builds the network where it is not the plan's. */
  readonly build?: (config: NetworkConfig) => Module;
}

/** The patch as [z, y, x]; a 2D plan's patch is one slice. */
export function patchOf(plan: Pick<ConfigurationPlan, 'patchSize'>): PerAxis {
  const { patchSize } = plan;
  return (patchSize.length === 2 ? [1, ...patchSize] : patchSize) as unknown as PerAxis;
}
