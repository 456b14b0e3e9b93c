/** A model: what to do with a case (from plans.json and dataset.json) and the weights of its folds. */
import type { LabelScheme } from '@voxelwise/planner';
import type { NetworkConfig, Weights } from '@voxelwise/nets';
import type { PerAxis } from '@voxelwise/volume';

/** One trained fold. */
export interface Fold {
  /** `0` … `4`, or `all`. */
  readonly name: string;
  readonly weights: Weights;
}

export interface Model<P = unknown> {
  /** `3d_fullres`. */
  readonly configuration: string;
  /** What preprocessing needs to know, as the planner wrote it. */
  readonly plan: P;
  readonly channels: readonly string[];
  readonly labels: LabelScheme;
  readonly network: NetworkConfig;
  /** [z, y, x], in the order of the preprocessed image; a 2D network's patch is one slice. */
  readonly patch: PerAxis;
  /** Axes of the preprocessed image that may be mirrored. */
  readonly mirrorAxes: readonly number[];
  /** Whether the segmentation of this configuration is an input (cascade). */
  readonly previousStage?: string;
  readonly folds: readonly Fold[];
}

/** A folder of files, wherever it is: on a disk, in a zip, behind a URL. Paths use `/`. */
export interface ModelFolder {
  readonly name: string;
  /** All paths of files below. */
  list(): Promise<readonly string[]>;
  read(path: string): Promise<Uint8Array>;
}
