/** The plans of a data set: read where they are, made where they are not. */
import { configurationPlan, readPlans, writePlans, type ConfigurationPlan, type PlansFile } from '@voxelwise/planner';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Context } from '../context.ts';
import { exists, writeWhole } from '../files.ts';
import { makePlans, type PlanFlags } from './planning.ts';
import type { OpenedDataset } from './dataset.ts';
import { fingerprintStage } from './fingerprint.ts';

export function plansPath(dataset: OpenedDataset, plansName: string): string {
  return join(dataset.preprocessed, `${plansName}.json`);
}

/** Plans by name or file; the default planner's are made if there are none. */
export async function plansStage(
  context: Context,
  dataset: OpenedDataset,
  { plans: wanted = 'nnUNetPlans', ...flags }: PlanFlags & { readonly plans?: string } = {},
): Promise<PlansFile> {
  const path = wanted.endsWith('.json') ? wanted : plansPath(dataset, wanted);
  if (exists(path)) return readPlans(await readFile(path, 'utf8'), path);
  const fingerprint = await fingerprintStage(context, dataset);
  const { plans } = makePlans(
    { fingerprint, datasetJson: dataset.datasetJson, datasetName: dataset.name },
    { ...flags, ...(wanted === 'nnUNetPlans' ? {} : { name: wanted }) },
  );
  await writeWhole(plansPath(dataset, plans.plans_name), writePlans(plans));
  return plans;
}

export function planOf(dataset: OpenedDataset, plans: PlansFile, configuration: string): ConfigurationPlan {
  return configurationPlan(plans, dataset.datasetJson, configuration);
}
