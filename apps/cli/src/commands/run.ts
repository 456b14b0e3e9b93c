/** `run`: everything: doctor → fingerprint → plan → preprocess → train → find-best → predict → evaluate → report. */
import { configurationNames, resolveConfiguration, type Fold, type PlansFile, type Split } from '@voxelwise/planner';
import { basename, join } from 'node:path';
import { openAugmentationDevice, openDevice, type Context } from '../context.ts';
import { CommandUsageError } from '../exit.ts';
import { writeJson } from '../files.ts';
import { peakMemoryBytes } from '../machine.ts';
import type { CommandDefinition } from '../command-definition.ts';
import { chooseModel, type Choice } from '../run/choose.ts';
import type { Job, TrainedConfiguration } from '../run/job.ts';
import { planRows } from '../run/plan-rows.ts';
import { RunState } from '../run/run-state.ts';
import { segmentTest } from '../run/segment-test.ts';
import { decidingSet, summarizeRun, type ScoredSet } from '../run/summarize.ts';
import { checkTestLabels, findTestSet } from '../run/test-set.ts';
import { referenceRecipe, trainConfiguration } from '../run/train-configuration.ts';
import { openDataset, pathOf, type OpenedDataset } from '../stages/dataset.ts';
import { examineDataset } from '../stages/examination.ts';
import { fingerprintStage } from '../stages/fingerprint.ts';
import { planOf, plansStage } from '../stages/plans.ts';
import { classNames, finite, meanDiceOf, perClass } from '../stages/scoring.ts';
import { casesIn } from '../stages/segmenting.ts';
import { requireFit } from '../stages/prediction-memory.ts';
import {
  bytesBeside,
  planTraining,
  requireTrainingMemory,
  type PlannedTraining,
  type TrainingToPlan,
} from '../stages/training-memory.ts';
import { requireFolds, splitsStage } from '../stages/training.ts';
import { formatTable } from '../terminal/output.ts';
import { formatSeconds } from '../terminal/progress.ts';
import { parseDuration, parseFolds } from '../values.ts';
import { dataError, faultTable } from './doctor.ts';
import { SUMMARY_FILE, writeReport } from './report.ts';

interface RunFlags {
  readonly budget?: string;
  readonly configurations?: string;
  readonly folds: string;
  readonly test?: string;
  readonly output?: string;
}

export const runCommand: CommandDefinition = {
  name: 'run',
  define: (command, withContext) =>
    command
      .description('everything, from data check to report; run again to go on')
      .argument('<dataset>', 'id, name or path of a data set')
      .option('--budget <duration>', 'the whole run ends inside this time, e.g. 30m')
      .option(
        '--configurations <list>',
        '2d,3d_fullres … (default: with a budget 3d_fullres or else 2d, without one all)',
      )
      .option(
        '--folds <list>',
        '0,1,2,3,4 or fewer; all is one training on every case (default: 0 with a budget, every one without; all where cases are too few for folds)',
        '',
      )
      .option('--test <dir>', 'images to segment at the end, with labels beside them if they are to be scored')
      .option('--output <dir>', 'where segmentations of --test go (default: in the results folder)')
      .addHelpText(
        'after',
        '\nExamples:\n  $ voxelwise run Task04_Hippocampus --budget 30m --configurations 3d_fullres --folds 0\n  $ voxelwise run 4 --folds 0,1,2,3,4 --test imagesTs --output segmentations',
      )
      .action(withContext(run)),
};

