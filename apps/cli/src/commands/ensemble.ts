/** `ensemble`: several predictions of the same cases become one: the mean of their probabilities, or a vote of their labels. */
import { vote } from '@voxelwise/ensemble';
import { labelScheme } from '@voxelwise/planner';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stopIfInterrupted, type Context } from '../context.ts';
import { CommandUsageError, InputError } from '../exit.ts';
import { exists, writeWhole } from '../files.ts';
import type { CommandDefinition } from '../command-definition.ts';
import { readDatasetJson } from '../stages/known-dataset.ts';
import { caseNames, readLabels, writeLabels } from '../stages/label-files.ts';
import { mergeCase } from '../stages/merging.ts';
import { endingIn } from '../stages/scoring.ts';

interface EnsembleFlags {
  readonly inputs: readonly string[];
  readonly output: string;
  readonly mode: string;
  readonly datasetJson?: string;
  readonly saveProbabilities?: boolean;
}

export const ensembleCommand: CommandDefinition = {
  name: 'ensemble',
  define: (command, withContext) =>
    command
      .description('merge several predictions of the same cases')
      .requiredOption('--inputs <dirs...>', 'folders of predictions')
      .requiredOption('--output <dir>', 'where the merged segmentations go')
      .option('--mode <mode>', 'mean of saved probabilities, or vote of labels', 'mean')
      .option('--dataset-json <file>', 'default: the one in the first folder')
      .option('--save-probabilities', 'also the mean probabilities')
      .addHelpText(
        'after',
        '\nExamples:\n  $ voxelwise ensemble --inputs predictions_2d predictions_3d --output merged\n  $ voxelwise ensemble --inputs a b c --output merged --mode vote --json',
      )
      .action(withContext(ensemble)),
};

async function ensemble(context: Context, flags: EnsembleFlags): Promise<void> {
  const { inputs, output: folder, mode } = flags;
  if (mode !== 'mean' && mode !== 'vote') throw new CommandUsageError(`--mode is mean or vote, came '${mode}'`);
  if (inputs.length < 2) throw new CommandUsageError(`--inputs takes two or more folders, came ${inputs.length}`);
  const description = flags.datasetJson ?? join(inputs[0]!, 'dataset.json');
  const ending = exists(description) ? (await readDatasetJson(description)).file_ending : await endingIn(inputs[0]!);
  const cases = await sameCases(inputs, mode === 'mean' ? '.npz' : ending);
  const merge = mode === 'mean' ? await meanOf(flags, description, ending) : voteOf(flags, ending);
  const progress = context.output.progress('ensemble', cases.length, 'case');
  for (const [k, id] of cases.entries()) {
    stopIfInterrupted(context);
    await merge(id);
    progress.update(k + 1, id);
  }
  progress.end();
  for (const name of ['dataset.json', 'plans.json'])
    if (exists(join(inputs[0]!, name))) await writeWhole(join(folder, name), await readFile(join(inputs[0]!, name)));
  context.output.print(`merged ${inputs.length} predictions of ${cases.length} cases into ${folder}`);
  context.output.document({ mode, inputs, cases: cases.map((id) => ({ id, output: join(folder, id + ending) })) });
}

/** Throws: InputError naming a case that not every folder has. */
async function sameCases(folders: readonly string[], ending: string): Promise<string[]> {
  const all = await Promise.all(folders.map((folder) => caseNames(folder, ending)));
  const everything = new Set(all.flat());
  all.forEach((names, i) => {
    const missing = [...everything].find((id) => !names.includes(id));
    if (missing !== undefined)
      throw new InputError(
        'different-cases',
        `${folders[i]!}: has no ${missing}${ending}, which another folder has; all must hold the same cases.`,
        join(folders[i]!, missing + ending),
      );
  });
  return all[0]!;
}

type Merge = (id: string) => Promise<void>;

async function meanOf(
  { inputs, output, saveProbabilities: save }: EnsembleFlags,
  description: string,
  ending: string,
): Promise<Merge> {
  const { labels, regions_class_order: order } = await readDatasetJson(description);
  const scheme = labelScheme(labels, order);
  return async (id) => {
    const { map, like } = await mergeCase(inputs, id, ending, scheme, save ? output : undefined);
    await writeLabels(join(output, id + ending), like, map);
  };
}

function voteOf({ inputs, output }: EnsembleFlags, ending: string): Merge {
  return async (id) => {
    const parts = await Promise.all(inputs.map((folder) => readLabels(join(folder, id + ending))));
    await writeLabels(join(output, id + ending), parts[0]!.volume, vote(parts.map((part) => part.map)));
  };
}
