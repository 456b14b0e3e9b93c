/** Trained models and ensembles by name, as nnU-Net names their folders. */
import { EnsembleError } from '../errors.ts';

/** What tells one trained model from another on the same data set. */
export interface ModelIdentity {
  readonly trainer: string;
  readonly plans: string;
  readonly configuration: string;
}

/** `nnUNetTrainer__nnUNetPlans__3d_fullres` */
export function modelName({ trainer, plans, configuration }: ModelIdentity): string {
  return `${trainer}__${plans}__${configuration}`;
}

/** The parts of a model's name. Throws: EnsembleError. */
export function parseModelName(name: string): ModelIdentity {
  const [trainer, plans, configuration, ...more] = name.split('__');
  if (!trainer || !plans || !configuration || more.length > 0)
    throw new EnsembleError(`model name: expected TRAINER__PLANS__CONFIGURATION, came "${name}".`, { name });
  return { trainer, plans, configuration };
}

export type FoldName = number | 'all';

/** `ensemble___A___B___0_1_2_3_4` */
export function ensembleName(members: readonly ModelIdentity[], folds: readonly FoldName[]): string {
  return ['ensemble', ...members.map(modelName), folds.join('_')].join('___');
}
