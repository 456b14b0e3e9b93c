/** The pace of a run's predictions: what is left of its budget. */
import { formatSeconds } from '../terminal/progress.ts';
import type { Job, TrainedConfiguration } from './job.ts';
import { Pace } from './pace.ts';
import { LEAST_RESERVE } from './shares.ts';

/** `later`: seconds that predictions after these will take. Undefined without a budget: nothing hurries then. */
export function paceOf(
  { context, budget, state }: Job,
  { plan, recipe }: Pick<TrainedConfiguration, 'plan' | 'recipe'>,
  later: number,
): Pace | undefined {
  if (budget === undefined) return undefined;
  return new Pace({
    planned: recipe.inference,
    mirrorCopies: 2 ** recipe.settings.mirrorAxes.length,
    dimensions: plan.dimensions,
    expectedSeconds: recipe.expected.secondsPerPrediction,
    secondsLeft: () => budget - state.seconds - LEAST_RESERVE - later,
    onHurry: ({ stepSize, mirroring }, left) =>
      context.output.warn(
        `only ${formatSeconds(left)} are left to predict in: ${mirroring ? '' : 'without mirroring, '}windows at ${stepSize} of a patch`,
      ),
  });
}
