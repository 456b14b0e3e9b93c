/** Writes what a budget decided into the plans: the model folder's plans.json says what was really trained. */
import { resolveConfiguration, type ConfigurationEntry, type PlansFile } from '@voxelwise/planner';
import type { BudgetPlan, TrainingSettings } from '@voxelwise/training';

/** Name of the trainer in a model folder's name: the reference's for its exact recipe, ours otherwise. */
export function trainerName(recipe: string): string {
  return recipe === 'nnunet' ? 'nnUNetTrainer' : 'VoxelwiseTrainer';
}

export function withBudget(
  plans: PlansFile,
  configuration: string,
  { network, patch, settings, inference, decisions }: BudgetPlan,
): PlansFile {
  const entry = plans.configurations[configuration]!;
  const flat = network.kernelSizes[0]!.length === 2;
  const arch = resolveConfiguration(plans.configurations, configuration).architecture;
  if (arch === undefined) return plans;
  const edited: ConfigurationEntry = {
    ...entry,
    patch_size: flat ? patch.slice(1) : patch,
    batch_size: settings.batchSize,
    batch_dice: settings.batchDice,
    architecture: {
      ...arch,
      arch_kwargs: {
        ...arch.arch_kwargs,
        n_stages: network.featuresPerStage.length,
        features_per_stage: network.featuresPerStage,
        kernel_sizes: network.kernelSizes,
        strides: network.strides,
        [network.network === 'PlainConvUNet' ? 'n_conv_per_stage' : 'n_blocks_per_stage']: network.encoderDepths,
        n_conv_per_stage_decoder: network.decoderDepths,
      },
    },
    voxelwise: { ...entry.voxelwise, training: settings, inference, decisions },
  };
  return { ...plans, configurations: { ...plans.configurations, [configuration]: edited } };
}

/** Names another normalization in the architecture, as a trainer that changes it leaves it for prediction. */
export function withNormalization(plans: PlansFile, configuration: string, kind: 'batch' | undefined): PlansFile {
  const arch = resolveConfiguration(plans.configurations, configuration).architecture;
  if (kind === undefined || arch === undefined) return plans;
  const flat = String(arch.arch_kwargs['conv_op']).endsWith('Conv2d');
  const edited: ConfigurationEntry = {
    ...plans.configurations[configuration]!,
    architecture: {
      ...arch,
      arch_kwargs: {
        ...arch.arch_kwargs,
        norm_op: `torch.nn.modules.batchnorm.BatchNorm${flat ? 2 : 3}d`,
        norm_op_kwargs: { eps: 1e-5, affine: true },
      },
    },
  };
  return { ...plans, configurations: { ...plans.configurations, [configuration]: edited } };
}

/** Writes training settings that are not the recipe's: predicting reads the axes that may be mirrored from them. */
export function withTraining(plans: PlansFile, configuration: string, training: Partial<TrainingSettings>): PlansFile {
  const entry = plans.configurations[configuration]!;
  const before = entry.voxelwise?.['training'] as Partial<TrainingSettings> | undefined;
  const edited: ConfigurationEntry = {
    ...entry,
    voxelwise: { ...entry.voxelwise, training: { ...before, ...training } },
  };
  return { ...plans, configurations: { ...plans.configurations, [configuration]: edited } };
}
