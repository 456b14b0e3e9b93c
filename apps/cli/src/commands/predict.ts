/** `predict`: segment images with a trained model: ours, or a folder that nnU-Net v2 trained. */
import { loadModel } from '@voxelwise/inference';
import { directoryFolder } from '@voxelwise/inference/node';
import { createHash } from 'node:crypto';
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openDevice, type Context } from '../context.ts';
import { CommandUsageError, InputError } from '../exit.ts';
import { exists, writeJson } from '../files.ts';
import { peakMemoryBytes } from '../machine.ts';
import type { CommandDefinition } from '../program.ts';
import { casesIn, segmentCases } from '../stages/segmenting.ts';
import { parseFolds } from '../values.ts';

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
}

export const predictCommand: CommandDefinition = {
  name: 'predict',
  define: (command, withContext) =>
    command
      .description('segment images with a trained model; run again to go on')
      .requiredOption('--model <dir>', 'a results folder of ours or of nnU-Net v2')
      .requiredOption('--input <dir or file>', 'images, named CASE_0000.nii.gz, CASE_0001.nii.gz … per channel')
      .requiredOption('--output <dir>', 'where the segmentations go')
      .option('--folds <list>', '0,1 … or all (default: every fold there is)')
      .option('--checkpoint <name>', 'final or best', 'final')
      .option('-c, --configuration <name>', 'when the folder does not tell')
      .option('--step-size <share>', 'step of the sliding window as a share of the patch', '0.5')
      .option('--mirroring', 'average over mirrored copies (default)', true)
      .option('--no-mirroring', 'eight times faster, a little less exact')
      .option('--previous-stage <dir>', "the previous stage's segmentations, for a cascade")
      .addHelpText('after', '\nExamples:\n  $ voxelwise predict --model results/Dataset004_Hippocampus/nnUNetTrainer__nnUNetPlans__3d_fullres --input imagesTs --output segmentations\n  $ voxelwise predict --model my-nnunet-model --input scan_0000.nii.gz --output out --folds 0 --no-mirroring --json')
      .action(withContext(predict)),
};

async function predict(context: Context, flags: PredictFlags): Promise<void> {
  const begun = performance.now();
  const stepSize = Number(flags.stepSize);
  if (!(stepSize > 0 && stepSize <= 1)) throw new CommandUsageError(`--step-size is a share of the patch above 0 and at most 1, came '${flags.stepSize}'`);
  if (!exists(flags.model)) throw new InputError('missing-model', `${flags.model}: there is no such folder; give the folder that holds plans.json, dataset.json and fold_0.`, flags.model);
  const model = await loadModel(directoryFolder(flags.model), {
    checkpoint: flags.checkpoint,
    ...(flags.folds === undefined ? {} : { folds: parseFolds(flags.folds) }),
    ...(flags.configuration === undefined ? {} : { configuration: flags.configuration }),
  });
  const { source, cases } = await casesIn(flags.input, model.plan.fileEnding, model.plan.channels.map((channel) => channel.name));
  const device = await openDevice(context, 'predicting');
  try {
    await mkdir(flags.output, { recursive: true });
    const identity = createHash('sha256');
    for (const { name, weights } of model.folds) {
      identity.update(name);
      for (const [key, { data }] of weights) identity.update(key).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    }
    const done = await segmentCases(context, model, device, source, cases, flags.output, {
      stepSize,
      mirroring: flags.mirroring,
      previousStage: flags.previousStage,
      identity: `${identity.digest('hex')} step ${stepSize} mirroring ${flags.mirroring}`,
    });
    for (const name of ['dataset.json', 'plans.json']) if (exists(join(flags.model, name))) await copyFile(join(flags.model, name), join(flags.output, name));
    await writeJson(join(flags.output, 'predict_from_raw_data_args.json'), { model: flags.model, input: flags.input, folds: model.folds.map((fold) => fold.name), checkpoint: flags.checkpoint, stepSize, mirroring: flags.mirroring });
    const seconds = (performance.now() - begun) / 1000;
    context.output.print(`segmented ${done.length} cases in ${seconds.toFixed(1)} s into ${flags.output}`);
    context.output.document({ cases: done, folds: model.folds.map((fold) => fold.name), configuration: model.plan.name, seconds, device: device.name, peakMemoryBytes: peakMemoryBytes() });
  } finally {
    device.dispose();
  }
}