async function run(context: Context, spec: string, flags: RunFlags): Promise<void> {
  const { output } = context;
  const budget = flags.budget === undefined ? undefined : parseDuration(flags.budget);
  const dataset = await openDataset(context, spec);
  const splits = await splitsStage(dataset);
  const folds = chooseFolds(flags, budget, splits);
  requireFolds(dataset, splits, folds);
  if (splits.length === 0)
    output.note(
      `${dataset.name} has ${dataset.source.training.length} cases, too few for folds: one training on every case, scored on what it learned from`,
    );
  const state = await RunState.open(dataset.results, {
    spec: dataset.source.tree.root,
    budget,
    configurations: flags.configurations,
    folds: flags.folds,
    test: flags.test,
    seed: context.seed,
    device: context.device,
  });
  if (state.resumed)
    output.note(`going on with the run in ${dataset.results} (${formatSeconds(state.seconds)} so far)`);
  const test = flags.test === undefined ? undefined : await findTestSet(flags.test);
  const testIds = test
    ? (await casesIn(test.images, dataset.source.fileEnding, dataset.source.channels)).cases.map(({ id }) => id)
    : [];

  const faults = await state.stage('doctor', () => examineDataset(context, dataset));
  const errors = faults.filter((fault) => fault.severity === 'error');
  if (faults.length > 0) output.note(faultTable(faults));
  if (errors.length > 0) throw dataError(spec, errors);
  if (test) await checkTestLabels(context, dataset, test, testIds);
  await state.stage('fingerprint', () => fingerprintStage(context, dataset));
  const plans = await state.stage('plan', () => plansStage(context, dataset));
  const configurations = chooseConfigurations(plans, flags, budget);
  const cascade = configurations.find((name) => planOf(dataset, plans, name).previousStage !== undefined);
  if (cascade !== undefined && !folds.includes('all') && splits.some((_, k) => !folds.includes(k)))
    throw new CommandUsageError(
      `${cascade} learns from what the folds of its first stage found in cases they did not train on; use --folds ${splits.map((_, k) => k).join(',')}, or leave it out with --configurations`,
    );

  const trainings = configurations.map((name): TrainingToPlan => {
    const plan = planOf(dataset, plans, name);
    return { plan, settings: referenceRecipe(plan).settings };
  });
  // Any case may be validated; a fold for every case to train on has none.
  const validated = folds.some((fold) => fold !== 'all') ? dataset.source.training : [];
  const planned: PlannedTraining[] = [];
  for (const training of trainings)
    planned.push(
      await planTraining(context, dataset, training, { validated, saveProbabilities: configurations.length > 1 }),
    );
  const device = await openDevice(context, 'training and predicting', bytesBeside(planned));
  const augmentOn = await openAugmentationDevice();
  try {
    // What cannot be done is not preprocessed first. With a budget, networks are made smaller than planned.
    if (budget === undefined)
      for (const one of planned) {
        await requireTrainingMemory(context, device, one);
        requireFit(context, one.validation);
      }
    const job: Job = {
      context,
      dataset,
      device,
      augmentOn,
      state,
      plans,
      splits,
      folds,
      configurations,
      budget,
      testCases: testIds.length,
    };
    const trained: TrainedConfiguration[] = [];
    for (const configuration of configurations) trained.push(await trainConfiguration(job, configuration, trained));
    const choice = await chooseModel(job, trained);
    const [best] = choice.members as [TrainedConfiguration];
    const scored: ScoredSet[] = [];
    let segmented: string | undefined;
    if (test) {
      segmented = flags.output ?? join(dataset.results, 'test');
      const summary = await state.stage('test', () => segmentTest(job, choice, trained, test, segmented!));
      if (summary) scored.push({ split: 'test', summary: summary.scores, imageOf: summary.imageOf });
    }
    if (choice.summary)
      scored.push({ split: 'validation', summary: choice.summary, imageOf: (id) => imageOf(dataset, id) });

    const recipes = new Map(trained.map((one) => [one.configuration, one.recipe]));
    const words = `voxelwise run ${spec}${flags.budget ? ` --budget ${flags.budget}` : ''}${flags.configurations ? ` --configurations ${flags.configurations}` : ''}${flags.folds ? ` --folds ${flags.folds}` : ''}${flags.test ? ` --test ${flags.test}` : ''}`;
    const makeSummary = async (): Promise<void> =>
      writeJson(
        join(dataset.results, SUMMARY_FILE),
        await summarizeRun({
          dataset,
          seed: context.seed,
          words,
          seconds: state.seconds,
          stages: state.stages,
          device: device.name,
          recipes,
          planRows: trained.flatMap((one) => planRows(one.plan, one.recipe)),
          curves: trained.flatMap((one) => one.curves),
          scored,
          candidates: choice.candidates,
          warnings: faults
            .filter((fault) => fault.severity === 'warning')
            .map((fault) => `${basename(fault.file)}: ${fault.message} ${fault.fix}`),
          models: trained.map((one) => one.folds[0]!.model),
        }),
      );
    await state.stage('report', async () => {
      await makeSummary();
      await writeReport(dataset.results);
    });
    const report = join(dataset.results, 'report.html');
    const deciding = decidingSet(scored);
    const names = classNames(dataset.datasetJson.labels);
    if (deciding) output.print(scoreTable(deciding, names, dataset.source.fileEnding));
    if (choice.candidates.length > 1) output.print(`\n${candidateTable(choice.candidates)}`);
    output.print(`\nreport:        ${report}`);
    if (segmented !== undefined) output.print(`segmentations: ${segmented}`);
    for (const { folds: trainedFolds } of choice.members) output.print(`model:         ${trainedFolds[0]!.model}`);
    output.print(
      `took ${formatSeconds(state.seconds)}${budget === undefined ? '' : ` of ${formatSeconds(budget)}`}, at most ${(peakMemoryBytes() / 2 ** 30).toFixed(2)} GB`,
    );
    output.document({
      meanDice: deciding ? finite(deciding.summary.foreground_mean.Dice) : null,
      perClass: deciding ? perClass(deciding.summary.mean, new Map()) : {},
      classNames: Object.fromEntries(names),
      cases: deciding?.summary.metric_per_case.length ?? 0,
      seconds: state.seconds,
      device: device.name,
      candidates: choice.candidates,
      postprocessing: choice.steps,
      peakMemoryBytes: peakMemoryBytes(),
      outputs: {
        report,
        model: best.folds[0]!.model,
        models: choice.members.map((one) => one.folds[0]!.model),
        results: dataset.results,
        ...(segmented === undefined ? {} : { segmentations: segmented }),
        ...(best.summary ? { validation: join(best.folds[0]!.folder, 'validation') } : {}),
      },
    });
    if (deciding) output.print(`mean Dice ${deciding.summary.foreground_mean.Dice.toFixed(2)}`);
  } finally {
    device.dispose();
    augmentOn.dispose();
  }
}

