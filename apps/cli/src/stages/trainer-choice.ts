/** How a fold is trained: nnU-Net's recipe, changed by a stock trainer's name, a trainer file, and the flags. */
import type { ConfigurationPlan } from '@voxelwise/planner';
import {
  lossNamed,
  lossNames,
  nnunetSettings,
  trainerNamed,
  trainerNames,
  type TrainerChange,
  type TrainingSettings,
} from '@voxelwise/training';
import { basename, extname } from 'node:path';
import { CommandUsageError } from '../exit.ts';
import { parseWhole } from '../values.ts';
import { isModulePath, loadLoss, loadTrainer, type CustomTrainer } from './custom-trainer.ts';
import type { FoldOptions } from './training.ts';

export interface TrainerFlags {
  readonly epochs?: string;
  readonly stepsPerEpoch?: string;
  readonly extendTo?: string;
  readonly loss?: string;
  readonly trainer?: string;
  readonly trainerName?: string;
}

export interface TrainerChoice {
  /** First part of the results folder's name. */
  readonly name: string;
  readonly settings: TrainingSettings;
  /** What goes into the plans because predicting or resuming must know it; undefined where nothing differs. */
  readonly stored: Partial<TrainingSettings> | undefined;
  /** Of the network, where it is not the plan's. */
  readonly normalization: TrainerChange['normalization'];
  readonly extra: NonNullable<FoldOptions['extra']>;
  readonly identity: Readonly<Record<string, string>>;
}

/** Throws: CommandUsageError for a name that is neither a file nor a stock trainer, listing those. */
export function stockTrainer(name: string): TrainerChange {
  const change = isModulePath(name) ? {} : trainerNamed(name);
  if (change === undefined)
    throw new CommandUsageError(
      `--trainer: '${name}' is neither a file nor a trainer that is known here; those are ${trainerNames.join(', ')}`,
    );
  return change;
}

/** Throws: CommandUsageError for an unknown trainer or loss; InputError for a faulty file; TrainingError for a loss a trainer does not have. */
export async function chooseTrainer(flags: TrainerFlags, plan: ConfigurationPlan): Promise<TrainerChoice> {
  const { trainer = 'nnUNetTrainer' } = flags;
  const file = isModulePath(trainer) ? await loadTrainer(trainer, plan) : undefined;
  const change = file ? {} : stockTrainer(trainer);
  const epochs = flags.extendTo ?? flags.epochs;
  const recipe = nnunetSettings(plan, {
    ...(change.epochs === undefined ? {} : { epochs: change.epochs }),
    ...(epochs === undefined
      ? {}
      : { epochs: parseWhole(epochs, flags.extendTo === undefined ? '--epochs' : '--extend-to', 1) }),
    ...(flags.stepsPerEpoch === undefined
      ? {}
      : { stepsPerEpoch: parseWhole(flags.stepsPerEpoch, '--steps-per-epoch', 1) }),
  });
  const mirrored = change.mirror?.(recipe.mirrorAxes, plan.dimensions);
  const lossFile = flags.loss !== undefined && isModulePath(flags.loss) ? await loadLoss(flags.loss, plan) : undefined;
  const loss = lossFile?.loss ?? file?.loss;
  const losses = lossNames(plan.labels);
  if (flags.loss !== undefined && !lossFile && !losses.includes(flags.loss))
    throw new CommandUsageError(
      `--loss: '${flags.loss}' is neither a file nor a loss for ${plan.labels.hasRegions ? 'regions' : 'labels'}; those are ${losses.join(', ')}`,
    );
  const stored: Partial<TrainingSettings> = {
    ...(typeof change.settings === 'function' ? change.settings(recipe) : change.settings),
    ...(mirrored === undefined ? {} : { mirrorAxes: mirrored }),
    ...file?.settings,
    ...(file || lossFile ? { recipe: 'custom' } : {}),
    ...(loss ? { loss: loss.name } : {}),
    ...(flags.loss === undefined || lossFile ? {} : { loss: flags.loss }),
  };
  const settings = { ...recipe, ...stored };
  // A name is looked up before anything is computed.
  if (!loss) lossNamed(settings.loss, plan.labels, settings);
  return {
    name: flags.trainerName ?? (file ? folderName(trainer) : trainer),
    settings,
    stored: Object.keys(stored).length === 0 ? undefined : stored,
    normalization: change.normalization,
    extra: { ...(file ? extraOf(file) : {}), ...(lossFile ? { loss: lossFile.loss } : {}) },
    identity: { ...(file ? { trainerFile: file.hash } : {}), ...(lossFile ? { lossFile: lossFile.hash } : {}) },
  };
}

function extraOf({ network, loss, augmentation, sampler, schedule }: CustomTrainer): NonNullable<FoldOptions['extra']> {
  return {
    ...(network ? { build: network } : {}),
    ...(loss ? { loss } : {}),
    ...(augmentation ? { augmentation } : {}),
    ...(sampler ? { sampler } : {}),
    ...(schedule ? { schedule } : {}),
  };
}

/** A file's name as first part of a folder's name, whose parts are joined by two underscores. */
function folderName(path: string): string {
  return (
    basename(path, extname(path))
      .replace(/[^A-Za-z0-9_-]+/g, '_')
      .replace(/__+/g, '_') || 'trainer'
  );
}
