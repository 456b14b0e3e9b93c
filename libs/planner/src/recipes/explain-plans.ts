/** Explaining plans that lie on disk: which rule made each value, and which values were changed by hand since. */
import type { DatasetJson } from '../dataset/dataset-json.ts';
import type { Fingerprint } from '../fingerprint/fingerprint.ts';
import { diffPlans } from '../plans/edit.ts';
import type { PlansFile } from '../plans/plans-file.ts';
import { type Explanation, explainValues } from './explanation.ts';
import { planExperiment, type PlanExperimentOptions } from './plan-experiment.ts';

export type ExplainPlansOptions = Pick<
  PlanExperimentOptions,
  'gpuMemoryTargetGb' | 'overwriteTargetSpacing' | 'suppressTranspose'
>;

/**
 * Plans the data set anew with the planner the file names, and explains every value of the file: the planner's rule, or
 * that somebody set it, with what the planner says. Throws: PlanError, FingerprintError.
 */
export function explainPlans(
  plans: PlansFile,
  fingerprint: Fingerprint,
  dataset: DatasetJson,
  options: ExplainPlansOptions = {},
): Explanation[] {
  const planned = planExperiment(fingerprint, dataset, {
    ...options,
    datasetName: plans.dataset_name,
    planner: plans.experiment_planner_used,
    plansName: plans.plans_name,
    imageReaderWriter: plans.image_reader_writer,
  });
  const rules = new Map(planned.explanations.map(({ path, rule, from }) => [path, { rule, from }]));
  const edits = new Map(diffPlans(planned.plans, plans).map((edit) => [edit.path, edit]));
  return explainValues(plans, rules).map((explanation) => {
    const path = [...edits.keys()].find(
      (edited) => explanation.path === edited || explanation.path.startsWith(`${edited}.`),
    );
    if (path === undefined) return explanation;
    const before = edits.get(path)!.before;
    const rule = before === undefined ? 'added to the file, not by the planner' : 'changed in the file';
    return { ...explanation, rule, from: { planner_says: before ?? null } };
  });
}

/** One explanation as text of several lines. */
export function explanationText({ path, value, rule, from }: Explanation): string {
  const inputs = Object.entries(from).map(([name, input]) => `\n    ${name} = ${JSON.stringify(input)}`);
  return `${path} = ${JSON.stringify(value)}\n  ${rule}${inputs.join('')}`;
}
