/** The plan of a configuration in a table's rows: what, value, why. */
import type { ConfigurationPlan } from '@voxelwise/planner';
import type { BudgetPlan } from '@voxelwise/training';
import type { PlanRow } from '../report/run-summary.ts';

export function planRows(plan: ConfigurationPlan, { decisions, settings }: BudgetPlan): PlanRow[] {
  const { network, channels } = plan;
  const numbers = (list: readonly number[], digits = 4): string =>
    list.map((n) => Number(n.toPrecision(digits))).join(' × ');
  const { optimizer, schedule } = settings;
  const rows: PlanRow[] = [
    {
      name: 'configuration',
      value: plan.name,
      why: `${plan.dimensions}D; median image after resampling ${numbers(plan.medianShape)} voxels`,
    },
    { name: 'spacing', value: `${numbers(plan.spacing)} mm`, why: 'median of the data set, anisotropy considered' },
    {
      name: 'patch',
      value: numbers(plan.patchSize),
      why: 'as much of the median image as the memory target allows, divisible by the strides',
    },
    {
      name: 'network',
      value: `${network.network}, ${network.featuresPerStage.join(' ')} features`,
      why: `${network.featuresPerStage.length} stages: halved while an axis keeps at least 4 voxels`,
    },
    {
      name: 'normalization',
      value: [...new Set(channels.map((channel) => channel.normalization.replace('Normalization', '')))].join(', '),
      why: `chosen by channel: ${channels.map((channel) => channel.name).join(', ')}`,
    },
    {
      name: 'loss',
      value: settings.loss,
      why: `${plan.labels.hasRegions ? 'overlapping regions' : 'exclusive classes'}${settings.deepSupervision ? ', at every resolution' : ''}`,
    },
    {
      name: 'optimizer',
      value: `${optimizer.name}, rate ${optimizer.learningRate}, ${schedule.name} schedule`,
      why: `${schedule.warmupSteps > 0 ? `${schedule.warmupSteps} steps of warm-up; ` : ''}the schedule ends with the last step`,
    },
    {
      name: 'augmentation',
      value: settings.augmentation,
      why:
        settings.augmentation === 'nnunet'
          ? "nnU-Net's set: rotation, scaling, noise, blur, brightness, contrast, low resolution, gamma, mirroring"
          : 'few steps learn more from fewer changes',
    },
  ];
  const known = new Set(rows.map((row) => row.name));
  return [...rows, ...decisions.filter((decision) => !known.has(decision.name))];
}
