/** How to predict, and what comes back. */
import type { Device } from '@voxelwise/compute';
import type { StreamedVolume } from '@voxelwise/io';
import type { PerAxis, Volume } from '@voxelwise/volume';
import type { OpenStore } from './segmentation/stored-logits.ts';

export interface PredictOptions {
  readonly device: Device;
  /** Shared part of neighboring windows: the step is this share of the patch. Default 0.5. */
  readonly stepSize?: number;
  /** Average over mirrored copies. Default true where the model allows it. */
  readonly mirroring?: boolean;
  /** Also return probabilities on the input's grid. */
  readonly probabilities?: boolean;
  /** Takes the probabilities channel by channel instead, so that they need not be in memory together. */
  readonly writeProbabilities?: (probabilities: StreamedVolume) => Promise<void>;
  /**
   * Bytes that logits may take on the host; above, labels are decided slab by slab while windows are still being computed.
   * Probabilities, next stages and cubic resampling need all of them: those lie in `openStore`'s stores then. Default 64 MiB.
   */
  readonly maxLogitBytes?: number;
  /** Opens room outside of memory. Absent: what needs all logits has them in memory. */
  readonly openStore?: OpenStore;
  /** The previous stage's segmentation of this case, on the input's grid (cascade). */
  readonly previousStage?: Volume;
  /** Preprocessed shapes of the configurations that go on from this segmentation (cascade). */
  readonly nextStages?: readonly PerAxis[];
  /** Network passes done and to do. */
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

export interface Prediction {
  /** Label map on the input's grid. */
  readonly segmentation: Volume;
  /** [K, z, y, x] f32: one channel per label (background first) or region. */
  readonly probabilities?: Volume;
  /** Labels [z, y, x] for each of the `nextStages` asked for, on its grid. */
  readonly nextStages?: readonly Int16Array[];
}
