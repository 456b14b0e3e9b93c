/** `fingerprint`: shapes, spacings and intensities of a data set, in nnU-Net's file. */
import type { Context } from '../context.ts';
import type { CommandDefinition } from '../command-definition.ts';
import { openDataset } from '../stages/dataset.ts';
import { fingerprintPath, fingerprintStage } from '../stages/fingerprint.ts';
import { formatTable } from '../terminal/output.ts';

export const fingerprintCommand: CommandDefinition = {
  name: 'fingerprint',
  define: (command, withContext) =>
    command
      .description('shapes, spacings and foreground intensities of a data set')
      .argument('<dataset>', 'id, name or path of a data set')
      .option('--out <file>', 'where to write it (default: preprocessed/<dataset>/dataset_fingerprint.json)')
      .option('--clean', 'take it again even if there is one')
      .addHelpText(
        'after',
        '\nExamples:\n  $ voxelwise fingerprint Task04_Hippocampus\n  $ voxelwise fingerprint 4 --clean --out fingerprint.json',
      )
      .action(
        withContext(async (context: Context, spec: string, flags: { out?: string; clean?: boolean }) => {
          const dataset = await openDataset(context, spec);
          const path = flags.out ?? fingerprintPath(dataset);
          const fingerprint = await fingerprintStage(context, dataset, { path, again: flags.clean ?? false });
          const rows = Object.entries(fingerprint.foreground_intensity_properties_per_channel).map(([channel, p]) => [
            channel,
            ...[p.mean, p.std, p.min, p.percentile_00_5, p.median, p.percentile_99_5, p.max].map((v) =>
              v.toPrecision(5),
            ),
          ]);
          context.output.print(
            formatTable(['channel', 'mean', 'std', 'min', '0.5 %', 'median', '99.5 %', 'max'], rows),
          );
          context.output.print(
            `${fingerprint.shapes_after_crop.length} cases, median relative size after cropping ${fingerprint.median_relative_size_after_cropping.toFixed(3)}`,
          );
          context.output.print(`wrote ${path}`);
          context.output.document({
            fingerprint: path,
            cases: fingerprint.shapes_after_crop.length,
            medianRelativeSize: fingerprint.median_relative_size_after_cropping,
          });
        }),
      ),
};
