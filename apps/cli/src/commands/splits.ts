/** `splits make`: folds that keep groups together and put difficult cases into training. */
import { casesWhere, readSummary, ScoreError, type Summary } from '@voxelwise/metrics';
import { makeGroupedSplits } from '@voxelwise/planner';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Context } from '../context.ts';
import { CommandUsageError, InputError } from '../exit.ts';
import { exists, readJson, writeJson } from '../files.ts';
import type { CommandDefinition } from '../command-definition.ts';
import { openDataset } from '../stages/dataset.ts';
import { formatTable } from '../terminal/output.ts';
import { parseWhole } from '../values.ts';

interface SplitsFlags {
  readonly folds: string;
  readonly group?: string;
  readonly forceTrainWhere?: string;
  readonly summary?: string;
  readonly out?: string;
}

export const splitsCommand: CommandDefinition = {
  name: 'splits',
  define: (command, withContext) =>
    command
      .description('make the folds of a data set')
      .argument('<make>', 'the word make')
      .argument('<dataset>', 'id, name or path of a data set')
      .option('--folds <n>', 'how many', '5')
      .option(
        '--group <pattern or file>',
        'cases of a group stay together: a pattern whose first bracket is the group, or a JSON file {case: group}',
      )
      .option(
        '--force-train-where <condition>',
        "cases that always train, such as 'dice<0.1' or 'dice[2]<0.1'; needs --summary",
      )
      .option('--summary <file>', 'the summary.json that the condition looks at')
      .option('--out <file>', 'default: splits_final.json among the preprocessed')
      .addHelpText(
        'after',
        "\nExamples:\n  $ voxelwise splits make 4 --group '^(patient\\d+)_'\n  $ voxelwise splits make 4 --force-train-where 'dice<0.1' --summary crossval/summary.json --out splits.json",
      )
      .action(withContext(makeFolds)),
};

async function makeFolds(context: Context, verb: string, spec: string, flags: SplitsFlags): Promise<void> {
  if (verb !== 'make') throw new CommandUsageError(`splits takes the word make, came '${verb}'`);
  const folds = parseWhole(flags.folds, '--folds');
  if (folds < 2) throw new CommandUsageError(`--folds is at least 2, came ${folds}`);
  if (flags.forceTrainWhere !== undefined && flags.summary === undefined)
    throw new CommandUsageError('--force-train-where needs --summary: the scores it looks at');
  const dataset = await openDataset(context, spec);
  const ids = dataset.source.training.map((files) => files.id);
  const alwaysTrain =
    flags.forceTrainWhere === undefined
      ? []
      : difficultCases(
          readSummary(await readFile(flags.summary!, 'utf8'), flags.summary),
          flags.forceTrainWhere,
          dataset.source.fileEnding,
        );
  const groups = flags.group === undefined ? undefined : await groupsOf(context, flags.group, ids);
  const splits = makeGroupedSplits(ids, {
    folds,
    alwaysTrain,
    ...(groups === undefined ? {} : { groups }),
  });
  const path = flags.out ?? join(dataset.preprocessed, 'splits_final.json');
  await writeJson(path, splits);
  context.output.print(
    formatTable(
      ['fold', 'train', 'validate'],
      splits.map((split, k) => [String(k), String(split.train.length), String(split.val.length)]),
    ),
  );
  if (alwaysTrain.length > 0) context.output.print(`always trained: ${alwaysTrain.join(', ')}`);
  context.output.print(`wrote ${path}`);
  context.output.document({
    splits: path,
    folds: splits.length,
    alwaysTrain,
    groups: groups === undefined ? null : new Set(Object.values(groups)).size,
  });
}

/** Throws: CommandUsageError for a condition that cannot be read, or that the summary has no score for. */
function difficultCases(summary: Summary, condition: string, ending: string): string[] {
  try {
    return casesWhere(summary, condition, ending);
  } catch (error) {
    if (!(error instanceof ScoreError)) throw error;
    throw new CommandUsageError(`--force-train-where: ${error.message}`, error.details);
  }
}

async function groupsOf(
  { output }: Context,
  given: string,
  ids: readonly string[],
): Promise<Readonly<Record<string, string>>> {
  const groups = exists(given) || given.endsWith('.json') ? await readGroups(given, ids) : matchGroups(given, ids);
  const alone = ids.filter((id) => !Object.hasOwn(groups, id));
  if (alone.length > 0)
    output.warn(`${alone.length} case(s) belong to no group and stand alone, such as ${alone.slice(0, 3).join(', ')}`);
  return groups;
}

/** Throws: CommandUsageError if it is no pattern; InputError if it fits no case. */
function matchGroups(given: string, ids: readonly string[]): Record<string, string> {
  let pattern: RegExp;
  try {
    pattern = new RegExp(given);
  } catch (error) {
    throw new CommandUsageError(
      `--group is a pattern or a JSON file; '${given}' is neither (${(error as Error).message})`,
    );
  }
  const found = ids.flatMap((id) => {
    const match = pattern.exec(id);
    return match ? [[id, match[1] ?? match[0]] as const] : [];
  });
  if (found.length === 0)
    throw new InputError('no-groups', `--group ${given}: fits none of the cases, such as ${ids[0] ?? 'none'}.`);
  return Object.fromEntries(found);
}

/** Throws: InputError if the file is no object of case names, or names a case that the data set does not have. */
async function readGroups(file: string, ids: readonly string[]): Promise<Record<string, string>> {
  const groups = await readJson<unknown>(file);
  const entries = typeof groups === 'object' && groups !== null && !Array.isArray(groups) ? Object.entries(groups) : [];
  if (entries.length === 0 || entries.some(([, group]) => !['string', 'number'].includes(typeof group)))
    throw new InputError(
      'bad-groups',
      `${file}: expected an object {case: group}, such as {"${ids[0] ?? 'case_0'}": "patient 1"}, its groups text or numbers.`,
      file,
    );
  const unknown = entries.map(([id]) => id).filter((id) => !ids.includes(id));
  if (unknown.length > 0)
    throw new InputError(
      'unknown-cases',
      `${file}: names ${unknown.length} case(s) that the data set does not have, such as ${unknown.slice(0, 3).join(', ')}; its cases are named like ${ids[0] ?? '–'}.`,
      file,
      { unknown },
    );
  return Object.fromEntries(entries.map(([id, group]) => [id, String(group)]));
}
