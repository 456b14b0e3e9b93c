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

const labelLosses: Readonly<Record<string, (context: LossContext) => Apply>> = {
  'dice+ce': (options) => (logits, target) => diceCrossEntropy({ logits, target }, { ...options, smooth: SMOOTH }),
  ce:
    ({ ignoreLabel }) =>
    (logits, target) =>
      crossEntropy({ logits, target }, { ignoreLabel }),
  dice: (options) => (logits, target) => softDice({ logits, target }, { ...options, smooth: SMOOTH }),
  topk:
    ({ ignoreLabel }) =>
    (logits, target) =>
      topMean({ x: voxelCrossEntropy({ logits, target }, { ignoreLabel }) }, { fraction: TOP }),
  'topk-smoothed':
    ({ ignoreLabel }) =>
    (logits, target) =>
      topMean(
        { x: voxelCrossEntropy({ logits, target }, { ignoreLabel, labelSmoothing: SMOOTHING }) },
        { fraction: TOP },
      ),
  'dice+topk': (options) => (logits, target) =>
    add({
      a: softDice({ logits, target }, { ...options, smooth: SMOOTH }),
      b: topMean({ x: voxelCrossEntropy({ logits, target }, { ignoreLabel: options.ignoreLabel }) }, { fraction: TOP }),
    }),
  focal:
    ({ ignoreLabel }) =>
    (logits, target) =>
      focal(logits, target, { gamma: GAMMA, ignoreLabel }),
  'dice+focal': (options) => (logits, target) =>
    add({
      a: softDice({ logits, target }, { ...options, smooth: SMOOTH }),
      b: focal(logits, target, { gamma: GAMMA, ignoreLabel: options.ignoreLabel }),
    }),
  tversky:
    ({ batchDice }) =>
    (logits, target) =>
      tverskyOfLabels(logits, target, { ...TVERSKY, batchDice }),
  'tversky+ce':
    ({ batchDice, ignoreLabel }) =>
    (logits, target) =>
      add({
        a: tverskyOfLabels(logits, target, { ...TVERSKY, batchDice }),
        b: crossEntropy({ logits, target }, { ignoreLabel }),
      }),
  'dice+ce-nosmooth': (options) => (logits, target) => diceCrossEntropy({ logits, target }, { ...options, smooth: 0 }),
};

const regionLosses: Readonly<Record<string, (context: LossContext) => Apply>> = {
  'dice+ce':
    ({ batchDice }) =>
    (logits, target) =>
      diceBinaryCrossEntropy({ logits, target }, { batchDice, smooth: SMOOTH }),
  ce:
    ({ batchDice }) =>
    (logits, target) =>
      diceBinaryCrossEntropy({ logits, target }, { batchDice, smooth: SMOOTH, diceWeight: 0 }),
  dice:
    ({ batchDice }) =>
    (logits, target) =>
      diceBinaryCrossEntropy({ logits, target }, { batchDice, smooth: SMOOTH, crossEntropyWeight: 0 }),
  tversky:
    ({ batchDice }) =>
    (logits, target) =>
      tverskyOfRegions(logits, target, { ...TVERSKY, batchDice }),
  'dice+ce-nosmooth':
    ({ batchDice }) =>
    (logits, target) =>
      diceBinaryCrossEntropy({ logits, target }, { batchDice, smooth: 0 }),
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
