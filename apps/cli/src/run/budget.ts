/** Hands a budget to the planner of budgets, with what the app knows: cases, device, what is still to be predicted. */
import type { Device } from '@voxelwise/compute';
import type { ConfigurationPlan } from '@voxelwise/planner';
import { planBudget, type BudgetPlan, type CaseSource } from '@voxelwise/training';
import type { Context } from '../context.ts';

export interface BudgetQuestion {
  readonly context: Context;
  readonly device: Device;
  readonly augmentOn: Device;
  readonly plan: ConfigurationPlan;
  readonly cases: CaseSource;
  readonly ids: readonly string[];
  /** For all folds together, training and predictions. */
  readonly seconds: number;
  readonly folds: number;
  /** Whole images to predict afterwards. */
  readonly predictions: number;
}

export function decideBudget({ context, ...request }: BudgetQuestion): Promise<BudgetPlan> {
  context.output.note(`measuring this machine's step time for a budget of ${request.seconds.toFixed(0)} s`);
  return planBudget({ ...request, now: () => performance.now() / 1000 });
}
