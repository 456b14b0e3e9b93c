/**
 * What the stages of a cascade hand to each other: `predicted_next_stage/<configuration>/CASE.b2nd` in the first one's model
 * folder, as nnU-Net 2.6 and later have it (`CASE.npz` before).
 */
import { decodeB2nd, decodeNpz, encodeB2nd } from '@voxelwise/io';
import type { ConfigurationPlan, PlansFile } from '@voxelwise/planner';
import { withPreviousStage, type CaseSource } from '@voxelwise/training';
import type { PerAxis } from '@voxelwise/volume';
import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Context } from '../context.ts';
import { InputError } from '../exit.ts';
import { writeWhole } from '../files.ts';
import { modelFolder } from '../workspace.ts';
import type { OpenedDataset } from './dataset.ts';
import { planOf } from './plans.ts';
import { prepareStage } from './preparation.ts';

const KEY = 'seg';

export interface CascadeNames {
  readonly trainer: string;
  readonly plans: PlansFile;
  readonly plan: ConfigurationPlan;
}

/** Where a stage leaves its segmentations for another one. */
export interface NextStage {
  readonly folder: string;
  /** Of the case as the next stage sees it. */
  readonly shapeOf: (id: string) => Promise<PerAxis>;
}

/** The stages that follow a plan's; their cases are prepared, for their shapes. */
export async function nextStages(
  context: Context,
  dataset: OpenedDataset,
  { plans, plan }: Omit<CascadeNames, 'trainer'>,
  model: string,
): Promise<NextStage[]> {
  const found: NextStage[] = [];
  for (const name of plan.nextStages) {
    const cases = await prepareStage(context, dataset, planOf(dataset, plans, name));
    found.push({
      folder: join(model, 'predicted_next_stage', name),
      shapeOf: async (id) => (await cases.open(id)).shape,
    });
  }
  return found;
}

export function nextStageFile(folder: string, id: string): string {
  return join(folder, `${id}.b2nd`);
}

function olderFile(folder: string, id: string): string {
  return join(folder, `${id}.npz`);
}

export async function saveNextStage(folder: string, id: string, shape: PerAxis, labels: Int16Array): Promise<void> {
  const data = Uint8Array.from(labels);
  await writeWhole(nextStageFile(folder, id), await encodeB2nd({ dtype: 'uint8', shape, data }));
}

/** The model folder of the stage before. */
function previousModel(dataset: OpenedDataset, { trainer, plans, plan }: CascadeNames): string {
  return join(dataset.results, modelFolder(trainer, plans.plans_name, plan.previousStage!));
}

/** The cases with what the previous stage found in them. Throws: InputError naming cases that it has not validated yet. */
export function stagedCases(
  dataset: OpenedDataset,
  cases: CaseSource,
  ids: readonly string[],
  names: CascadeNames,
): CaseSource {
  const { plan } = names;
  const folder = join(previousModel(dataset, names), 'predicted_next_stage', plan.name);
  const missing = ids.filter((id) => !existsSync(nextStageFile(folder, id)) && !existsSync(olderFile(folder, id)));
  if (missing.length > 0)
    throw new InputError(
      'missing-previous-stage',
      `${folder}: ${plan.name} learns from what ${plan.previousStage!} found in the cases that it did not train on; that is missing for ${missing.length} of ${ids.length} (${missing.slice(0, 3).join(', ')}${missing.length > 3 ? ' …' : ''}). Train every fold of ${plan.previousStage!} first.`,
      folder,
      { missing },
    );
  return withPreviousStage(cases, async ({ id }) => {
    const path = [nextStageFile(folder, id), olderFile(folder, id)].find((one) => existsSync(one))!;
    const bytes = await readFile(path);
    const array = path.endsWith('.b2nd')
      ? await decodeB2nd(bytes, { file: path })
      : (await decodeNpz(bytes, { file: path })).get(KEY);
    if (array === undefined) throw new InputError('bad-previous-stage', `${path}: holds no array "${KEY}".`, path);
    return Int16Array.from(array.data as ArrayLike<number>);
  });
}

/** The previous stage's validation segmentation of a case, on its own grid: what the validation of this stage starts from. */
export function previousValidation(dataset: OpenedDataset, names: CascadeNames): (id: string) => string {
  const model = previousModel(dataset, names);
  const folds = existsSync(model)
    ? readdirSync(model)
        .filter((name) => name.startsWith('fold_'))
        .sort()
    : [];
  return (id) => {
    const paths = folds.map((fold) => join(model, fold, 'validation', `${id}${dataset.source.fileEnding}`));
    const found = paths.find((path) => existsSync(path));
    if (found === undefined)
      throw new InputError(
        'missing-previous-stage',
        `${model}: no fold has validated ${id}; train every fold of ${names.plan.previousStage!} first.`,
        model,
        { case: id },
      );
    return found;
  };
}
