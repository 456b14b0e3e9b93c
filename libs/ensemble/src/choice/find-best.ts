/**
 * The empirical step: which configuration, or pair of them, predicts the validation cases best, and which
 * post-processing helps it.
 *
 * Source: nnU-Net v2, `find_best_configuration`.
 */
import { type CaseScores, scoreLabels, summarize, type Summary } from '@voxelwise/metrics';
import type { LabelScheme } from '@voxelwise/planner';
import { EnsembleError } from '../errors.ts';
import type { LabelMap } from '../label-map.ts';
import { meanChannels, RunningSegmentation } from '../merge/merge.ts';
import { determinePostprocessing, type Postprocessing } from '../postprocessing/determine-postprocessing.ts';
import { ensembleName, type FoldName, type ModelIdentity, modelName } from './model-names.ts';

/** The validation predictions of all folds, each case predicted by the fold that did not train on it. */
export interface CrossValidation {
  /** In order of preference: of equal scores the earlier wins, and a single model over an ensemble. */
  readonly models: readonly ModelIdentity[];
  readonly folds: readonly FoldName[];
  readonly scheme: LabelScheme;
  readonly cases: readonly string[];
  /** File name of a case in the summaries; default the case's name. */
  readonly fileOf?: (id: string) => string;
  readonly reference: (id: string) => Promise<LabelMap>;
  readonly prediction: (model: ModelIdentity, id: string) => Promise<LabelMap>;
  /** Probabilities on the reference's grid, a channel [z, y, x] after the other. Without it no pairs are tried. */
  readonly probabilities?: (model: ModelIdentity, id: string) => AsyncIterable<Float32Array>;
  /** Called with each ensembled case, to keep it. */
  readonly onEnsembled?: (name: string, id: string, map: LabelMap) => Promise<void>;
}

export interface Candidate {
  /** The model's name, or the ensemble's. */
  readonly name: string;
  readonly members: readonly ModelIdentity[];
  /** Against the references, before post-processing. */
  readonly summary: Summary;
}

export interface Best {
  /** Singles in their order, then pairs. */
  readonly candidates: readonly Candidate[];
  readonly best: Candidate;
  readonly postprocessing: Postprocessing;
}

/** Throws: EnsembleError if there are no models or cases, or no candidate has a mean Dice that is a number. */
export async function findBest(validation: CrossValidation): Promise<Best> {
  const { models, folds, probabilities } = validation;
  if (models.length === 0 || validation.cases.length === 0)
    throw new EnsembleError(
      `find-best: ${models.length} model(s) and ${validation.cases.length} case(s); both are needed.`,
      {},
    );
  const pairs = probabilities === undefined ? [] : models.flatMap((a, i) => models.slice(i + 1).map((b) => [a, b]));
  const candidates: Candidate[] = [];
  for (const members of [...models.map((model) => [model]), ...pairs]) {
    const name = members.length === 1 ? modelName(members[0]!) : ensembleName(members, folds);
    candidates.push({ name, members, summary: await score(validation, name, members) });
  }
  const best = chooseBest(candidates);
  const postprocessing = await determinePostprocessing(
    validation.cases.map((id) => ({
      predictionFile: (validation.fileOf ?? String)(id),
      referenceFile: (validation.fileOf ?? String)(id),
      read: async () => {
        const reference = await validation.reference(id);
        return { reference, prediction: await predicted(validation, best.members, id, reference.shape) };
      },
    })),
    validation.scheme,
  );
  return { candidates, best, postprocessing };
}

/**
 * The candidate with the greatest mean Dice; of equals the first. Throws: EnsembleError if none has one, which is so
 * when a class is absent from every case.
 */
export function chooseBest(candidates: readonly Candidate[]): Candidate {
  const scored = candidates.filter(({ summary }) => !Number.isNaN(summary.foreground_mean.Dice));
  const [first, ...others] = scored;
  if (first === undefined)
    throw new EnsembleError(
      'find-best: no candidate has a mean Dice; is a declared class absent from every validation case?',
      {
        candidates: candidates.map(({ name }) => name),
      },
    );
  return others.reduce(
    (best, other) => (other.summary.foreground_mean.Dice > best.summary.foreground_mean.Dice ? other : best),
    first,
  );
}

async function score(validation: CrossValidation, name: string, members: readonly ModelIdentity[]): Promise<Summary> {
  const { scheme, fileOf = String } = validation;
  const cases: CaseScores[] = [];
  for (const id of validation.cases) {
    const reference = await validation.reference(id);
    const map = await predicted(validation, members, id, reference.shape);
    if (members.length > 1) await validation.onEnsembled?.(name, id, map);
    const metrics = scoreLabels(map.voxels, reference.voxels, scheme.foreground, scheme.ignoreLabel);
    cases.push({ metrics, prediction_file: fileOf(id), reference_file: fileOf(id) });
  }
  return summarize(cases, scheme.foreground);
}

/** What a model, or several together, predicted for a case. */
async function predicted(
  validation: CrossValidation,
  members: readonly ModelIdentity[],
  id: string,
  shape: LabelMap['shape'],
): Promise<LabelMap> {
  if (members.length === 1) return validation.prediction(members[0]!, id);
  const running = new RunningSegmentation(shape, validation.scheme);
  const each = members.map((member) => validation.probabilities!(member, id));
  for await (const channel of meanChannels(each)) running.take(channel);
  return running.map;
}
