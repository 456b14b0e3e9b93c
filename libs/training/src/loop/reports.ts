/** What training tells its caller: after each epoch a report, after each step a line. Numbers that do not exist are null. */

export interface StepReport {
  readonly epoch: number;
  /** Steps done, this one included. */
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
  readonly learningRate: number;
}

export interface EpochReport {
  /** From 0. */
  readonly epoch: number;
  readonly epochs: number;
  /** Steps done. */
  readonly step: number;
  readonly steps: number;
  readonly trainLoss: number;
  readonly validationLoss: number | null;
  /** Pseudo Dice on validation patches, one per foreground label or region; null where neither truth nor prediction has any. */
  readonly dice: readonly (number | null)[];
  readonly meanDice: number | null;
  /** Running average of `meanDice`: 0.9 of the old, 0.1 of the new. */
  readonly emaDice: number | null;
  /** Whether `emaDice` is the highest so far (checkpoint_best was written). */
  readonly best: boolean;
  readonly learningRate: number;
  /** What a person should know: why steps were dropped, that nothing has improved for long. */
  readonly note?: string;
}

/** What a whole training came to. */
export interface TrainResult {
  readonly steps: number;
  readonly history: readonly EpochReport[];
  readonly bestEmaDice: number | null;
  /** Whether an earlier training was found finished, or gone on with. */
  readonly resumed: boolean;
}
