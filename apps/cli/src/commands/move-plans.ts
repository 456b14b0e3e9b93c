/** `move-plans`: plans made for one data set, for another. */
import { readPlans, writePlans } from '@voxelwise/planner';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Context } from '../context.ts';
import { InputError } from '../exit.ts';
import { exists, writeWhole } from '../files.ts';
import type { CommandDefinition } from '../command-definition.ts';
import { knownDataset } from '../stages/known-dataset.ts';

export const movePlansCommand: CommandDefinition = {
  name: 'move-plans',
  define: (command, withContext) =>
    command
      .description('use the plans of one data set for another, as for pretraining')
      .argument('<source>', 'id, name or path of the data set whose plans they are')
      .argument('<target>', 'the data set that gets them')
      .option('--plans <name>', 'which plans', 'nnUNetPlans')
      .option('--as <name>', 'their name in the target (default: the same)')
      .addHelpText(
        'after',
        '\nExamples:\n  $ voxelwise move-plans 4 5\n  $ voxelwise move-plans 4 5 --plans nnUNetPlans --as nnUNetPlans_from4',
      )
      .action(
        withContext(async (context: Context, from: string, to: string, flags: { plans: string; as?: string }) => {
          const [source, target] = [await knownDataset(context, from), await knownDataset(context, to)];
          const path = join(source.preprocessed, `${flags.plans}.json`);
          if (!exists(path))
            throw new InputError(
              'missing-plans',
              `${path}: there are no such plans; make them with voxelwise plan ${from}.`,
              path,
            );
          const name = flags.as ?? flags.plans;
          const plans = readPlans(await readFile(path, 'utf8'), path);
          // The folders of preprocessed cases carry the plans' name, so that they are not taken for another's.
          const configurations = Object.fromEntries(
            Object.entries(plans.configurations).map(([key, entry]) => [
              key,
              typeof entry.data_identifier === 'string'
                ? { ...entry, data_identifier: entry.data_identifier.replace(plans.plans_name, name) }
                : entry,
            ]),
          );
          const out = join(target.preprocessed, `${name}.json`);
          await writeWhole(out, writePlans({ ...plans, dataset_name: target.name, plans_name: name, configurations }));
          context.output.print(`wrote ${out}`);
          context.output.document({ plans: out });
        }),
      ),
};
