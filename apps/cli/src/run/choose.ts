/** Chooses what a run ships: the configuration, or pair of them, that validated best, and its post-processing. */
import { modelName, type KeepLargest, type ModelIdentity } from '@voxelwise/ensemble';
import type { Summary } from '@voxelwise/metrics';
import { join } from 'node:path';
import type { KnownDataset } from '../stages/known-dataset.ts';
import { groundTruthFolder } from '../stages/preparation.ts';
import { scorePairs } from '../stages/scoring.ts';
import { describePostprocessing, selectModel } from '../stages/selection.ts';
import { formatSeconds } from '../terminal/progress.ts';
import { trainerName } from './edited-plans.ts';
import type { Job, TrainedConfiguration } from './job.ts';

export interface Choice {
  /** One configuration, or the two whose probabilities are averaged. */
  readonly members: readonly TrainedConfiguration[];
  readonly steps: readonly KeepLargest[];
  /** Of the members on the validation cases, before post-processing; undefined where every fold trained on everything. */
  readonly summary: Summary | undefined;
  /** What was compared, in words: model, mean Dice. */
  readonly candidates: readonly Candidate[];
}

interface Candidate {
  readonly name: string;
  readonly meanDice: number;
  readonly chosen: boolean;
}

/** As it is kept, for a run that goes on. */
interface Decided {
  readonly configurations: readonly string[];
  readonly steps: readonly KeepLargest[];
  readonly candidates: readonly Candidate[];
  readonly folder: string;
  readonly cases: readonly string[];
}

/**
 * What the empirical step takes, as a share of predicting the validation cases: looking for post-processing reads
 * their label maps a few times, pairs of configurations average whole probabilities.
 */
const shareOfValidation = (configurations: number): number => (configurations === 1 ? 0.2 : 0.5);

export async function chooseModel(job: Job, trained: readonly TrainedConfiguration[]): Promise<Choice> {
  const single = bestOf(trained);
  const plain: Choice = { members: [single], steps: [], summary: single.summary, candidates: [] };
  const reason = whyNot(job, trained);
  if (reason !== undefined) {
    if (reason !== '') job.context.output.warn(`${reason}: no ensemble and no post-processing are looked for`);
    return plain;
  }
  const decided = await job.state.stage('find-best', () => job.state.decide('choice', () => select(job, trained)));
  const members = decided.configurations.map((name) => trained.find((one) => one.configuration === name)!);
  const { steps, candidates } = decided;
  return {
    members,
    steps,
    candidates,
    summary: members.length === 1 ? members[0]!.summary : await scoreEnsemble(job, decided, members),
  };
}

/** Why the empirical step is left out; empty where there is nothing to look at. */
function whyNot({ budget, state, testCases }: Job, trained: readonly TrainedConfiguration[]): string | undefined {
  if (trained.some(({ summary }) => summary === undefined)) return '';
  if (trained.every(({ summary }) => Number.isNaN(summary!.foreground_mean.Dice)))
    return 'no validation case holds a declared class';
  if (budget === undefined || state.decided('choice')) return undefined;
  const validation = state.stages.find(({ name }) => name === 'validate')?.seconds ?? 0;
  const cases = trained.reduce((sum, { summary }) => sum + summary!.metric_per_case.length, 0);
  const left = budget - state.seconds - (validation / Math.max(1, cases)) * testCases;
  return left > shareOfValidation(trained.length) * validation
    ? undefined
    : `only ${formatSeconds(Math.max(0, left))} of the budget are left`;
}

async function select(job: Job, trained: readonly TrainedConfiguration[]): Promise<Decided> {
  const { context, dataset, folds } = job;
  const identity = ({ configuration, recipe }: TrainedConfiguration): ModelIdentity => ({
    trainer: trainerName(recipe.settings.recipe),
    plans: job.plans.plans_name,
    configuration,
  });
  const known: KnownDataset = {
    name: dataset.name,
    datasetJson: dataset.datasetJson,
    preprocessed: dataset.preprocessed,
    results: dataset.results,
    references: groundTruthFolder(dataset),
  };
  const { best: found, folder, cases } = await selectModel(context, known, trained.map(identity), folds, true);
  const { candidates, best, postprocessing } = found;
  context.output.note(
    `chosen: ${best.members.map(({ configuration }) => configuration).join(' with ')} · post-processing: ${describePostprocessing(postprocessing.steps)}`,
  );
  const titles = new Map(trained.map((one) => [modelName(identity(one)), one.configuration]));
  return {
    configurations: best.members.map(({ configuration }) => configuration),
    steps: postprocessing.steps,
    candidates: [
      ...candidates.map(({ name, members, summary }) => ({
        name: members.map((member) => titles.get(modelName(member))!).join(' with '),
        meanDice: summary.foreground_mean.Dice,
        chosen: name === best.name,
      })),
      ...(postprocessing.steps.length === 0
        ? []
        : [
            {
              name: `the chosen, post-processed: ${describePostprocessing(postprocessing.steps)}`,
              meanDice: postprocessing.after.foreground_mean.Dice,
              chosen: true,
            },
          ]),
    ],
    folder,
    cases,
  };
}

/** The ensembled validation cases, scored like those of a single model. */
function scoreEnsemble(
  { context, dataset }: Job,
  { folder, cases }: Decided,
  [first]: Choice['members'],
): Promise<Summary> {
  const ending = dataset.source.fileEnding;
  const pairs = cases.map((id) => ({
    id,
    prediction: join(folder, id + ending),
    reference: join(groundTruthFolder(dataset), id + ending),
  }));
  const { labels } = first!.plan;
  return scorePairs(context, pairs, { labels: labels.foreground, ignoreLabel: labels.ignoreLabel, surfaces: true });
}

function bestOf(trained: readonly TrainedConfiguration[]): TrainedConfiguration {
  const dice = (one: TrainedConfiguration): number =>
    one.summary?.foreground_mean.Dice ?? one.folds[0]?.result.bestEmaDice ?? 0;
  return trained.reduce((best, one) => (dice(one) > dice(best) ? one : best));
}
