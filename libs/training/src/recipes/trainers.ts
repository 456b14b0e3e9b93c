/**
 * nnU-Net's stock trainers as data: what each changes in the recipe. Those that are Python code beyond a setting are not
 * here. Source: nnU-Net v2, training/nnUNetTrainer/variants.
 */
import { isForced } from '../sampling/patch-box.ts';
import type { OptimizerSettings, TrainingSettings } from './training-settings.ts';

type Change = Partial<
  Pick<
    TrainingSettings,
    | 'dummy2d'
    | 'nearest'
    | 'loss'
    | 'augmentation'
    | 'schedule'
    | 'deepSupervision'
    | 'optimizer'
    | 'foregroundShare'
    | 'foregroundBy'
  >
>;

export interface TrainerChange {
  readonly epochs?: number;
  /** Axes of [z, y, x] that may be mirrored, of those that the plan allows. Also when predicting. */
  readonly mirror?: (axes: readonly number[], dimensions: 2 | 3) => readonly number[];
  /** The network's, where it is not the plan's. */
  readonly normalization?: 'batch';
  /** What it sets; from the recipe's own settings where it depends on them. */
  readonly settings?: Change | ((recipe: TrainingSettings) => Change);
}

/** PyTorch's AdamW with AMSGrad, and its Adam, as nnU-Net calls them. */
const adam = (learningRate: number): Extract<OptimizerSettings, { name: 'adamw' }> => ({
  name: 'adamw',
  learningRate,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 3e-5,
  decays: 'all',
  coupled: true,
});
const amsgrad = (learningRate: number): OptimizerSettings => ({
  ...adam(learningRate),
  coupled: false,
  amsgrad: true,
});

/** adan_pytorch's defaults. */
const adan = (learningRate: number): OptimizerSettings => ({
  name: 'adan',
  learningRate,
  beta1: 0.02,
  beta2: 0.08,
  beta3: 0.01,
  epsilon: 1e-8,
  weightDecay: 3e-5,
});

const none = (): readonly number[] => [];
/** The first two axes of a 3D patch, the first of a 2D patch. */
const firstAxes = (axes: readonly number[], dimensions: 2 | 3): readonly number[] =>
  axes.filter((axis) => (dimensions === 3 ? axis < 2 : axis === 1));

const variants: Readonly<Record<string, TrainerChange>> = {
  nnUNetTrainer: {},
  nnUNetTrainerNoMirroring: { mirror: none },
  nnUNetTrainer_NoMirroring: { mirror: none },
  nnUNetTrainer_onlyMirror01: { mirror: firstAxes },
  nnUNetTrainer_onlyMirror01_1500ep: { mirror: firstAxes, epochs: 1500 },
  nnUNetTrainer_noDummy2DDA: { settings: { dummy2d: false } },
  nnUNetTrainerDAOrd0: { settings: { nearest: 'images and labels' } },
  nnUNetTrainer_DASegOrd0: { settings: { nearest: 'labels' } },
  nnUNetTrainer_DASegOrd0_NoMirroring: { mirror: none, settings: { nearest: 'labels' } },
  nnUNetTrainer_onlyMirror01_DASegOrd0: { mirror: firstAxes, settings: { nearest: 'labels' } },
  nnUNetTrainerDA5: { settings: { augmentation: 'nnunet-da5' } },
  nnUNetTrainerDA5_10epochs: { settings: { augmentation: 'nnunet-da5' }, epochs: 10 },
  nnUNetTrainerDA5ord0: { settings: { augmentation: 'nnunet-da5', nearest: 'images and labels' } },
  nnUNetTrainerDA5Segord0: { settings: { augmentation: 'nnunet-da5', nearest: 'labels' } },
  nnUNetTrainerNoDA: { mirror: none, settings: { augmentation: 'none' } },
  nnUNetTrainer_onlyMirror01_DiceLoss: { mirror: firstAxes, settings: { loss: 'dice' } },
  nnUNetTrainerDiceLoss: { settings: { loss: 'dice' } },
  nnUNetTrainerDiceCELoss_noSmooth: { settings: { loss: 'dice+ce-nosmooth' } },
  nnUNetTrainerCELoss: { settings: { loss: 'ce' } },
  nnUNetTrainerBenchmark_5epochs: { epochs: 5 },
  nnUNetTrainerCELoss_5epochs: { settings: { loss: 'ce' }, epochs: 5 },
  nnUNetTrainerTopk10LossLS01: { settings: { loss: 'topk-smoothed' } },
  nnUNetTrainerTopk10Loss: { settings: { loss: 'topk' } },
  nnUNetTrainerDiceTopK10Loss: { settings: { loss: 'dice+topk' } },
  nnUNetTrainerCosAnneal: { settings: { schedule: { name: 'cosine', warmupSteps: 0, per: 'epoch' } } },
  nnUNetTrainerBN: { normalization: 'batch' },
  nnUNetTrainerNoDeepSupervision: { settings: { deepSupervision: false } },
  nnUNetTrainer_warmup: {
    settings: ({ stepsPerEpoch }) => ({
      schedule: { name: 'poly', exponent: 0.9, warmupSteps: 50 * stepsPerEpoch, per: 'epoch' },
    }),
  },
  nnUNetTrainer_probabilisticOversampling: {
    settings: ({ batchSize, foregroundShare }) => ({
      foregroundBy: 'chance',
      foregroundShare:
        Array.from({ length: batchSize }, (_, k) => isForced(k, batchSize, foregroundShare)).filter(Boolean).length /
        batchSize,
    }),
  },
  nnUNetTrainer_probabilisticOversampling_033: { settings: { foregroundBy: 'chance', foregroundShare: 0.33 } },
  nnUNetTrainer_probabilisticOversampling_010: { settings: { foregroundBy: 'chance', foregroundShare: 0.1 } },
  nnUNetTrainerAdam: { settings: { optimizer: amsgrad(1e-2) } },
  nnUNetTrainerAdam1en3: { settings: { optimizer: amsgrad(1e-3) } },
  nnUNetTrainerAdam3en4: { settings: { optimizer: amsgrad(3e-4) } },
  nnUNetTrainerAdan: { settings: { optimizer: adan(1e-2) } },
  nnUNetTrainerAdan1en1: { settings: { optimizer: adan(1e-1) } },
  nnUNetTrainerAdan1en3: { settings: { optimizer: adan(1e-3) } },
  nnUNetTrainerAdan3en4: { settings: { optimizer: adan(3e-4) } },
  nnUNetTrainerAdanCosAnneal: {
    settings: { optimizer: adan(1e-2), schedule: { name: 'cosine', warmupSteps: 0, per: 'epoch' } },
  },
  nnUNetTrainerVanillaAdam: { settings: { optimizer: adam(1e-2) } },
  nnUNetTrainerVanillaAdam1en3: { settings: { optimizer: adam(1e-3) } },
  nnUNetTrainerVanillaAdam3en4: { settings: { optimizer: adam(3e-4) } },
};

/** Names without those that only count epochs, which may hold any number. */
export const trainerNames: readonly string[] = [
  ...Object.keys(variants),
  'nnUNetTrainer_<n>epochs',
  'nnUNetTrainer_<n>epochs_NoMirroring',
];

/** What a stock trainer changes; undefined for a name that is none. */
export function trainerNamed(name: string): TrainerChange | undefined {
  const counted = /^nnUNetTrainer_([1-9]\d*)epochs?(_NoMirroring)?$/.exec(name);
  if (counted) return { epochs: Number(counted[1]), ...(counted[2] === undefined ? {} : { mirror: none }) };
  return Object.hasOwn(variants, name) ? variants[name] : undefined;
}
