/** The loop, losses, optimizers and experiment state. */
export type { TrainingSettings, OptimizerSettings, ScheduleSettings } from './recipes/training-settings.ts';
export type { BudgetPlan, Decision } from './recipes/budget.ts';
export type { EpochReport, StepReport } from './loop/reports.ts';
export type { TrainOptions } from './loop/train-options.ts';
export type { CaseSource, Crop, PreparedCase } from './cases/prepared-case.ts';
export type { Augmentation } from './sampling/augmentation.ts';
export type { Loss } from './losses/loss.ts';
export { CHECKPOINT, PROGRESS, memoryStore, type StateStore } from './experiment/state-store.ts';