function imageOf(dataset: OpenedDataset, id: string): string {
  return pathOf(dataset, dataset.source.training.find((files) => files.id === id)!.images[0]!);
}

function chooseConfigurations(plans: PlansFile, flags: RunFlags, budget: number | undefined): string[] {
  const known = configurationNames(plans);
  const asked = flags.configurations?.split(',').map((name) => name.trim());
  const unknown = asked?.find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new CommandUsageError(`--configurations: the plans hold ${known.join(', ')}; came '${unknown}'`);
  if (asked) return withPreviousStages(plans, asked);
  return budget === undefined ? [...known] : [known.includes('3d_fullres') ? '3d_fullres' : '2d'];
}

/** A cascade's first stage comes before its second, asked for or not. */
function withPreviousStages(plans: PlansFile, asked: readonly string[]): string[] {
  const before = (name: string): string[] => {
    const previous = resolveConfiguration(plans.configurations, name).previous_stage;
    return previous === undefined ? [name] : [...before(previous), name];
  };
  return [...new Set(asked.flatMap(before))];
}

function chooseFolds(flags: RunFlags, budget: number | undefined, splits: readonly Split[]): Fold[] {
  if (flags.folds !== '') return parseFolds(flags.folds);
  if (splits.length === 0) return ['all'];
  return budget === undefined ? splits.map((_, k) => k) : [0];
}

function scoreTable({ summary, split }: ScoredSet, names: ReadonlyMap<string, string>, ending: string): string {
  const keys = Object.keys(summary.mean);
  const show = (value: number | null | undefined): string =>
    value === null || value === undefined || Number.isNaN(value) ? '–' : value.toFixed(3);
  const hd95 = (value: number | undefined): string =>
    value === undefined || !Number.isFinite(value) ? '–' : value.toFixed(2);
  const rows = summary.metric_per_case.map(({ metrics, prediction_file }) => [
    basename(prediction_file).slice(0, -ending.length),
    ...keys.flatMap((key) => [show(metrics[key]!.Dice), hd95(metrics[key]!['HD95'])]),
    show(meanDiceOf(metrics)),
  ]);
  const mean = [
    'mean',
    ...keys.flatMap((key) => [show(summary.mean[key]!.Dice), hd95(summary.mean[key]!['HD95'])]),
    show(summary.foreground_mean.Dice),
  ];
  return formatTable(
    [`${split} case`, ...keys.flatMap((key) => [`${names.get(key) ?? key} Dice`, 'HD95 mm']), 'mean Dice'],
    [...(rows.length > 12 ? rows.slice(0, 12).concat([[`… ${rows.length - 12} more`]]) : rows), mean],
  );
}

function candidateTable(candidates: Choice['candidates']): string {
  return formatTable(
    ['', 'compared on the validation cases', 'mean Dice'],
    candidates.map(({ name, meanDice, chosen }) => [chosen ? '→' : '', name, meanDice.toFixed(4)]),
  );
}
