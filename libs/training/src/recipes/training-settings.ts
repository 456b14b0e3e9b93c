/** How a model learns, as plain JSON: what is saved with the plan and with every checkpoint. */

export type OptimizerSettings =
  | {
      readonly name: 'sgd';
      readonly learningRate: number;
      readonly momentum: number;
      readonly nesterov: boolean;
      readonly weightDecay: number;
    }
  | {
      readonly name: 'adamw';
      readonly learningRate: number;
      readonly beta1: number;
      readonly beta2: number;
      readonly epsilon: number;
      readonly weightDecay: number;
      /** Which parameters decay: kernels alone (default), or norms and biases too, as PyTorch has it. */
      readonly decays?: 'kernels' | 'all';
      /** Decay as part of the gradient: Adam in place of AdamW. Default false. */
      readonly coupled?: boolean;
      /** AMSGrad: the greatest mean square so far. Default false. */
      readonly amsgrad?: boolean;
    }
  | {
      /** The betas are shares of what is new, as adan_pytorch counts them: 0.02 is another's 0.98. */
      readonly name: 'adan';
      readonly learningRate: number;
      readonly beta1: number;
      readonly beta2: number;
      readonly beta3: number;
      readonly epsilon: number;
      readonly weightDecay: number;
    };

/** Factor on the learning rate. `per`: whether it changes at each step or only at each epoch's start. */
export type ScheduleSettings =
  | { readonly name: 'poly'; readonly exponent: number; readonly warmupSteps: number; readonly per: 'step' | 'epoch' }
  | { readonly name: 'cosine'; readonly warmupSteps: number; readonly per: 'step' | 'epoch' };

export interface TrainingSettings {
  /** Which recipe these are: nnU-Net's own, the short one for small budgets, or somebody's. */
  readonly recipe: 'nnunet' | 'short' | 'custom';
  /** Optimizer steps in all; the schedule ends with the last one. */
  readonly steps: number;
  /** `steps` is an estimate of what fits a budget: more are done where the time is there (see `secondsLeft` of `train`). */
  readonly stretch?: boolean;
  readonly stepsPerEpoch: number;
  /** Batches for the pseudo Dice after each epoch. */
  readonly validationSteps: number;
  readonly batchSize: number;
  readonly optimizer: OptimizerSettings;
  readonly schedule: ScheduleSettings;
  /** Greatest norm of the whole gradient. */
  readonly clipNorm: number;
  /** Share of a batch whose patches are centered on a foreground voxel. */
  readonly foregroundShare: number;
  /** `position` (default): always the last of a batch; `chance`: each sample with the probability `foregroundShare`. */
  readonly foregroundBy?: 'position' | 'chance';
  /** Sum the soft Dice over the batch before dividing. */
  readonly batchDice: boolean;
  readonly deepSupervision: boolean;
  /** Name in the catalogue of losses. */
  readonly loss: string;
  /** All of nnU-Net's chance on patches, that of its trainer DA5, mirroring alone, or none. */
  readonly augmentation: 'nnunet' | 'nnunet-da5' | 'mirror' | 'none';
  /** Turn thin patches slice by slice, as nnU-Net's augmentation does. Default true. */
  readonly dummy2d?: boolean;
  /** What takes the nearest voxel when nnU-Net's augmentation turns or scales it, instead of interpolating. Default none. */
  readonly nearest?: 'none' | 'labels' | 'images and labels';
  /** Axes to mirror in training, and so allowed to be mirrored when predicting. */
  readonly mirrorAxes: readonly number[];
  /** Channels that augmentation sets to 0 again outside the non-zero region: those normalized inside it only. */
  readonly maskChannels?: readonly number[];
  /** Running average of the weights, w' = decay · w' + (1 - decay) · w; it is what predicts. */
  readonly average?: { readonly decay: number };
}
