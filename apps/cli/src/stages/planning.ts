/** Making plans of a fingerprint with the flags of the command line: planner, memory, spacing, hand edits. */
import {
  configurationNames,
  configurationPlan,
  explainPlans,
  PlanError,
  planExperiment,
  planners,
  resolveConfiguration,
  setPlanValue,
  type DatasetJson,
  type Explanation,
  type Fingerprint,
  type PlansFile,
} from '@voxelwise/planner';
import { NetworkError } from '@voxelwise/nets';
import { CommandUsageError } from '../exit.ts';
import { parseBytes, parseSpacing } from '../values.ts';

export interface PlanFlags {
  readonly planner?: string;
  readonly memory?: string;
  readonly budget?: string;
  readonly explain?: boolean;
  readonly set?: readonly string[];
  readonly out?: string;
  readonly name?: string;
  readonly targetSpacing?: string;
  readonly fingerprint?: string;
  readonly datasetJson?: string;
  readonly datasetName?: string;
}

/** Our short names beside the reference's class names. */
const PLANNERS: Readonly<Record<string, string>> = {
  default: 'ExperimentPlanner',
  'resenc-m': 'nnUNetPlannerResEncM',
  'resenc-l': 'nnUNetPlannerResEncL',
  'resenc-xl': 'nnUNetPlannerResEncXL',
};

/** The reference's name of the planner that was asked for. Throws: CommandUsageError listing what there is. */
export function plannerName({ planner = 'default' }: PlanFlags): string {
  const name = PLANNERS[planner] ?? planner;
  if (!planners.some((known) => known.name === name))
    throw new CommandUsageError(
      `--planner is one of ${[...Object.keys(PLANNERS), ...planners.map((known) => known.name)].join(', ')}; came '${planner}'`,
    );
  return name;
}

export interface PlanningSource {
  readonly fingerprint: Fingerprint;
  readonly datasetJson: DatasetJson;
  readonly datasetName: string;
  readonly existing?: PlansFile;
}

/** Plans with the flags' planner, memory, spacing and hand edits. */
export function makePlans(
  source: PlanningSource,
  flags: PlanFlags,
): { readonly plans: PlansFile; readonly explanations: readonly Explanation[] } {
  const planner = plannerName(flags);
  const spacing = flags.targetSpacing === undefined ? undefined : parseSpacing(flags.targetSpacing);
  const rest = {
    ...(flags.memory === undefined ? {} : { gpuMemoryTargetGb: parseBytes(flags.memory) / 2 ** 30 }),
    ...(spacing === undefined ? {} : { overwriteTargetSpacing: spacing }),
  };
  const planned = planExperiment(source.fingerprint, source.datasetJson, {
    datasetName: source.datasetName,
    planner,
    ...rest,
    ...(flags.name === undefined ? {} : { plansName: flags.name }),
    ...(source.existing === undefined ? {} : { existing: source.existing }),
  });
  const edits = flags.set ?? [];
  if (edits.length === 0) return planned;
  const plans = editPlans(planned.plans, edits, source.datasetJson);
  return { plans, explanations: explainPlans(plans, source.fingerprint, source.datasetJson, rest) };
}

/** Throws: CommandUsageError for a path or value that plans cannot have. */
function editPlans(plans: PlansFile, edits: readonly string[], dataset: DatasetJson): PlansFile {
  try {
    const edited = edits.reduce((before, assignment) => setPlanValue(before, assignment), plans);
    checkEdited(edited, dataset);
    return edited;
  } catch (error) {
    if (!(error instanceof PlanError || error instanceof NetworkError)) throw error;
    throw new CommandUsageError(`--set: ${error.message}`, error.details);
  }
}

/** A value that no training could use is said now, not when it is used. Throws: PlanError, NetworkError. */
function checkEdited(plans: PlansFile, dataset: DatasetJson): void {
  for (const name of configurationNames(plans)) {
    // Some stand there only to be inherited from.
    const whole = resolveConfiguration(plans.configurations, name).architecture !== undefined;
    if (whole) configurationPlan(plans, dataset, name);
  }
}
