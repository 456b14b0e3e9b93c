/** The learning rate at a step. A schedule always ends with the last step that is really done. */
import type { TrainingSettings } from '../recipes/training-settings.ts';

/**
 * poly: (1 - t)^exponent; cosine: (1 + cos πt) / 2, where t runs from 0 to 1 over the steps (or epochs) after the warm-up,
 * which rises linearly: to the full rate at its last epoch, or at the step after it. `step` counts from 0.
 *
 * Source: poly per epoch with exponent 0.9 is nnU-Net's.
 */
export function learningRate(
  settings: Pick<TrainingSettings, 'optimizer' | 'schedule' | 'steps' | 'stepsPerEpoch'>,
  step: number,
): number {
  const { optimizer, schedule, steps, stepsPerEpoch } = settings;
  const { warmupSteps } = schedule;
  const unit = schedule.per === 'epoch' ? stepsPerEpoch : 1;
  if (step < warmupSteps) {
    const last = schedule.per === 'epoch' ? Math.floor(warmupSteps / unit) : warmupSteps + 1;
    return (optimizer.learningRate * (Math.floor(step / unit) + 1)) / last;
  }
  const now = Math.floor(step / unit) - Math.floor(warmupSteps / unit);
  const all = Math.ceil(steps / unit) - Math.floor(warmupSteps / unit);
  const t = Math.min(1, now / all);
  const factor = schedule.name === 'poly' ? (1 - t) ** schedule.exponent : (1 + Math.cos(Math.PI * t)) / 2;
  return optimizer.learningRate * factor;
}
