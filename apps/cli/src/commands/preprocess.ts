/** `preprocess`: crop, normalize and resample every training case for one or more configurations. */
import type { Context } from '../context.ts';
import type { CommandDefinition } from '../command-definition.ts';
import { openDataset } from '../stages/dataset.ts';
import { planOf, plansStage } from '../stages/plans.ts';
import { prepareStage } from '../stages/preparation.ts';

export const preprocessCommand: CommandDefinition = {
  name: 'preprocess',
  define: (command, withContext) =>
    command
      .description('crop, normalize and resample every training case')
      .argument('<dataset>', 'id, name or path of a data set')
      .option('-c, --configurations <names...>', 'configurations (default: all of the plans)')
      .option('--plans <name or file>', 'plans to follow', 'nnUNetPlans')
      .addHelpText(
        'after',
        '\nExamples:\n  $ voxelwise preprocess Task04_Hippocampus\n  $ voxelwise preprocess 4 -c 3d_fullres --plans nnUNetResEncUNetLPlans',
      )
      .action(
        withContext(async (context: Context, spec: string, flags: { configurations?: string[]; plans: string }) => {
          const dataset = await openDataset(context, spec);
          const plans = await plansStage(context, dataset, { plans: flags.plans });
          const names = flags.configurations?.flatMap((name) => name.split(',')) ?? Object.keys(plans.configurations);
          for (const name of names) await prepareStage(context, dataset, planOf(dataset, plans, name));
          context.output.print(
            `preprocessed ${dataset.source.training.length} cases for ${names.join(', ')} in ${dataset.preprocessed}`,
          );
          context.output.document({
            dataset: dataset.name,
            configurations: names,
            cases: dataset.source.training.length,
            outputs: { preprocessed: dataset.preprocessed },
          });
        }),
      ),
};
