/** `train`: one fold of one configuration; run again to go on. */
import { nnunetSettings, type TrainingSettings } from '@voxelwise/training';
import { openAugmentationDevice, openDevice, type Context } from '../context.ts';
import type { CommandDefinition } from '../program.ts';
import { openDataset } from '../stages/dataset.ts';
import { planOf, plansStage } from '../stages/plans.ts';
import { prepareStage } from '../stages/preparation.ts';
import { finite } from '../stages/scoring.ts';
import { splitsStage, trainFold, validateFold } from '../stages/training.ts';
import { parseDuration, parseWhole } from '../values.ts';

interface TrainFlags {
  readonly plans: string;
  readonly epochs?: string;
  readonly stepsPerEpoch?: string;
  readonly maxTime?: string;
  readonly splits?: string;
  readonly loss?: string;
  readonly trainerName: string;
  readonly exportValidationProbabilities?: boolean;
}

export const trainCommand: CommandDefinition = {
  name: 'train',
  define: (command, withContext) =>
    command
      .description('train one fold of a configuration and validate it; run again to go on')
      .argument('<dataset>', 'id, name or path of a data set')
      .argument('<configuration>', '2d, 3d_fullres, …')
      .argument('<fold>', '0 … 4, or all')
      .option('--plans <name or file>', 'plans to train with', 'nnUNetPlans')
      .option('--epochs <n>', 'epochs in all (default: 1000)')
      .option('--steps-per-epoch <n>', 'steps of an epoch (default: 250)')
      .option('--max-time <duration>', 'fit the epochs into this time, e.g. 11h')
      .option('--splits <file>', 'folds of your own, as splits_final.json')
      .option('--loss <name>', 'loss by name')
      .option('--trainer-name <name>', 'first part of the results folder’s name', 'nnUNetTrainer')
      .option('--export-validation-probabilities', 'keep the probabilities of the validation cases: find-best then tries ensembles')
      .addHelpText('after', '\nExamples:\n  $ voxelwise train Task04_Hippocampus 3d_fullres 0 --epochs 50\n  $ voxelwise train 4 2d all --max-time 11h')
      .action(withContext(trainOne)),
};

async function trainOne(context: Context, spec: string, configuration: string, foldText: string, flags: TrainFlags): Promise<void> {
  const { output } = context;
  const dataset = await openDataset(context, spec);
  const plans = await plansStage(context, dataset, { plans: flags.plans });
  const plan = planOf(dataset, plans, configuration);
  const fold = foldText === 'all' ? 'all' : parseWhole(foldText, 'fold');
  const cases = await prepareStage(context, dataset, plan);
  const splits = await splitsStage(dataset, flags.splits);
  const settings: TrainingSettings = {
    ...nnunetSettings(plan, {
      ...(flags.epochs === undefined ? {} : { epochs: parseWhole(flags.epochs, '--epochs') }),
      ...(flags.stepsPerEpoch === undefined ? {} : { stepsPerEpoch: parseWhole(flags.stepsPerEpoch, '--steps-per-epoch') }),
    }),
    ...(flags.loss === undefined ? {} : { loss: flags.loss }),
    ...(plan.voxelwise['training'] as Partial<TrainingSettings> | undefined),
  };
  const device = await openDevice(context, 'training');
  const augmentOn = await openAugmentationDevice();
  try {
    const end = flags.maxTime === undefined ? undefined : performance.now() + parseDuration(flags.maxTime) * 1000;
    const inference = { stepSize: 0.5, mirroring: true };
    const options = { plans, plan, settings, augmentOn, inference, trainer: flags.trainerName, fold, splits, exportProbabilities: flags.exportValidationProbabilities ?? false, ...(end === undefined ? {} : { secondsLeft: () => (end - performance.now()) / 1000 }) } as const;
    const trained = await trainFold(context, dataset, device, cases, options);
    const summary = await validateFold(context, dataset, device, trained, options);
    output.print(`fold ${foldText}: mean Dice ${summary.foreground_mean.Dice.toFixed(4)} on ${summary.metric_per_case.length} validation cases · ${trained.folder}`);
    output.document({
      fold, configuration, epochs: trained.result.history.length, steps: trained.result.steps, seconds: trained.seconds,
      bestEmaDice: trained.result.bestEmaDice, meanValidationDice: finite(summary.foreground_mean.Dice), checkpoint: `${trained.folder}/checkpoint_final.safetensors`,
    });
  } finally {
    device.dispose();
    augmentOn.dispose();
  }
}
