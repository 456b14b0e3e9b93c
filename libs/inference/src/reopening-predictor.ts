/** A predictor that outlives its device: what was under way when the device was lost is done again on another. */
import { DeviceError } from '@voxelwise/compute';
import { PredictionError } from './errors.ts';
import type { Predictor } from './predict.ts';

/** Losses during one call after which it is the call that kills the device, and not chance. */
const MOST_LOSSES = 3;

/** `reopen` makes the predictor that takes the lost one's place. */
export function reopeningPredictor(first: Predictor, reopen: (lost: DeviceError) => Promise<Predictor>): Predictor {
  let living = first;
  // Of several calls that were under way, the first to learn of the loss replaces the predictor for all.
  let current = Promise.resolve(first);

  async function again<T>(call: (predictor: Predictor) => Promise<T>): Promise<T> {
    for (let losses = 1; ; losses++) {
      const used = current;
      const predictor = await used;
      try {
        return await call(predictor);
      } catch (error) {
        if (!(error instanceof DeviceError) || !error.lost) throw error;
        if (losses > MOST_LOSSES)
          throw new PredictionError(
            `predict: the device was lost ${losses} times on the way; use another device. ${error.message}`,
            { lost: true, losses },
            { cause: error },
          );
        if (used === current) current = replacement(error);
      }
    }
  }

  async function replacement(lost: DeviceError): Promise<Predictor> {
    try {
      const next = await reopen(lost);
      living.dispose();
      return (living = next);
    } catch (error) {
      throw new PredictionError(
        `predict: the device was lost and no other could be opened: ${(error as Error).message}`,
        { lost: true },
        { cause: error },
      );
    }
  }

  return {
    model: first.model,
    predict: (...given) => again((predictor) => predictor.predict(...given)),
    predictPrepared: (...given) => again((predictor) => predictor.predictPrepared(...given)),
    logits: (...given) => again((predictor) => predictor.logits(...given)),
    restore: (...given) => again((predictor) => predictor.restore(...given)),
    nextStage: (...given) => again((predictor) => predictor.nextStage(...given)),
    dispose: () => living.dispose(),
  };
}
