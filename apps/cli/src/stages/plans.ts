/** The plans of a data set: read where they are, made where they are not. */
import {
  configurationNames,
  configurationPlan,
  planners,
  readPlans,
  writePlans,
  type ConfigurationPlan,
  type PlansFile,
} from '@voxelwise/planner';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Context } from '../context.ts';
import { CommandUsageError } from '../exit.ts';
import { exists, writeWhole } from '../files.ts';
import { makePlans } from './planning.ts';
import type { OpenedDataset } from './dataset.ts';
import { fingerprintStage } from './fingerprint.ts';

export function plansPath(dataset: OpenedDataset, plansName: string): string {
  return join(dataset.preprocessed, `${plansName}.json`);
}

/**
 * Plans by name or file; those of a planner's own name are made if there are none. Throws: CommandUsageError for any
 * other name that no plans have.
 */
export async function plansStage(
  context: Context,
  dataset: OpenedDataset,
  { plans: wanted = 'nnUNetPlans' }: { readonly plans?: string } = {},
): Promise<PlansFile> {
  const path = wanted.endsWith('.json') ? wanted : plansPath(dataset, wanted);
  if (exists(path)) return readPlans(await readFile(path, 'utf8'), path);
  const planner = planners.find(({ plansName }) => plansName === wanted)?.name;
  if (planner === undefined)
    throw new CommandUsageError(
      `--plans: there are no plans ${path}; \`voxelwise plan … --name\` makes plans of that name. Made without being there: ${planners.map(({ plansName }) => plansName).join(', ')}`,
      { plans: wanted },
    );
  const fingerprint = await fingerprintStage(context, dataset);
  const { plans } = makePlans(
    { fingerprint, datasetJson: dataset.datasetJson, datasetName: dataset.name },
    { planner },
  );
  await writeWhole(path, writePlans(plans));
  return plans;
}

/** Throws: CommandUsageError if the plans hold no such configuration; PlanError if it is faulty. */
export function planOf(dataset: OpenedDataset, plans: PlansFile, configuration: string): ConfigurationPlan {
  if (!Object.hasOwn(plans.configurations, configuration))
    throw new CommandUsageError(
      `${plans.plans_name} of ${dataset.name} hold no configuration '${configuration}', but ${configurationNames(plans).join(', ')}`,
      { configuration },
    );
  return configurationPlan(plans, dataset.datasetJson, configuration);
}
