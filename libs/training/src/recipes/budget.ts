/** What a budget turns into: a network, a patch, a number of steps, and the reasons. Plain JSON. */
import type { NetworkConfig } from '@voxelwise/nets';
import type { PerAxis } from '@voxelwise/volume';
import type { TrainingSettings } from './training-settings.ts';

/** One thing that was chosen, and why: for `--explain` and the report. */
export interface Decision {
  readonly name: string;
  readonly value: string;
  readonly why: string;
}

export interface BudgetPlan {
  readonly network: NetworkConfig;
  readonly patch: PerAxis;
  readonly settings: TrainingSettings;
  readonly inference: { readonly stepSize: number; readonly mirroring: boolean };
  /** Expected, from times measured on this machine. */
  readonly expected: {
    readonly secondsPerStep: number;
    readonly trainingSeconds: number;
    readonly predictionSeconds: number;
    /** Of one whole image. */
    readonly secondsPerPrediction: number;
  };
  readonly decisions: readonly Decision[];
}
