/** Everything training is given. Whoever wants another loss, sampler, augmentation or network passes another value. */
import type { Device, DeviceError } from '@voxelwise/compute';
import type { LabelScheme } from '@voxelwise/planner';
import type { Module, NetworkConfig, Weights } from '@voxelwise/nets';
import type { PerAxis } from '@voxelwise/volume';
import type { CaseSource } from '../cases/prepared-case.ts';
import type { StateStore } from '../experiment/state-store.ts';
import type { TrainingSettings } from '../recipes/training-settings.ts';
import type { Augmentation } from '../sampling/augmentation.ts';
import type { Sampler } from '../sampling/sampler.ts';
import type { Loss } from '../losses/loss.ts';
import type { Checkpointing } from './checkpointing.ts';
import type { StepReport } from './reports.ts';

export interface TrainOptions {
  readonly device: Device;
  /**
   * Opens a device in place of one that was lost (a driver reset, a GPU that was unplugged); training then goes on from the
   * last saved state, which without a `store` is kept in memory. The caller disposes what it opened. Absent: the loss is thrown.
   */
  readonly reopen?: (lost: DeviceError) => Promise<Device>;
  /** Where patches are augmented. Default: `device`; a WASM device of one thread lets both work at once. */
  readonly augmentOn?: Device;
  readonly network: NetworkConfig;
  /** Final patch [z, y, x]; a 2D network's patch is one slice: [1, y, x]. */
  readonly patch: PerAxis;
  readonly labels: LabelScheme;
  readonly settings: TrainingSettings;
  /** Whether the network also sees the segmentation of a previous stage, which the cases hold as second label channel. */
  readonly cascade?: boolean;
  readonly cases: CaseSource;
  readonly train: readonly string[];
  readonly validation: readonly string[];
  readonly seed: number;
  /** Where to save and resume. Absent: nothing is kept but the final report. */
  readonly store?: StateStore;
  /** Saved with every checkpoint, and compared when resuming: another plan is refused. Plain JSON. */
  readonly identity?: Readonly<Record<string, unknown>>;
  /** Starts from these instead of from chance. */
  readonly pretrained?: { readonly weights: Weights; readonly freeze?: (name: string) => boolean };
  /** Replace the network, the loss or the augmentation that `settings` name. */
  readonly build?: (config: NetworkConfig) => Module;
  readonly loss?: Loss;
  readonly augmentation?: Augmentation;
  /** The learning rate of a step (from 0), in place of the settings' schedule. */
  readonly schedule?: (step: number, steps: number) => number;
  /** Draws the case and the place of a sample, in place of uniform cases and foreground oversampling. */
  readonly sampler?: Sampler;
  /**
   * What is computed again on the way back instead of being kept. Default: only as much as it takes for a step to fit into
   * the device's memory, and then a report's `note` says so.
   */
  readonly checkpointing?: Checkpointing;
  /** Called after every step. */
  readonly onStep?: (report: StepReport) => void;
  /**
   * Seconds left for training, asked at each epoch's end, and every ten steps within an epoch; steps are dropped (and the
   * schedule shortened) where they would not fit, and come back where they do. Absent: all steps are done.
   */
  readonly secondsLeft?: () => number;
  /** Stops after the current step with an AbortError, the state saved. */
  readonly signal?: AbortSignal;
}
