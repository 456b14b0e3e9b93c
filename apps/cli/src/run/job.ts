/** What the stages of a run share. */
import type { Device } from '@voxelwise/compute';
import type { Summary } from '@voxelwise/metrics';
import type { ConfigurationPlan, Fold, PlansFile, Split } from '@voxelwise/planner';
import type { BudgetPlan } from '@voxelwise/training';
import type { Context } from '../context.ts';
import type { FoldCurve } from '../report/run-summary.ts';
import type { OpenedDataset } from '../stages/dataset.ts';
import type { TrainedFold } from '../stages/training.ts';
import type { RunState } from './run-state.ts';

export interface Job {
  readonly context: Context;
  readonly dataset: OpenedDataset;
  readonly device: Device;
  /** One thread of its own, beside the training's. */
  readonly augmentOn: Device;
  readonly state: RunState;
  readonly plans: PlansFile;
  readonly splits: readonly Split[];
  readonly folds: readonly Fold[];
  readonly configurations: readonly string[];
  readonly budget: number | undefined;
  readonly testCases: number;
}

export interface TrainedConfiguration {
  readonly configuration: string;
  readonly plan: ConfigurationPlan;
  readonly recipe: BudgetPlan;
  readonly folds: readonly TrainedFold[];
  readonly curves: readonly FoldCurve[];
  /** Over all validation cases of the folds; undefined where a fold trained on everything. */
  readonly summary: Summary | undefined;
}
