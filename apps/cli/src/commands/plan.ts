/** `plan`: fingerprint in, plans out, with the rule behind each value; `plan diff` compares two. */
import { join } from 'node:path';
import { readFile } from 'node:fs/promises';
import {
  checkDatasetJson,
  diffPlans,
  explanationText,
  planners,
  readFingerprint,
  readPlans,
  writePlans,
  type DatasetJson,
  type PlansFile,
} from '@voxelwise/planner';
import { datasetJson } from '@voxelwise/io';
import { openDataset as openPath } from '@voxelwise/io/node';
import { parsePythonJson } from '@voxelwise/volume';
import { CommandUsageError } from '../exit.ts';
import { exists, writeWhole } from '../files.ts';
import type { BudgetPlan } from '@voxelwise/training';
import { openAugmentationDevice, openDevice, type Context } from '../context.ts';
import type { CommandDefinition } from '../command-definition.ts';
import { formatTable } from '../terminal/output.ts';
import { decideBudget } from '../run/budget.ts';
import { withBudget } from '../run/edited-plans.ts';
import { openDataset, type OpenedDataset } from '../stages/dataset.ts';
import { fingerprintStage } from '../stages/fingerprint.ts';
import { makePlans, plannerName, type PlanFlags, type PlanningSource } from '../stages/planning.ts';
import { planOf } from '../stages/plans.ts';
import { prepareStage } from '../stages/preparation.ts';
import { splitsStage } from '../stages/training.ts';
import { parseDuration } from '../values.ts';
import { workspaceOf } from '../workspace.ts';

export const planCommand: CommandDefinition = {
  name: 'plan',
  define: (command, withContext) =>
    command
      .description('fingerprint in, plans out; `plan diff A.json B.json` compares two')
      .argument('[dataset or diff]', 'id, name or path of a data set; or the word diff with two plans files')
      .argument('[files...]', 'the two files of diff')
      .option('--planner <name>', "default, resenc-m, resenc-l, resenc-xl, or the reference's class name", 'default')
      .option('--memory <size>', 'GPU memory to plan for, e.g. 8GB')
      .option(
        '--budget <duration>',
        'fit 3d_fullres (2d where there is none) to a training of one fold in this time here, e.g. 30m; preprocesses, to measure',
      )
      .option('--explain', 'the rule and the inputs behind each value')
      .option(
        '--set <path=value>',
        'change a value of the plans; may be repeated',
        (value: string, list: string[] = []) => [...list, value],
      )
      .option('--name <plans name>', 'name of the plans')
      .option('--target-spacing <z,y,x>', 'spacing of the full resolution in millimetres')
      .option('--fingerprint <file>', 'plan from this fingerprint, without images')
      .option('--dataset-json <file>', 'the dataset.json that belongs to --fingerprint')
      .option('--dataset-name <name>', 'name to plan under, with --fingerprint', 'Dataset001_x')
      .option('--out <file>', 'where to write the plans')
      .addHelpText(
        'after',
        '\nExamples:\n  $ voxelwise plan Task04_Hippocampus --explain\n  $ voxelwise plan 4 --planner resenc-l --memory 24GB\n  $ voxelwise plan 4 --budget 2h --name nnUNetPlans_2h\n  $ voxelwise plan --fingerprint dataset_fingerprint.json --dataset-json dataset.json --out nnUNetPlans.json\n  $ voxelwise plan diff nnUNetPlans.json mine.json',
      )
      .action(
        withContext(async (context: Context, subject: string | undefined, files: string[], flags: PlanFlags) => {
          if (subject === 'diff') return diff(context, files);
          await plan(context, subject, flags);
        }),
      ),
};

async function diff({ output }: Context, files: readonly string[]): Promise<void> {
  if (files.length !== 2) throw new CommandUsageError(`plan diff takes two plans files, came ${files.length}`);
  const [before, after] = await Promise.all(files.map(async (file) => readPlans(await readFile(file, 'utf8'), file)));
  const differences = diffPlans(before!, after!);
  const show = (value: unknown): string => (value === undefined ? '–' : JSON.stringify(value));
  output.print(
    differences.length === 0
      ? 'no difference'
      : formatTable(
          ['value', files[0]!, files[1]!],
          differences.map((d) => [d.path, show(d.before), show(d.after)]),
        ),
  );
  output.document({ differences });
}

