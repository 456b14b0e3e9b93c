/** `train`: one fold of one configuration; run again to go on. */
import { PROGRESS, type EpochReport, type TrainingSettings } from '@voxelwise/training';
import { splitForFold } from '@voxelwise/planner';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openAugmentationDevice, openDevice, type Context } from '../context.ts';
import { CommandUsageError } from '../exit.ts';
import { exists, readJson } from '../files.ts';
import type { CommandDefinition } from '../command-definition.ts';
import { withNormalization, withTraining } from '../run/edited-plans.ts';
import type { OpenedDataset } from '../stages/dataset.ts';
import { openTrainingDataset } from '../stages/training-dataset.ts';
import { planOf, plansStage } from '../stages/plans.ts';
import { prepareStage } from '../stages/preparation.ts';
import { describePretrained, readPretrained, type PretrainedFlags } from '../stages/pretrained.ts';
import { finite } from '../stages/scoring.ts';
import { chooseTrainer, stockTrainer } from '../stages/trainer-choice.ts';
import { requireFit } from '../stages/prediction-memory.ts';
import { bytesBeside, planTraining, requireTrainingMemory, type TrainingToPlan } from '../stages/training-memory.ts';
import {
  checkpointFile,
  foldFolder,
  requireFolds,
  splitsStage,
  trainFold,
  validateFold,
  type FoldOptions,
  type TrainedFold,
} from '../stages/training.ts';
import { parseDuration, parseWhole } from '../values.ts';

interface TrainFlags extends PretrainedFlags {
  readonly plans: string;
  readonly epochs?: string;
  readonly stepsPerEpoch?: string;
  readonly extendTo?: string;
  readonly maxTime?: string;
  readonly splits?: string;
  readonly loss?: string;
  readonly trainer?: string;
  readonly trainerName?: string;
  readonly exportValidationProbabilities?: boolean;
  readonly validateOnly?: boolean;
  readonly validateCheckpoint: string;
  readonly checkpoints: boolean;
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
      .option('--extend-to <n>', 'go on with a training that is there, finished or not, up to n epochs')
      .option('--pretrained <file>', 'start from these weights: .safetensors or .pth')
      .option('--freeze <globs...>', 'parameters of --pretrained that do not learn, e.g. encoder.stages.0.*')
      .option('--reinit <globs...>', 'parameters that start afresh besides the heads; none: the heads are taken too')
      .option('--loss <name or file>', 'loss by name, or a JavaScript file')
      .option(
        '--trainer <name or file>',
        'a stock trainer of nnU-Net by name, or a JavaScript file with values (docs/custom-trainer.md)',
      )
      .option('--trainer-name <name>', 'first part of the results folder’s name (default: the trainer’s)')
      .option(
        '--export-validation-probabilities',
        'keep the probabilities of the validation cases: find-best then tries ensembles',
      )
      .option(
        '--validate-only',
        'no training: predict and score the validation cases with the checkpoint that is there',
      )
      .option('--validate-checkpoint <name>', 'which weights are validated: final or best', 'final')
      .option(
        '--no-checkpoints',
        'write none on the way and drop the final one after validation; nothing to go on with',
      )
      .addHelpText(
        'after',
        '\nExamples:\n  $ voxelwise train Task04_Hippocampus 3d_fullres 0 --epochs 50\n  $ voxelwise train 4 2d all --max-time 11h',
      )
      .action(withContext(trainOne)),
};

