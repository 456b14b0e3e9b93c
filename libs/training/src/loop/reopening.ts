/** What follows when a training's device is lost: another one in its place, unless that is lost again and again. */
import { DeviceError, type Device } from '@voxelwise/compute';
import { TrainingError } from '../errors.ts';

/** Losses from the same saved state after which it is the training that kills the device, and not chance. */
const MOST_LOSSES = 3;

export class Reopening {
  readonly #reopen: (lost: DeviceError) => Promise<Device>;
  #step: number | undefined;
  #losses = 0;

  constructor(reopen: (lost: DeviceError) => Promise<Device>) {
    this.#reopen = reopen;
  }

  /**
   * A new device to go on with after `lost`, from the state of `step` (0: from the start).
   *
   * Throws: TrainingError if none can be opened, or the last ones were lost before the next state was saved.
   */
  async after(lost: DeviceError, step: number): Promise<Device> {
    this.#losses = this.#step === step ? this.#losses + 1 : 1;
    this.#step = step;
    const details = { lost: true, step, losses: this.#losses };
    if (this.#losses > MOST_LOSSES)
      throw new TrainingError(
        `train: the device was lost ${this.#losses} times after step ${step} without getting to the next saved state; use a smaller patch or batch, or another device. ${lost.message}`,
        details,
        { cause: lost },
      );
    try {
      return await this.#reopen(lost);
    } catch (error) {
      throw new TrainingError(
        `train: the device was lost and no other could be opened: ${(error as Error).message} Train again when there is one: it goes on after step ${step} if that was saved to a store.`,
        details,
        { cause: error },
      );
    }
  }
}

export function isLoss(error: unknown): error is DeviceError {
  return error instanceof DeviceError && error.lost;
}