async function plan(context: Context, dataset: string | undefined, flags: PlanFlags): Promise<void> {
  const { output } = context;
  const budget = flags.budget === undefined ? undefined : parseDuration(flags.budget);
  if (budget !== undefined && flags.fingerprint !== undefined)
    throw new CommandUsageError('--budget measures steps on the images; it does not go with --fingerprint');
  const source = await planningSource(context, dataset, flags);
  const { plans: planned, explanations } = makePlans(source, flags);
  const { plans, decisions } =
    budget === undefined ? { plans: planned } : await fitBudget(context, source.opened!, planned, budget);
  const path = flags.out ?? source.path(plans.plans_name);
  await writeWhole(path, writePlans(plans));
  if (flags.explain) output.print(explanations.map(explanationText).join('\n\n'));
  output.print(planTable(plans));
  for (const { name, value, why } of decisions ?? []) output.print(`${name}: ${value}\n  ${why}`);
  output.print(`wrote ${path}`);
  output.document({
    plans: path,
    planner: plans.experiment_planner_used,
    configurations: plans.configurations,
    ...(decisions === undefined ? {} : { decisions }),
    ...(flags.explain ? { explanations } : {}),
  });
}

async function planningSource(
  context: Context,
  dataset: string | undefined,
  flags: PlanFlags,
): Promise<PlanningSource & { readonly opened?: OpenedDataset; path(plansName: string): string }> {
  if (flags.fingerprint !== undefined) {
    if (flags.datasetJson === undefined)
      throw new CommandUsageError('--fingerprint needs --dataset-json: the description that belongs to it');
    const description = await readDescription(flags.datasetJson);
    return {
      fingerprint: readFingerprint(await readFile(flags.fingerprint, 'utf8')),
      datasetJson: description,
      datasetName: flags.datasetName ?? 'Dataset001_x',
      path: (name) => `${name}.json`,
    };
  }
  if (dataset === undefined) throw new CommandUsageError('plan takes a data set, or --fingerprint with --dataset-json');
  const opened = await openDataset(context, dataset);
  const fingerprint = await fingerprintStage(context, opened);
  const folder = join(workspaceOf(context).preprocessed, opened.name);
  const path = (name: string): string => join(folder, `${name}.json`);
  const named = flags.name ?? planners.find((known) => known.name === plannerName(flags))!.plansName;
  const existing = exists(path(named)) ? readPlans(await readFile(path(named), 'utf8'), path(named)) : undefined;
  return {
    fingerprint,
    datasetJson: opened.datasetJson,
    datasetName: opened.name,
    opened,
    path,
    ...(existing === undefined ? {} : { existing }),
  };
}

/** nnU-Net v2's description, or that of a list of cases (MSD, nnU-Net v1, MONAI) in its form; no image is opened. */
async function readDescription(file: string): Promise<DatasetJson> {
  const json = parsePythonJson(await readFile(file, 'utf8'), file) as Readonly<Record<string, unknown>> | null;
  const isList = Array.isArray(json?.['training']) && json['file_ending'] === undefined;
  const description: unknown = isList ? datasetJson(await openPath(file)) : json;
  checkDatasetJson(description, file);
  return description;
}

/** Width, patch, batch and steps with which one fold trains and validates in the time given, measured on this machine. */
async function fitBudget(
  context: Context,
  dataset: OpenedDataset,
  plans: PlansFile,
  seconds: number,
): Promise<{ readonly plans: PlansFile; readonly decisions: BudgetPlan['decisions'] }> {
  const configuration = '3d_fullres' in plans.configurations ? '3d_fullres' : '2d';
  const plan = planOf(dataset, plans, configuration);
  const cases = await prepareStage(context, dataset, plan);
  const ids = dataset.source.training.map(({ id }) => id);
  const splits = await splitsStage(dataset);
  const device = await openDevice(context, 'training');
  const augmentOn = await openAugmentationDevice();
  try {
    const request = { context, device, augmentOn, plan, cases, ids, seconds, folds: 1 };
    const recipe = await decideBudget({ ...request, predictions: splits[0]?.val.length ?? 0 });
    return { plans: withBudget(plans, configuration, recipe), decisions: recipe.decisions };
  } finally {
    device.dispose();
    augmentOn.dispose();
  }
}

function planTable(plans: PlansFile): string {
  const rows = Object.entries(plans.configurations).map(([name, c]) => [
    name,
    c.patch_size?.join(' × ') ?? `inherits ${c.inherits_from ?? ''}`,
    String(c.batch_size ?? ''),
    c.spacing?.map((s) => Number(s.toPrecision(4))).join(', ') ?? '',
    c.architecture?.network_class_name.split('.').at(-1) ?? '',
    c.architecture?.arch_kwargs.features_per_stage.join(' ') ?? '',
  ]);
  return formatTable(['configuration', 'patch', 'batch', 'spacing mm', 'network', 'features'], rows);
}
