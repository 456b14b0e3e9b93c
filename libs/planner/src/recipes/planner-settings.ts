/**
 * The numbers that tell nnU-Net's planners apart: one row each.
 *
 * Source: nnU-Net v2 (2.8.1), experiment planners.
 */
import { PlanError } from '../errors.ts';

export interface PlannerSettings {
  /** Written as `experiment_planner_used`. */
  readonly name: string;
  readonly plansName: string;
  readonly kind: 'PlainConvUNet' | 'ResidualEncoderUNet';
  /** Memory target in GB for which the reference estimates hold; also the default target. */
  readonly referenceGb: number;
  /** Feature-map values that fill the target: one 3D batch of 2, one 2D batch of 12. */
  readonly referenceEstimate: { readonly 2: number; readonly 3: number };
  /** Share of the data set's voxels one batch may hold. */
  readonly datasetShare: number;
  readonly encoder: (stage: number) => number;
  readonly decoder: number;
  /** Whether the patch is shrunk against the estimate for a batch of two, or against the bare estimate. */
  readonly shrinksPerBatchOfTwo: boolean;
  /** PyTorch's linear interpolation in place of splines; `torch slices`: anisotropic volumes slice by slice. */
  readonly resampling?: 'spline' | 'torch' | 'torch slices';
}

const plain = (): number => 2;
const residual = (stage: number): number => [1, 3, 4][stage] ?? 6;

const residualEncoder = {
  kind: 'ResidualEncoderUNet',
  encoder: residual,
  decoder: 1,
  shrinksPerBatchOfTwo: false,
} as const;

const standard = {
  kind: 'PlainConvUNet',
  referenceGb: 8,
  referenceEstimate: { 3: 560_000_000, 2: 85_000_000 },
  datasetShare: 0.05,
  encoder: plain,
  decoder: 2,
  shrinksPerBatchOfTwo: true,
} as const;

const large = {
  ...residualEncoder,
  referenceGb: 24,
  referenceEstimate: { 3: 2_100_000_000, 2: 380_000_000 },
  datasetShare: 1,
} as const;

export const planners = [
  { ...standard, name: 'ExperimentPlanner', plansName: 'nnUNetPlans' },
  { ...standard, name: 'nnUNetPlanner_torchres', plansName: 'nnUNetPlans_torchres', resampling: 'torch' },
  {
    ...residualEncoder,
    name: 'ResEncUNetPlanner',
    plansName: 'nnUNetResEncUNetPlans',
    referenceGb: 8,
    referenceEstimate: { 3: 680_000_000, 2: 135_000_000 },
    datasetShare: 0.05,
  },
  {
    ...residualEncoder,
    name: 'nnUNetPlannerResEncM',
    plansName: 'nnUNetResEncUNetMPlans',
    referenceGb: 8,
    referenceEstimate: { 3: 680_000_000, 2: 135_000_000 },
    datasetShare: 1,
  },
  { ...large, name: 'nnUNetPlannerResEncL', plansName: 'nnUNetResEncUNetLPlans' },
  {
    ...large,
    name: 'nnUNetPlannerResEncL_torchres',
    plansName: 'nnUNetResEncUNetLPlans_torchres',
    resampling: 'torch',
  },
  {
    ...large,
    name: 'nnUNetPlannerResEncL_torchres_sepz',
    plansName: 'nnUNetResEncUNetLPlans_torchres_sepz',
    resampling: 'torch slices',
  },
  {
    ...residualEncoder,
    name: 'nnUNetPlannerResEncXL',
    plansName: 'nnUNetResEncUNetXLPlans',
    referenceGb: 40,
    referenceEstimate: { 3: 3_600_000_000, 2: 560_000_000 },
    datasetShare: 1,
  },
] as const satisfies readonly PlannerSettings[];

export type PlannerName = (typeof planners)[number]['name'];

/** Throws: PlanError listing the known planners. */
export function plannerNamed(name: string): PlannerSettings {
  const found = planners.find((planner) => planner.name === name);
  if (found !== undefined) return found;
  throw new PlanError(`plan: no planner is called "${name}". Known: ${planners.map((p) => p.name).join(', ')}.`, {
    name,
  });
}
