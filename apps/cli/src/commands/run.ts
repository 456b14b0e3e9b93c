/** `run`: everything: doctor → fingerprint → plan → preprocess → train → choose → predict → evaluate → report. */
import type { Device } from '@voxelwise/compute';
import { loadModel } from '@voxelwise/inference';
import { directoryFolder } from '@voxelwise/inference/node';
import { summarize, type Summary } from '@voxelwise/metrics';
import {
  configurationNames,
  resolveConfiguration,
  type ConfigurationPlan,
  type Fold,
  type PlansFile,
  type Split,
} from '@voxelwise/planner';
import { nnunetSettings, type BudgetPlan, type CaseSource, type TrainingSettings } from '@voxelwise/training';
import { rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { openAugmentationDevice, openDevice, type Context } from '../context.ts';
import { CommandUsageError, ResourceError } from '../exit.ts';
import { exists, readJson, writeJson } from '../files.ts';
import { peakMemoryBytes } from '../machine.ts';
import type { CommandDefinition } from '../program.ts';
import type { FoldCurve } from '../report/run-summary.ts';
import { decideBudget } from '../run/budget.ts';
import { trainerName, withBudget } from '../run/edited-plans.ts';
import { planRows } from '../run/plan-rows.ts';
import { RunState } from '../run/run-state.ts';
import { decidingSet, summarizeRun, type ScoredSet } from '../run/summarize.ts';
import { findTestSet } from '../run/test-set.ts';
import { openDataset, pathOf, type OpenedDataset } from '../stages/dataset.ts';
import { examineDataset } from '../stages/examination.ts';
import { fingerprintStage } from '../stages/fingerprint.ts';
import { planOf, plansStage } from '../stages/plans.ts';
import { prepareStage } from '../stages/preparation.ts';
import { stagedCases } from '../stages/cascade.ts';
import { classNames, finite, meanDiceOf, pairFolders, perClass, saveSummary, scorePairs } from '../stages/scoring.ts';
import { casesIn, segmentCases } from '../stages/segmenting.ts';
import {
  curvePoints,
  foldFolder,
  splitsStage,
  TIMES,
  trainFold,
  validateFold,
  type TrainedFold,
} from '../stages/training.ts';
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
      .option('--folds <list>', '0,1 … or all (default: 0 with a budget, all five without)', '')
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

  const faults = await state.stage('doctor', () => examineDataset(context, dataset));
  const errors = faults.filter((fault) => fault.severity === 'error');
  if (faults.length > 0) output.note(faultTable(faults));
  if (errors.length > 0) throw dataError(spec, errors);
  await state.stage('fingerprint', () => fingerprintStage(context, dataset));
  const plans = await state.stage('plan', () => plansStage(context, dataset));
  const configurations = chooseConfigurations(plans, flags, budget);
  const folds = chooseFolds(flags, budget);
  const splits = await splitsStage(dataset);
  if (splits.length === 0 && folds.some((fold) => fold !== 'all'))
    throw new CommandUsageError(
      `${dataset.name} has ${dataset.source.training.length} cases, too few for five folds; use --folds all`,
    );

  const cascade = configurations.find((name) => planOf(dataset, plans, name).previousStage !== undefined);
  if (cascade !== undefined && !folds.includes('all') && splits.some((_, k) => !folds.includes(k)))
    throw new CommandUsageError(
      `${cascade} learns from what the folds of its first stage found in cases they did not train on; use --folds ${splits.map((_, k) => k).join(',')}, or leave it out with --configurations`,
    );

  const device = await openDevice(context, 'training and predicting');
  const augmentOn = await openAugmentationDevice();
  try {
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
      parts: configurations.length * folds.length,
      testCases: test
        ? (await casesIn(test.images, dataset.source.fileEnding, dataset.source.channels)).cases.length
        : 0,
    };
    const trained: TrainedConfiguration[] = [];
    for (const configuration of configurations) trained.push(await trainConfiguration(job, configuration, trained));
    const best = bestOf(trained);
    const scored: ScoredSet[] = [];
    let segmented: string | undefined;
    if (test) {
      segmented = flags.output ?? join(dataset.results, 'test');
      const summary = await state.stage('test', () => segmentTest(job, best, trained, test, segmented!));
      if (summary) scored.push({ split: 'test', summary: summary.scores, imageOf: summary.imageOf });
    }
    if (best.summary)
      scored.push({ split: 'validation', summary: best.summary, imageOf: (id) => imageOf(dataset, id) });

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
    output.print(`\nreport:        ${report}`);
    if (segmented !== undefined) output.print(`segmentations: ${segmented}`);
    output.print(`model:         ${best.folds[0]!.model}`);
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
      peakMemoryBytes: peakMemoryBytes(),
      outputs: {
        report,
        model: best.folds[0]!.model,
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

interface Job {
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
  /** Trainings in all. */
  readonly parts: number;
  readonly testCases: number;
}

interface TrainedConfiguration {
  readonly configuration: string;
  readonly plan: ConfigurationPlan;
  readonly recipe: BudgetPlan;
  readonly folds: readonly TrainedFold[];
  readonly curves: readonly FoldCurve[];
  /** Over all validation cases of the folds; undefined where a fold trained on everything. */
  readonly summary: Summary | undefined;
}

/** Seconds kept back for tables and the report. */
const LEAST_RESERVE = 8;
/** Share of the budget kept back, and how much longer than measured predictions may take: the machine may get busy. */
const RESERVE_SHARE = 0.02;
const PREDICTION_MARGIN = 1.5;

function reserve(budget: number): number {
  return Math.max(LEAST_RESERVE, RESERVE_SHARE * budget);
}

async function trainConfiguration(
  job: Job,
  configuration: string,
  earlier: readonly TrainedConfiguration[],
): Promise<TrainedConfiguration> {
  const configurationsLeft = job.configurations.length - earlier.length;
  const { context, dataset, device, state, folds } = job;
  const planned = planOf(dataset, job.plans, configuration);
  const cases = await state.stage('preprocess', () => prepareStage(context, dataset, planned));
  const previous = earlier.find((one) => one.configuration === planned.previousStage);
  const previousTrainer = previous && trainerName(previous.recipe.settings.recipe);
  const seen = (): CaseSource =>
    previousTrainer === undefined
      ? cases
      : stagedCases(
          dataset,
          cases,
          dataset.source.training.map((files) => files.id),
          { trainer: previousTrainer, plans: job.plans, plan: planned },
        );
  // A fold that trains on everything has no case left to validate on; the test set does that.
  const followed = planned.nextStages.some((name) => job.configurations.includes(name));
  const validates = (fold: Fold): boolean => fold !== 'all' || job.testCases === 0 || followed;
  const anew = !state.decided(`recipe ${configuration}`);
  const recipe = await state.stage('budget', () =>
    state.decide(`recipe ${configuration}`, async (): Promise<BudgetPlan> => {
      if (job.budget === undefined) return referenceRecipe(nnunetSettings(planned), planned);
      const seconds = (job.budget - state.seconds - reserve(job.budget)) / configurationsLeft;
      if (seconds < 20)
        throw new ResourceError(
          `run: of the budget of ${formatSeconds(job.budget)} only ${formatSeconds(Math.max(0, seconds))} are left for training ${configuration}; give it more.`,
          { budget: job.budget, spent: state.seconds },
        );
      const predictions =
        folds.filter(validates).length > 0
          ? Math.ceil(dataset.source.training.length / Math.max(1, job.splits.length)) * folds.filter(validates).length
          : 0;
      return decideBudget({
        context,
        device,
        augmentOn: job.augmentOn,
        plan: planned,
        cases: seen(),
        ids: dataset.source.training.map((files) => files.id),
        seconds,
        folds: folds.length,
        predictions: predictions + job.testCases,
      });
    }),
  );
  explainRecipe(context, configuration, recipe);
  const plans = withBudget(job.plans, configuration, recipe);
  const plan = planOf(dataset, plans, configuration);
  const options = {
    plans,
    plan,
    settings: recipe.settings,
    inference: recipe.inference,
    trainer: trainerName(recipe.settings.recipe),
    splits: job.splits,
    ...(previousTrainer === undefined ? {} : { previousTrainer }),
  };
  if (anew) await setAside(context, foldFolder(dataset, { ...options, fold: folds[0]! }).model);
  const trained: TrainedFold[] = [];
  const curves: FoldCurve[] = [];
  const summaries: Summary[] = [];
  for (const [k, fold] of folds.entries()) {
    // What is left is shared among the folds to come; each keeps back what its predictions will take.
    const share = (): number =>
      (job.budget! - state.seconds - reserve(job.budget!) - PREDICTION_MARGIN * recipe.expected.predictionSeconds) /
      (configurationsLeft * (folds.length - k));
    const one = await state.stage('train', () =>
      trainFold(context, dataset, device, cases, {
        ...options,
        augmentOn: job.augmentOn,
        fold,
        ...(job.budget === undefined ? {} : { secondsLeft: share }),
      }),
    );
    trained.push(one);
    curves.push({
      configuration,
      fold: String(fold),
      points: curvePoints(one.result.history, await readJson(join(one.folder, TIMES))),
    });
    if (validates(fold)) {
      const inference = inTime(job, recipe, folds.length);
      summaries.push(
        await state.stage('validate', () =>
          validateFold(context, dataset, device, one, { ...options, inference, fold }),
        ),
      );
    }
  }
  return { configuration, plan, recipe, folds: trained, curves, summary: joined(summaries) };
}

/** Leaves mirroring out where the machine got so busy that predicting with it would outlast the budget. */
function inTime(
  { context, budget, state }: Job,
  { inference, expected }: BudgetPlan,
  folds: number,
): BudgetPlan['inference'] {
  if (budget === undefined || !inference.mirroring) return inference;
  const left = budget - state.seconds - LEAST_RESERVE;
  if (left >= expected.predictionSeconds / folds) return inference;
  context.output.warn(`only ${formatSeconds(left)} are left to predict in: without mirroring`);
  return { ...inference, mirroring: false };
}

/** What an earlier run of other words trained under this name is kept, under another. */
async function setAside({ output }: Context, folder: string): Promise<void> {
  if (!exists(folder)) return;
  let k = 1;
  while (exists(`${folder}.before-${k}`)) k++;
  await rename(folder, `${folder}.before-${k}`);
  output.note(`kept what an earlier run trained as ${basename(folder)}.before-${k}`);
}

function joined(summaries: readonly Summary[]): Summary | undefined {
  if (summaries.length < 2) return summaries[0];
  const cases = summaries.flatMap((summary) => summary.metric_per_case);
  return summarize(cases);
}

function bestOf(trained: readonly TrainedConfiguration[]): TrainedConfiguration {
  const dice = (one: TrainedConfiguration): number =>
    one.summary?.foreground_mean.Dice ?? one.folds[0]?.result.bestEmaDice ?? 0;
  return trained.reduce((best, one) => (dice(one) > dice(best) ? one : best));
}

/** Beside the segmentations that go on from them. */
function previousFolder(folder: string, stage: string): string {
  return `${folder}-${stage}`;
}

async function segmentTest(
  job: Job,
  best: TrainedConfiguration,
  trained: readonly TrainedConfiguration[],
  test: Awaited<ReturnType<typeof findTestSet>>,
  folder: string,
): Promise<{ scores: Summary; imageOf: (id: string) => string } | undefined> {
  const { context, dataset, device, folds } = job;
  const model = await loadModel(directoryFolder(best.folds[0]!.model), { configuration: best.configuration, folds });
  const { source, cases } = await casesIn(test.images, dataset.source.fileEnding, dataset.source.channels);
  const { previousStage } = best.plan;
  if (previousStage !== undefined)
    await segmentTest(
      job,
      trained.find((one) => one.configuration === previousStage)!,
      trained,
      { images: test.images, labels: undefined },
      previousFolder(folder, previousStage),
    );
  await segmentCases(context, model, device, source, cases, folder, {
    ...best.recipe.inference,
    previousStage: previousStage === undefined ? undefined : previousFolder(folder, previousStage),
    identity: `${best.folds.map((one) => one.result.steps).join()} ${JSON.stringify(best.recipe.settings)} ${context.seed}`,
  });
  if (test.labels === undefined) return undefined;
  const pairs = await pairFolders(folder, test.labels, dataset.source.fileEnding, true);
  const { labels } = model.plan;
  const scores = await scorePairs(context, pairs, {
    labels: labels.foreground,
    ignoreLabel: labels.ignoreLabel,
    surfaces: true,
  });
  await saveSummary(join(folder, 'summary.json'), scores);
  return { scores, imageOf: (id) => join(test.images, cases.find((files) => files.id === id)!.images[0]!) };
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

function chooseFolds(flags: RunFlags, budget: number | undefined): Fold[] {
  if (flags.folds !== '') return parseFolds(flags.folds);
  return budget === undefined ? [0, 1, 2, 3, 4] : [0];
}

/** nnU-Net's own recipe as a decision. */
function referenceRecipe(settings: TrainingSettings, plan: ReturnType<typeof planOf>): BudgetPlan {
  return {
    network: plan.network,
    patch: (plan.dimensions === 2 ? [1, ...plan.patchSize] : plan.patchSize) as BudgetPlan['patch'],
    settings,
    inference: { stepSize: 0.5, mirroring: true },
    expected: { secondsPerStep: 0, trainingSeconds: 0, predictionSeconds: 0 },
    decisions: [{ name: 'recipe', value: "nnU-Net's own", why: 'no budget was given' }],
  };
}

function explainRecipe(context: Context, configuration: string, { decisions }: BudgetPlan): void {
  context.output.note(`\n${configuration}: what was chosen, and why`);
  for (const { name, value, why } of decisions) context.output.note(`  ${name}: ${value}\n    ${why}`);
  context.output.note('');
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
