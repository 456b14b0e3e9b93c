/**
 * nnU-Net's stock trainers as data: what each changes in the recipe. Those that are Python code beyond a setting are not
 * here. Source: nnU-Net v2, training/nnUNetTrainer/variants.
 */
import type { TrainingSettings } from './training-settings.ts';

export interface TrainerChange {
  readonly epochs?: number;
  /** Axes of [z, y, x] that may be mirrored, of those that the plan allows. Also when predicting. */
  readonly mirror?: (axes: readonly number[], dimensions: 2 | 3) => readonly number[];
  readonly settings?: Partial<Pick<TrainingSettings, 'loss' | 'augmentation' | 'schedule' | 'deepSupervision'>>;
}

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
  nnUNetTrainerNoDA: { mirror: none, settings: { augmentation: 'none' } },
  nnUNetTrainerDiceLoss: { settings: { loss: 'dice' } },
  nnUNetTrainerDiceCELoss_noSmooth: { settings: { loss: 'dice+ce-nosmooth' } },
  nnUNetTrainerCELoss: { settings: { loss: 'ce' } },
  nnUNetTrainerCELoss_5epochs: { settings: { loss: 'ce' }, epochs: 5 },
  nnUNetTrainerTopk10Loss: { settings: { loss: 'topk' } },
  nnUNetTrainerDiceTopK10Loss: { settings: { loss: 'dice+topk' } },
  nnUNetTrainerCosAnneal: { settings: { schedule: { name: 'cosine', warmupSteps: 0, per: 'epoch' } } },
  nnUNetTrainerNoDeepSupervision: { settings: { deepSupervision: false } },
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
