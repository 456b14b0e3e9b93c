/** The losses that settings can name. Regions take the binary form of each; ignored voxels count in none. */
import {
  add,
  crossEntropy,
  diceBinaryCrossEntropy,
  diceCrossEntropy,
  softDice,
  topMean,
  voxelCrossEntropy,
  type Tensor,
} from '@voxelwise/compute';
import type { LabelScheme } from '@voxelwise/planner';
import { TrainingError } from '../errors.ts';
import type { TrainingSettings } from '../recipes/training-settings.ts';
import { focal } from './focal.ts';
import { yesOrNo } from './binary.ts';
import type { Loss } from './loss.ts';
import { tverskyOfLabels, tverskyOfRegions } from './tversky.ts';

interface LossContext {
  readonly batchDice: boolean;
  /** What an ignored voxel is in a label map; null if nothing is ignored. */
  readonly ignoreLabel: number | null;
}

type Apply = (logits: Tensor, target: Tensor) => Tensor;

const SMOOTH = 1e-5;
/** TopK keeps the worst tenth of the voxels, as the reference does. */
const TOP = 0.1;
/** Share of the target that label smoothing gives to all classes alike, as in the reference's variant. */
const SMOOTHING = 0.1;
/** Lin et al. 2017. */
const GAMMA = 2;
/** Salehi et al. 2017: what is missed weighs more than what is too much. */
const TVERSKY = { alpha: 0.3, beta: 0.7, smooth: SMOOTH };

/** A loss of its name, for a data set. */
type Make = (context: LossContext) => Apply;

const sumOf =
  (...parts: readonly Make[]): Make =>
  (context) => {
    const [first, ...rest] = parts.map((make) => make(context)) as [Apply, ...Apply[]];
    return (logits, target) =>
      rest.reduce((sum, part) => add({ a: sum, b: part(logits, target) }), first(logits, target));
  };

const topOf =
  (labelSmoothing: number): Make =>
  ({ ignoreLabel }) =>
  (logits, target) =>
    topMean({ x: voxelCrossEntropy({ logits, target }, { ignoreLabel, labelSmoothing }) }, { fraction: TOP });
const focalOf: Make =
  ({ ignoreLabel }) =>
  (logits, target) =>
    focal(logits, target, { gamma: GAMMA, ignoreLabel });

const ofLabels: Readonly<Record<'ce' | 'dice' | 'topk' | 'tversky', Make>> = {
  ce:
    ({ ignoreLabel }) =>
    (logits, target) =>
      crossEntropy({ logits, target }, { ignoreLabel }),
  dice: (options) => (logits, target) => softDice({ logits, target }, { ...options, smooth: SMOOTH }),
  topk: topOf(0),
  tversky:
    ({ batchDice }) =>
    (logits, target) =>
      tverskyOfLabels(logits, target, { ...TVERSKY, batchDice }),
};

const labelLosses: Readonly<Record<string, Make>> = {
  'dice+ce': (options) => (logits, target) => diceCrossEntropy({ logits, target }, { ...options, smooth: SMOOTH }),
  ...ofLabels,
  'topk-smoothed': topOf(SMOOTHING),
  'dice+topk': sumOf(ofLabels.dice, ofLabels.topk),
  focal: focalOf,
  'dice+focal': sumOf(ofLabels.dice, focalOf),
  'tversky+ce': sumOf(ofLabels.tversky, ofLabels.ce),
  'dice+ce-nosmooth': (options) => (logits, target) => diceCrossEntropy({ logits, target }, { ...options, smooth: 0 }),
};

const diceAndBinary =
  (weights: { readonly diceWeight?: number; readonly crossEntropyWeight?: number; readonly smooth?: number }): Make =>
  ({ batchDice }) =>
  (logits, target) =>
    diceBinaryCrossEntropy({ logits, target }, { batchDice, smooth: SMOOTH, ...weights });

/** A loss of labels on every region as a question of yes or no; all regions' voxels count together. */
const asked =
  (make: Make): Make =>
  (context) => {
    const apply = make({ ...context, ignoreLabel: -1 });
    return (logits, target) => {
      const question = yesOrNo(logits, target);
      return apply(question.logits, question.target);
    };
  };

const ofRegions: typeof ofLabels = {
  ce: diceAndBinary({ diceWeight: 0 }),
  dice: diceAndBinary({ crossEntropyWeight: 0 }),
  topk: asked(ofLabels.topk),
  tversky:
    ({ batchDice }) =>
    (logits, target) =>
      tverskyOfRegions(logits, target, { ...TVERSKY, batchDice }),
};

const regionLosses: Readonly<Record<string, Make>> = {
  'dice+ce': diceAndBinary({}),
  ...ofRegions,
  'dice+topk': sumOf(ofRegions.dice, ofRegions.topk),
  focal: asked(focalOf),
  'dice+focal': sumOf(ofRegions.dice, asked(focalOf)),
  'tversky+ce': sumOf(ofRegions.tversky, ofRegions.ce),
  'dice+ce-nosmooth': diceAndBinary({ smooth: 0 }),
};

/** Names there are for a data set's labels. */
export function lossNames(labels: LabelScheme): readonly string[] {
  return Object.keys(labels.hasRegions ? regionLosses : labelLosses);
}

/** Throws: TrainingError for an unknown name, listing the known ones. */
export function lossNamed(name: string, labels: LabelScheme, { batchDice }: Pick<TrainingSettings, 'batchDice'>): Loss {
  const catalogue = labels.hasRegions ? regionLosses : labelLosses;
  const make = Object.hasOwn(catalogue, name) ? catalogue[name] : undefined;
  if (make === undefined)
    throw new TrainingError(
      `There is no loss called ${name} for ${labels.hasRegions ? 'regions' : 'labels'}; known are ${lossNames(labels).join(', ')}.`,
      { loss: name, known: lossNames(labels) },
    );
  return { name, apply: make({ batchDice, ignoreLabel: labels.ignoreLabel === undefined ? null : -1 }) };
}
