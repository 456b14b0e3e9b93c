/** `overlay`: a picture of every training case, its labels in color: a look at the data before it is trained on. */
import { voxelCount } from '@voxelwise/volume';
import { join } from 'node:path';
import { stopIfInterrupted, type Context } from '../context.ts';
import { CommandUsageError } from '../exit.ts';
import { writeWhole } from '../files.ts';
import type { CommandDefinition } from '../command-definition.ts';
import { overlayPng, type LabeledSlices } from '../report/overlay.ts';
import { loadTrainingCase, openDataset, type OpenedDataset } from '../stages/dataset.ts';
import { openTrainingDataset } from '../stages/training-dataset.ts';
import { planOf, plansStage } from '../stages/plans.ts';
import { prepareStage } from '../stages/preparation.ts';
import { parseWhole } from '../values.ts';

interface OverlayFlags {
  readonly out: string;
  readonly raw?: boolean;
  readonly plans: string;
  readonly configuration?: string;
  readonly channel: string;
  readonly intensity: string;
}

export const overlayCommand: CommandDefinition = {
  name: 'overlay',
  define: (command, withContext) =>
    command
      .description('a PNG of every training case: the slice with most of its classes, labels in color')
      .argument('<dataset>', 'id, name or path of a data set')
      .requiredOption('--out <dir>', 'folder for CASE.png')
      .option('--raw', 'the images as they are on disk, not preprocessed')
      .option('--plans <name or file>', 'plans of the preprocessed cases', 'nnUNetPlans')
      .option('-c, --configuration <name>', 'of the preprocessed cases (default: 3d_fullres, else 2d)')
      .option('--channel <n>', 'which channel, from 0', '0')
      .option('--intensity <x>', 'how bright the colors are beside the image', '0.6')
      .addHelpText(
        'after',
        '\nExamples:\n  $ voxelwise overlay Task04_Hippocampus --out pictures --raw\n  $ voxelwise overlay 4 --out pictures -c 2d --intensity 0.3',
      )
      .action(withContext(drawAll)),
};

async function drawAll(context: Context, spec: string, flags: OverlayFlags): Promise<void> {
  const channel = parseWhole(flags.channel, '--channel');
  const intensity = Number(flags.intensity);
  if (!(intensity >= 0)) throw new CommandUsageError(`--intensity is a number from 0 on, came '${flags.intensity}'`);
  const dataset = await (flags.raw ? openDataset : openTrainingDataset)(context, spec);
  const channels = dataset.source.channels.length;
  if (channel >= channels)
    throw new CommandUsageError(`--channel counts from 0 to ${channels - 1} here, came ${channel}`);
  const slicesOf = flags.raw ? rawSlices(dataset, channel) : await preparedSlices(context, dataset, channel, flags);
  const cases = dataset.source.training;
  const progress = context.output.progress('draw', cases.length, 'case');
  const pictures: string[] = [];
  for (const { id } of cases) {
    stopIfInterrupted(context);
    const path = join(flags.out, `${id}.png`);
    await writeWhole(path, overlayPng(await slicesOf(id), intensity));
    pictures.push(path);
    progress.update(pictures.length, id);
  }
  progress.end();
  context.output.print(`${pictures.length} pictures in ${flags.out}`);
  context.output.document({ pictures });
}

type SlicesOf = (id: string) => Promise<LabeledSlices>;

function rawSlices(dataset: OpenedDataset, channel: number): SlicesOf {
  const files = new Map(dataset.source.training.map((one) => [one.id, one]));
  return async (id) => {
    const { images, labels } = await loadTrainingCase(dataset, files.get(id)!);
    const { shape } = images.grid;
    const voxels = voxelCount(shape);
    return {
      shape,
      image: images.voxels.subarray(channel * voxels, (channel + 1) * voxels) as ArrayLike<number>,
      labels: labels!.voxels as ArrayLike<number>,
    };
  };
}

async function preparedSlices(
  context: Context,
  dataset: OpenedDataset,
  channel: number,
  flags: OverlayFlags,
): Promise<SlicesOf> {
  const plans = await plansStage(context, dataset, { plans: flags.plans });
  const configuration = flags.configuration ?? (plans.configurations['3d_fullres'] ? '3d_fullres' : '2d');
  const cases = await prepareStage(context, dataset, planOf(dataset, plans, configuration));
  return async (id) => {
    const { shape, crop } = await cases.open(id);
    const { image, labels } = await crop([0, 0, 0], shape);
    const voxels = voxelCount(shape);
    return {
      shape,
      image: image.subarray(channel * voxels, (channel + 1) * voxels),
      // Voxels outside the non-zero region are no class.
      labels: labels.subarray(0, voxels).map((label) => Math.max(0, label)),
    };
  };
}
