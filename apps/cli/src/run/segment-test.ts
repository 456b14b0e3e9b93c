/** Segments the test set with what the run chose: every member, merged, post-processed, scored where there are labels. */
import { applyPostprocessing } from '@voxelwise/ensemble';
import { loadModel } from '@voxelwise/inference';
import { directoryFolder } from '@voxelwise/inference/node';
import type { Summary } from '@voxelwise/metrics';
import { join } from 'node:path';
import { stopIfInterrupted } from '../context.ts';
import { readLabels, writeLabels } from '../stages/label-files.ts';
import { mergeCase } from '../stages/merging.ts';
import { saveSummary, scorePairs } from '../stages/scoring.ts';
import { casesIn, segmentCases } from '../stages/segmenting.ts';
import type { Choice } from './choose.ts';
import type { Job, TrainedConfiguration } from './job.ts';
import { paceOf } from './run-pace.ts';
import { scoredPairs, type TestSet } from './test-set.ts';

export interface TestScores {
  readonly scores: Summary;
  /** Case → image file. */
  readonly imageOf: (id: string) => string;
}

/** Writes `folder`; what goes into it (members of an ensemble, first stages, segmentations before post-processing) lies beside it. */
export async function segmentTest(
  job: Job,
  { members, steps }: Choice,
  trained: readonly TrainedConfiguration[],
  test: TestSet,
  folder: string,
): Promise<TestScores | undefined> {
  const { context, dataset } = job;
  const ending = dataset.source.fileEnding;
  const { labels } = members[0]!.plan;
  const { cases } = await casesIn(test.images, ending, dataset.source.channels);
  const finished = members.length === 1 && steps.length === 0;
  const done = new Set<string>();
  const folderOf = (name: string): string =>
    finished && name === members[0]!.configuration ? folder : `${folder}-${name}`;
  const segment = async (one: TrainedConfiguration): Promise<string> => {
    const target = folderOf(one.configuration);
    if (done.has(target)) return target;
    const { previousStage } = one.plan;
    const before =
      previousStage === undefined
        ? undefined
        : await segment(trained.find(({ configuration }) => configuration === previousStage)!);
    // Members to come, with the stages before them, take about as long as this one.
    const toCome =
      members.length + members.filter(({ plan }) => plan.previousStage !== undefined).length - done.size - 1;
    await segmentWith(job, one, test, target, {
      previousStage: before,
      saveProbabilities: members.length > 1,
      later: Math.max(0, toCome) * one.recipe.expected.secondsPerPrediction * cases.length,
    });
    done.add(target);
    return target;
  };
  const folders: string[] = [];
  for (const member of members) folders.push(await segment(member));
  if (!finished)
    for (const { id } of cases) {
      stopIfInterrupted(context);
      if (members.length > 1) {
        const { map, like } = await mergeCase(folders, id, ending, labels);
        await writeLabels(join(folder, id + ending), like, applyPostprocessing(map, steps));
      } else {
        const { volume, map } = await readLabels(join(folders[0]!, id + ending));
        await writeLabels(join(folder, id + ending), volume, applyPostprocessing(map, steps));
      }
    }
  const pairs = scoredPairs(
    test,
    folder,
    cases.map(({ id }) => id),
    ending,
  );
  if (pairs.length === 0) return undefined;
  const scores = await scorePairs(context, pairs, {
    labels: labels.foreground,
    ignoreLabel: labels.ignoreLabel,
    surfaces: true,
  });
  await saveSummary(join(folder, 'summary.json'), scores);
  return { scores, imageOf: (id) => join(test.images, cases.find((files) => files.id === id)!.images[0]!) };
}

async function segmentWith(
  job: Job,
  one: TrainedConfiguration,
  test: TestSet,
  folder: string,
  {
    later,
    ...options
  }: { readonly previousStage: string | undefined; readonly saveProbabilities: boolean; readonly later: number },
): Promise<void> {
  const { context, dataset, device, folds } = job;
  const { configuration, folds: trained, recipe } = one;
  const pace = paceOf(job, one, later);
  const model = await loadModel(directoryFolder(trained[0]!.model), { configuration, folds });
  const { source, cases } = await casesIn(test.images, dataset.source.fileEnding, dataset.source.channels);
  await segmentCases(context, model, device, source, cases, folder, {
    ...recipe.inference,
    ...options,
    ...(pace ? { pace } : {}),
    identity: `${trained.map((fold) => fold.result.steps).join()} ${JSON.stringify(recipe.settings)} ${context.seed}`,
  });
}