async function trainOne(
  context: Context,
  spec: string,
  configuration: string,
  foldText: string,
  flags: TrainFlags,
): Promise<void> {
  const { output } = context;
  // Wrong words are said before anything is read.
  const fold = foldText === 'all' ? 'all' : parseWhole(foldText, 'the fold', 0);
  if (flags.trainer !== undefined) stockTrainer(flags.trainer);
  const { validateCheckpoint, validateOnly = false, checkpoints } = flags;
  if (validateCheckpoint !== 'final' && validateCheckpoint !== 'best')
    throw new CommandUsageError(`--validate-checkpoint is final or best, came '${validateCheckpoint}'`);
  if (validateCheckpoint === 'best' && !checkpoints)
    throw new CommandUsageError('--validate-checkpoint best needs the checkpoints that --no-checkpoints leaves out');
  const dataset = await openTrainingDataset(context, spec);
  const splits = await splitsStage(dataset, flags.splits);
  requireFolds(dataset, splits, [fold]);
  const planned = await plansStage(context, dataset, { plans: flags.plans });
  const chosen = await chooseTrainer(flags, planOf(dataset, planned, configuration));
  const normalized = withNormalization(planned, configuration, chosen.normalization);
  const plans = chosen.stored === undefined ? normalized : withTraining(normalized, configuration, chosen.stored);
  const plan = planOf(dataset, plans, configuration);
  const start = await readPretrained(flags, plan, chosen.extra.build);
  if (start) output.note(describePretrained(start.report));
  const settings = {
    ...chosen.settings,
    ...(plan.voxelwise['training'] as Partial<TrainingSettings> | undefined),
    ...chosen.stored,
  };
  if (flags.extendTo !== undefined)
    await checkExtension(foldFolder(dataset, { trainer: chosen.name, plans, plan, fold }).folder, settings);
  if (validateOnly)
    checkpointFile(foldFolder(dataset, { trainer: chosen.name, plans, plan, fold }).folder, validateCheckpoint);
  const training: TrainingToPlan = {
    plan,
    settings,
    ...(chosen.extra.loss ? { loss: chosen.extra.loss } : {}),
    ...(chosen.extra.build ? { build: chosen.extra.build } : {}),
    frozen: start?.pretrained.freeze,
  };
  const { training: files } = dataset.source;
  const { val } = splitForFold(
    splits,
    fold,
    files.map(({ id }) => id),
  );
  const memory = await planTraining(context, dataset, training, {
    validated: files.filter(({ id }) => val.includes(id)),
    saveProbabilities: flags.exportValidationProbabilities ?? false,
  });
  const device = await openDevice(context, 'training', bytesBeside([memory]));
  const augmentOn = await openAugmentationDevice();
  try {
    // What cannot be trained or validated is not preprocessed first.
    if (!validateOnly) await requireTrainingMemory(context, device, memory);
    requireFit(context, memory.validation);
    const cases = await prepareStage(context, dataset, plan);
    const end = flags.maxTime === undefined ? undefined : performance.now() + parseDuration(flags.maxTime) * 1000;
    const options: FoldOptions = {
      plans,
      plan,
      settings,
      augmentOn,
      fold,
      splits,
      inference: { stepSize: 0.5, mirroring: true },
      trainer: chosen.name,
      exportProbabilities: flags.exportValidationProbabilities ?? false,
      finalCheckpointOnly: !checkpoints,
      extra: { ...chosen.extra, ...(start ? { pretrained: start.pretrained } : {}) },
      identity: { ...chosen.identity, ...(start ? { pretrained: start.identity } : {}) },
      ...(end === undefined ? {} : { secondsLeft: () => (end - performance.now()) / 1000 }),
    };
    const made = validateOnly ? undefined : await trainFold(context, dataset, device, cases, options);
    const trained = made ?? trainedBefore(dataset, options);
    const summary = await validateFold(context, dataset, device, trained, options, validateCheckpoint);
    const checkpoint = checkpointFile(trained.folder, validateCheckpoint);
    if (!checkpoints) await rm(checkpoint);
    output.print(
      `fold ${foldText}: mean Dice ${summary.foreground_mean.Dice.toFixed(4)} on ${summary.metric_per_case.length} validation cases · ${trained.folder}`,
    );
    output.document({
      fold,
      configuration,
      ...(made && {
        epochs: made.result.history.length,
        steps: made.result.steps,
        seconds: made.seconds,
        bestEmaDice: made.result.bestEmaDice,
      }),
      meanValidationDice: finite(summary.foreground_mean.Dice),
      checkpoint: checkpoints ? checkpoint : null,
      ...(start ? { pretrained: start.report } : {}),
    });
  } finally {
    device.dispose();
    augmentOn.dispose();
  }
}

/** A fold to validate without training it. */
function trainedBefore(dataset: OpenedDataset, options: FoldOptions): Pick<TrainedFold, 'model' | 'folder' | 'split'> {
  const ids = dataset.source.training.map((files) => files.id);
  return { ...foldFolder(dataset, options), split: splitForFold(options.splits, options.fold, ids) };
}

/** --extend-to goes on with something. Throws: CommandUsageError if there is nothing, or it is longer already. */
async function checkExtension(folder: string, { steps, stepsPerEpoch }: TrainingSettings): Promise<void> {
  const [progress] = [join(folder, PROGRESS)].filter(exists);
  if (progress === undefined)
    throw new CommandUsageError(`--extend-to: nothing was trained in ${folder}; start with --epochs`);
  const { history } = await readJson<{ history: readonly EpochReport[] }>(progress);
  const done = history.at(-1)?.step ?? 0;
  if (steps < done)
    throw new CommandUsageError(
      `--extend-to ${Math.round(steps / stepsPerEpoch)}: ${history.length} epochs are done already`,
    );
}
