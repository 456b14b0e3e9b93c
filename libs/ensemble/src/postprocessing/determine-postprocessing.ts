/**
 * Which post-processing helps, judged on predictions whose reference is known.
 *
 * Source: nnU-Net v2, `determine_postprocessing`: first all foreground together, which must raise the mean Dice and
 * lower no class; then each class or region by itself, which must raise its own Dice.
 */
import { type CaseScores, scoreLabels, summarize, type Summary } from '@voxelwise/metrics';
import { labelKey, type LabelOrRegion, type LabelScheme } from '@voxelwise/planner';
import { type LabelMap, requireSameShape } from '../label-map.ts';
import { applyPostprocessing, type KeepLargest } from './keep-largest.ts';

/** A predicted case and how to read it; cases are read anew for each look, one at a time. */
export interface JudgedCase {
  /** Names as they stand in the summaries. */
  readonly predictionFile: string;
  readonly referenceFile: string;
  readonly read: () => Promise<{ readonly prediction: LabelMap; readonly reference: LabelMap }>;
}

export interface Postprocessing {
  readonly steps: readonly KeepLargest[];
  readonly before: Summary;
  readonly after: Summary;
}

/** Throws: EnsembleError if a prediction and its reference differ in shape; SummaryError if there are no cases. */
export async function determinePostprocessing(
  cases: readonly JudgedCase[],
  scheme: LabelScheme,
): Promise<Postprocessing> {
  const all: KeepLargest = { labelsOrRegions: scheme.foregroundLabels };
  const [before, together] = await judge(cases, scheme, [[], [all]]);
  let steps: readonly KeepLargest[] = helpsTogether(before!, together!) ? [all] : [];
  let current = steps.length > 0 ? together! : before!;
  if (scheme.foreground.length > 1)
    for (const group of independentGroups(scheme)) {
      const tried = [...steps, ...group.map((labelsOrRegions) => ({ labelsOrRegions }))];
      const [trial] = await judge(cases, scheme, [tried]);
      const helpful = group.filter((label) => diceOf(trial!, label) > diceOf(current, label));
      if (helpful.length === 0) continue;
      steps = [...steps, ...helpful.map((labelsOrRegions) => ({ labelsOrRegions }))];
      current = helpful.length === group.length ? trial! : (await judge(cases, scheme, [steps]))[0]!;
    }
  return { steps, before: before!, after: current };
}

/** Classes do not touch each other's voxels and can be tried in one look; regions overlap and are tried one after the other. */
function independentGroups(scheme: LabelScheme): readonly (readonly LabelOrRegion[])[] {
  return scheme.hasRegions ? scheme.foreground.map((region) => [region]) : [scheme.foreground];
}

/** Summaries of the cases after each of several lists of steps. */
async function judge(
  cases: readonly JudgedCase[],
  scheme: LabelScheme,
  trials: readonly (readonly KeepLargest[])[],
): Promise<Summary[]> {
  const scores: CaseScores[][] = trials.map(() => []);
  for (const { predictionFile, referenceFile, read } of cases) {
    const { prediction, reference } = await read();
    requireSameShape([prediction, reference], `post-processing of ${predictionFile}`);
    trials.forEach((steps, trial) => {
      const { voxels } = applyPostprocessing(prediction, steps);
      const metrics = scoreLabels(voxels, reference.voxels, scheme.foreground, scheme.ignoreLabel);
      scores[trial]!.push({ metrics, prediction_file: predictionFile, reference_file: referenceFile });
    });
  }
  return scores.map((each) => summarize(each, scheme.foreground));
}

function helpsTogether(before: Summary, after: Summary): boolean {
  const worse = Object.keys(before.mean).some((key) => after.mean[key]!.Dice < before.mean[key]!.Dice);
  return after.foreground_mean.Dice > before.foreground_mean.Dice && !worse;
}

function diceOf(summary: Summary, label: LabelOrRegion): number {
  return summary.mean[labelKey(label)]!.Dice;
}
