/** Trains the folds of one configuration inside its share of the budget, and validates them. */
import { summarize, type LabelOrRegion, type Summary } from '@voxelwise/metrics';
import type { ConfigurationPlan, Fold } from '@voxelwise/planner';
import { nnunetSettings, type BudgetPlan, type CaseSource, type TrainingSettings } from '@voxelwise/training';
import { rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Context } from '../context.ts';
import { ResourceError } from '../exit.ts';
import { exists, readJson } from '../files.ts';
import type { FoldCurve } from '../report/run-summary.ts';
import { stagedCases } from '../stages/cascade.ts';
import { planOf } from '../stages/plans.ts';
import { prepareStage } from '../stages/preparation.ts';
import { requireTrainingMemory } from '../stages/training-memory.ts';
import { curvePoints, foldFolder, TIMES, trainFold, validateFold, type TrainedFold } from '../stages/training.ts';
import { formatSeconds } from '../terminal/progress.ts';
import { decideBudget } from './budget.ts';
import { trainerName, withBudget } from './edited-plans.ts';
import type { Job, TrainedConfiguration } from './job.ts';
import { paceOf } from './run-pace.ts';
import { foldSeconds, reserve, type Remaining } from './shares.ts';

export async function trainConfiguration(
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
      if (job.budget === undefined) return referenceRecipe(planned);
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
  await requireTrainingMemory(context, device, { training: { plan, settings: recipe.settings }, caseBytes: 0 });
  const options = {
    plans,
    plan,
    settings: recipe.settings,
    inference: recipe.inference,
    trainer: trainerName(recipe.settings.recipe),
    splits: job.splits,
    // Pairs of configurations are tried as ensembles.
    exportProbabilities: job.configurations.length > 1,
    ...(previousTrainer === undefined ? {} : { previousTrainer }),
  };
  if (anew) await setAside(context, foldFolder(dataset, { ...options, fold: folds[0]! }).model);
  const trained: TrainedFold[] = [];
  const curves: FoldCurve[] = [];
  const summaries: Summary[] = [];
  for (const [k, fold] of folds.entries()) {
    const end = await endOf(job, `${configuration}, fold ${fold}`, {
      configurations: configurationsLeft,
      folds: folds.length,
      foldsLeft: folds.length - k,
      predictionSeconds: recipe.expected.predictionSeconds,
    });
    const one = await state.stage('train', () =>
      trainFold(context, dataset, device, cases, {
        ...options,
        augmentOn: job.augmentOn,
        fold,
        ...(end === undefined ? {} : { secondsLeft: () => end - state.seconds }),
      }),
    );
    trained.push(one);
    curves.push({
      configuration,
      fold: String(fold),
      points: curvePoints(one.result.history, await readJson(join(one.folder, TIMES))),
    });
    if (validates(fold)) {
      // The test set is predicted after this one; what it will take stays free.
      const pace = paceOf(job, { plan, recipe }, recipe.expected.secondsPerPrediction * job.testCases);
      summaries.push(
        await state.stage('validate', () =>
          validateFold(context, dataset, device, one, { ...options, fold, ...(pace ? { pace } : {}) }),
        ),
      );
    }
  }
  return { configuration, plan, recipe, folds: trained, curves, summary: joined(summaries, plan.labels.foreground) };
}

/** When a fold's training is to end, in seconds of the run; decided when it begins, and kept by a run that goes on. */
async function endOf(
  { budget, state }: Job,
  name: string,
  remaining: Omit<Remaining, 'budget' | 'spent'>,
): Promise<number | undefined> {
  if (budget === undefined) return undefined;
  return state.decide(`end of ${name}`, async () => {
    const spent = state.seconds;
    return spent + foldSeconds({ budget, spent, ...remaining });
  });
}

/** What an earlier run of other words trained under this name is kept, under another. */
async function setAside({ output }: Context, folder: string): Promise<void> {
  if (!exists(folder)) return;
  let k = 1;
  while (exists(`${folder}.before-${k}`)) k++;
  await rename(folder, `${folder}.before-${k}`);
  output.note(`kept what an earlier run trained as ${basename(folder)}.before-${k}`);
}

function joined(summaries: readonly Summary[], labels: readonly LabelOrRegion[]): Summary | undefined {
  if (summaries.length < 2) return summaries[0];
  const cases = summaries.flatMap((summary) => summary.metric_per_case);
  return summarize(cases, labels);
}

/** nnU-Net's own recipe as a decision, with what the plans say otherwise. */
export function referenceRecipe(plan: ConfigurationPlan): BudgetPlan {
  const own = plan.voxelwise['training'] as Partial<TrainingSettings> | undefined;
  return {
    network: plan.network,
    patch: (plan.dimensions === 2 ? [1, ...plan.patchSize] : plan.patchSize) as BudgetPlan['patch'],
    settings: { ...nnunetSettings(plan), ...own },
    inference: { stepSize: 0.5, mirroring: true },
    expected: { secondsPerStep: 0, trainingSeconds: 0, predictionSeconds: 0, secondsPerPrediction: 0 },
    decisions: [
      { name: 'recipe', value: "nnU-Net's own", why: 'no budget was given' },
      ...(own === undefined ? [] : [{ name: 'training', value: JSON.stringify(own), why: 'the plans say so' }]),
    ],
  };
}

function explainRecipe(context: Context, configuration: string, { decisions }: BudgetPlan): void {
  context.output.note(`\n${configuration}: what was chosen, and why`);
  for (const { name, value, why } of decisions) context.output.note(`  ${name}: ${value}\n    ${why}`);
  context.output.note('');
}
