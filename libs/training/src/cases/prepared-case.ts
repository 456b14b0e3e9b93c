/** A case ready to be learned from: preprocessed, on the model's grid, with the places where each class can be found. */
import type { PreprocessProperties } from '@voxelwise/transforms';
import type { PerAxis } from '@voxelwise/volume';

/** A box of a case. Outside the image: intensities 0, labels -1. */
export interface Crop {
  readonly shape: PerAxis;
  /** [C, z, y, x]. */
  readonly image: Float32Array;
  /** [L, z, y, x]; L is 2 with a previous stage's segmentation. */
  readonly labels: Int16Array;
}

export interface PreparedCase {
  readonly id: string;
  readonly channels: number;
  /** Of the preprocessed image. */
  readonly shape: PerAxis;
  /**
   * Voxels (flat index into `shape`) that carry each foreground label or region, at most some ten thousand each, keyed as
   * in nnU-Net's files: "1", "(1, 2)"; with an ignore label "(-1, 0, 1, …)" holds the annotated voxels.
   */
  readonly locations: ReadonlyMap<string, Uint32Array>;
  /** How it came from its file, for the way back; absent where that was not kept. */
  readonly properties?: PreprocessProperties;
  crop(start: PerAxis, shape: PerAxis): Promise<Crop>;
}

/** The preprocessed cases of a data set, opened when needed. */
export interface CaseSource {
  open(id: string): Promise<PreparedCase>;
}
