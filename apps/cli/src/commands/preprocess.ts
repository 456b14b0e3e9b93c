/** `preprocess`: crop, normalize and resample every training case for one or more configurations. */
import { configurationNames } from '@voxelwise/planner';
import type { Context } from '../context.ts';
import type { CommandDefinition } from '../command-definition.ts';
import { openDataset } from '../stages/dataset.ts';
import { planOf, plansStage } from '../stages/plans.ts';
import { prepareStage } from '../stages/preparation.ts';

interface PreprocessFlags {
  readonly configurations?: string[];
  readonly plans: string;
  readonly skipMissing?: boolean;
}

export const preprocessCommand: CommandDefinition = {
  name: 'preprocess',
  define: (command, withContext) =>
    command
      .description('crop, normalize and resample every training case')
      .argument('<dataset>', 'id, name or path of a data set')
      .option('-c, --configurations <names...>', 'configurations (default: all of the plans)')
      .option('--plans <name or file>', 'plans to follow', 'nnUNetPlans')
      .option('--skip-missing', 'pass over configurations that the plans do not have')
      .addHelpText(
        'after',
        '\nExamples:\n  $ voxelwise preprocess Task04_Hippocampus\n  $ voxelwise preprocess 4 -c 3d_fullres --plans nnUNetResEncUNetLPlans',
      )
      .action(
        withContext(async (context: Context, spec: string, flags: PreprocessFlags) => {
          const dataset = await openDataset(context, spec);
          const plans = await plansStage(context, dataset, { plans: flags.plans });
          const asked = flags.configurations?.flatMap((name) => name.split(',')) ?? configurationNames(plans);
          const missing = flags.skipMissing ? asked.filter((name) => !Object.hasOwn(plans.configurations, name)) : [];
          if (missing.length > 0) context.output.note(`${plans.plans_name} hold no ${missing.join(', ')}: passed over`);
          const names = asked.filter((name) => !missing.includes(name));
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
