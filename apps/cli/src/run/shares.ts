/** How what is left of a budget is shared among the configurations and folds to come. */

/** Seconds kept back for tables and the report: at least, and as a share of the budget. */
export const LEAST_RESERVE = 8;
const RESERVE_SHARE = 0.02;
/** How much longer than expected predictions may take: the machine may get busy. */
const PREDICTION_MARGIN = 1.5;

export function reserve(budget: number): number {
  return Math.max(LEAST_RESERVE, RESERVE_SHARE * budget);
}

export interface Remaining {
  readonly budget: number;
  /** Since the run began. */
  readonly spent: number;
  /** Configurations that are not trained yet, this one included. */
  readonly configurations: number;
  /** Folds of this one: all, and those to come, the one asked about included. */
  readonly folds: number;
  readonly foldsLeft: number;
  /** Expected for the predictions after all folds of this configuration. */
  readonly predictionSeconds: number;
}

/** Seconds that one fold may train: all trainings to come get the same, and each keeps back what its predictions will take. */
export function foldSeconds(remaining: Remaining): number {
  const { budget, spent, configurations, folds, foldsLeft, predictionSeconds } = remaining;
  const trainings = foldsLeft + (configurations - 1) * folds;
  return (budget - spent - reserve(budget)) / trainings - (PREDICTION_MARGIN * predictionSeconds) / folds;
}
