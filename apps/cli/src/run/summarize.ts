/** From what a run made to its report.json. */
import { CHECKPOINT, type BudgetPlan } from '@voxelwise/training';
import type { Summary } from '@voxelwise/metrics';
import { basename, join, relative, resolve } from 'node:path';
import { exists, sha256 } from '../files.ts';
import { describeMachine, peakMemoryBytes } from '../machine.ts';
import type { CaseScore, FoldCurve, RunSummary } from '../report/run-summary.ts';
import type { OpenedDataset } from '../stages/dataset.ts';
import { classNames, finite, meanDiceOf, perClass } from '../stages/scoring.ts';
import { version } from '../version.ts';
import type { StageTime } from './run-state.ts';

export interface ScoredSet {
  readonly split: 'validation' | 'test';
  readonly summary: Summary;
  /** Case → image file. */
  readonly imageOf: (id: string) => string;
}

export interface RunOutcome {
  readonly dataset: OpenedDataset;
  readonly seed: number;
  readonly words: string;
  readonly seconds: number;
  readonly stages: readonly StageTime[];
  readonly device: string;
  readonly recipes: ReadonlyMap<string, BudgetPlan>;
  readonly planRows: readonly { readonly name: string; readonly value: string; readonly why: string }[];
  readonly curves: readonly FoldCurve[];
  readonly scored: readonly ScoredSet[];
  readonly candidates: RunSummary['candidates'];
  readonly warnings: readonly string[];
  readonly models: readonly string[];
}

/** The set that counts: the test set where there is one, else all validation cases. */
export function decidingSet(scored: readonly ScoredSet[]): ScoredSet | undefined {
  return scored.find((set) => set.split === 'test') ?? scored[0];
}

export async function summarizeRun(outcome: RunOutcome): Promise<RunSummary> {
  const { dataset, scored } = outcome;
  const names = classNames(dataset.datasetJson.labels);
  const folder = dataset.results;
  // Files of the run by relative path, so that its folder may move; the images they were made from by absolute path.
  const inFolder = (path: string): string =>
    relative(folder, path).startsWith('..') ? resolve(path) : relative(folder, path);
  const cases = scored.flatMap(({ split, summary, imageOf }) =>
    summary.metric_per_case.map(({ metrics, prediction_file, reference_file }): CaseScore => {
      const id = basename(prediction_file).slice(0, -dataset.source.fileEnding.length);
      return {
        id,
        split,
        perClass: perClass(metrics, names),
        meanDice: meanDiceOf(metrics),
        image: inFolder(imageOf(id)),
        reference: inFolder(reference_file),
        prediction: inFolder(prediction_file),
      };
    }),
  );
  const deciding = decidingSet(scored);
  const machine = await describeMachine('.');
  const recipes = [...outcome.recipes.values()];
  // What was done in the end: the pace may have added steps to the plan's, or dropped some.
  const steps = outcome.curves.map(({ points }) => points.at(-1)?.step ?? 0).join(' + ');
  const recipe = recipes.some((plan) => plan.settings.recipe !== 'nnunet')
    ? `the short recipe, ${steps} steps`
    : `nnU-Net's own recipe, ${steps} steps`;
  return {
    version: 1,
    title: dataset.name,
    dataset: {
      name: dataset.name,
      cases: dataset.source.training.length,
      channels: dataset.source.channels,
      labels: dataset.datasetJson.labels,
    },
    meanDice: deciding ? finite(deciding.summary.foreground_mean.Dice) : null,
    perClass: deciding ? perClass(deciding.summary.mean, names) : {},
    seconds: outcome.seconds,
    peakMemoryBytes: peakMemoryBytes(),
    device: outcome.device,
    stages: outcome.stages,
    recipe,
    plan: outcome.planRows,
    curves: outcome.curves,
    candidates: outcome.candidates,
    cases,
    warnings: outcome.warnings,
    environment: [
      ['command', outcome.words],
      ['voxelwise', version],
      ['seed', String(outcome.seed)],
      ['node', machine.node],
      ['processor', `${machine.cpu}, ${machine.cores} threads`],
      ['system', machine.system],
      ['data set', dataset.source.tree.root],
    ],
    hashes: await hashesOf(outcome),
  };
}

async function hashesOf({ dataset, models }: RunOutcome): Promise<{ file: string; sha256: string }[]> {
  const files = [
    join(dataset.preprocessed, 'dataset_fingerprint.json'),
    ...models.flatMap((model) => [
      join(model, 'plans.json'),
      ...['0', '1', '2', '3', '4', 'all'].map((fold) => join(model, `fold_${fold}`, CHECKPOINT.final)),
    ]),
  ];
  const found = files.filter(exists);
  return Promise.all(
    found.map(async (file) => ({
      file: relative(dataset.workspace.results, file).replace(/^(\.\.\/)+/, ''),
      sha256: await sha256(file),
    })),
  );
}
