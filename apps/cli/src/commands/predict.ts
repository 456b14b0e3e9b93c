/** `predict`: segment images with a trained model: ours, or a folder that nnU-Net v2 trained. */
import { loadModel } from '@voxelwise/inference';
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openDevice, type Context } from '../context.ts';
import { CommandUsageError } from '../exit.ts';
import { writeJson, writeWhole } from '../files.ts';
import { peakMemoryBytes } from '../machine.ts';
import type { CommandDefinition } from '../command-definition.ts';
import { networkOf } from '../stages/custom-trainer.ts';
import { openModelFolder } from '../stages/model-source.ts';
import { planPredictions, requireFit } from '../stages/prediction-memory.ts';
import { casesIn, labelsNamed, segmentCases } from '../stages/segmenting.ts';
import { parseFolds, parseWhole } from '../values.ts';

interface PredictFlags {
  readonly model: string;
  readonly input: string;
  readonly output: string;
  readonly folds?: string;
  readonly checkpoint: string;
  readonly configuration?: string;
  readonly stepSize: string;
  readonly mirroring: boolean;
  readonly previousStage?: string;
  readonly trainer?: string;
  readonly roiSubset?: string;
  readonly saveProbabilities?: boolean;
  readonly parts?: string;
  readonly part?: string;
}

export const predictCommand: CommandDefinition = {
  name: 'predict',
  define: (command, withContext) =>
    command
      .description('segment images with a trained model; run again to go on')
      .requiredOption('--model <dir or zip>', 'a results folder of ours or of nnU-Net v2, or an exported zip')
      .requiredOption('--input <dir or file>', 'images, named CASE_0000.nii.gz, CASE_0001.nii.gz … per channel')
      .requiredOption('--output <dir>', 'where the segmentations go')
      .option('--folds <list>', '0,1 … or all (default: every fold there is)')
      .option('--checkpoint <name>', 'final or best', 'final')
      .option('-c, --configuration <name>', 'when the folder does not tell')
      .option('--step-size <share>', 'step of the sliding window as a share of the patch', '0.5')
      .option('--mirroring', 'average over mirrored copies (default)', true)
      .option('--no-mirroring', 'eight times faster, a little less exact')
      .option('--previous-stage <dir>', "the previous stage's segmentations, for a cascade")
      .option('--roi-subset <names>', 'only these classes, by name with commas between; all else becomes background')
      .option('--trainer <file>', 'the trainer file, where it brought its own network')
      .option('--save-probabilities', 'also CASE.npz with the probability of each label (large), as ensemble needs')
      .option('--parts <n>', 'segment only one of n parts of the cases, see --part', '1')
      .option('--part <k>', 'which part, from 0', '0')
      .addHelpText(
        'after',
        '\nExamples:\n  $ voxelwise predict --model results/Dataset004_Hippocampus/nnUNetTrainer__nnUNetPlans__3d_fullres --input imagesTs --output segmentations\n  $ voxelwise predict --model my-nnunet-model --input scan_0000.nii.gz --output out --folds 0 --no-mirroring --json',
      )
      .action(withContext(predict)),
};

async function predict(context: Context, flags: PredictFlags): Promise<void> {
  const begun = performance.now();
  const stepSize = Number(flags.stepSize);
  if (!(stepSize > 0 && stepSize <= 1))
    throw new CommandUsageError(`--step-size is a share of the patch above 0 and at most 1, came '${flags.stepSize}'`);
  const folder = await openModelFolder(flags.model, flags.configuration);
  const { trainer } = flags;
  const model = await loadModel(folder, {
    checkpoint: flags.checkpoint,
    ...(flags.folds === undefined ? {} : { folds: parseFolds(flags.folds) }),
    ...(flags.configuration === undefined ? {} : { configuration: flags.configuration }),
    ...(trainer === undefined ? {} : { build: networkOf(trainer) }),
  });
  const { source, cases: all } = await casesIn(
    flags.input,
    model.plan.fileEnding,
    model.plan.channels.map((channel) => channel.name),
  );
  const cases = partOf(all, parseWhole(flags.parts ?? '1', '--parts'), parseWhole(flags.part ?? '0', '--part'));
  const labels =
    flags.roiSubset === undefined
      ? undefined
      : labelsNamed(
          model,
          flags.roiSubset.split(',').map((name) => name.trim()),
        );
  const planned = await planPredictions(context, {
    model,
    source,
    cases,
    folder: flags.output,
    stepSize,
    saveProbabilities: flags.saveProbabilities ?? false,
  });
  requireFit(context, planned);
  const device = await openDevice(context, 'predicting', planned.need.host);
  try {
    await mkdir(flags.output, { recursive: true });
    const identity = createHash('sha256');
    for (const { name, weights } of model.folds) {
      identity.update(name);
      for (const [key, { data }] of weights)
        identity.update(key).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    }
    const done = await segmentCases(context, model, device, source, cases, flags.output, {
      stepSize,
      mirroring: flags.mirroring,
      previousStage: flags.previousStage,
      saveProbabilities: flags.saveProbabilities ?? false,
      labels,
      identity: `${identity.digest('hex')} step ${stepSize} mirroring ${flags.mirroring}${labels ? ` labels ${[...labels].join()}` : ''}`,
    });
    const there = new Set(await folder.list());
    for (const name of ['dataset.json', 'plans.json'])
      if (there.has(name)) await writeWhole(join(flags.output, name), await folder.read(name));
    await writeJson(join(flags.output, 'predict_from_raw_data_args.json'), {
      model: flags.model,
      input: flags.input,
      folds: model.folds.map((fold) => fold.name),
      checkpoint: flags.checkpoint,
      stepSize,
      mirroring: flags.mirroring,
    });
    const seconds = (performance.now() - begun) / 1000;
    context.output.print(`segmented ${done.length} cases in ${seconds.toFixed(1)} s into ${flags.output}`);
    context.output.document({
      cases: done,
      folds: model.folds.map((fold) => fold.name),
      configuration: model.plan.name,
      seconds,
      device: device.name,
      peakMemoryBytes: peakMemoryBytes(),
    });
  } finally {
    device.dispose();
  }
}

/** Every n-th case from the k-th on, as several machines share the work. */
function partOf<T>(cases: readonly T[], parts: number, part: number): readonly T[] {
  if (parts < 1 || part < 0 || part >= parts)
    throw new CommandUsageError(`--part counts from 0 up to --parts less one; came part ${part} of ${parts}`);
  return cases.filter((_, i) => i % parts === part);
}
