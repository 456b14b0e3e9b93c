/** `nnUNetv2_…`: nnU-Net v2's commands with their own flags, run as ours. */
import { globalWords, type Context } from '../context.ts';
import { CommandUsageError } from '../exit.ts';
import type { CommandDefinition } from '../command-definition.ts';
import { experimentCommands } from './upstream-experiment.ts';
import { modelCommands } from './upstream-model.ts';
import { flagsOf, readUpstream, type UpstreamWords } from './upstream-flags.ts';

export interface UpstreamCommand {
  readonly name: string;
  readonly description: string;
  /** In the notation of `flagsOf`. */
  readonly flags: string;
  readonly positionals?: readonly string[];
  readonly examples: readonly string[];
  /** Our command lines, in the order to run them. */
  readonly map: (
    words: UpstreamWords,
    context: Context,
  ) => Promise<readonly (readonly string[])[]> | readonly (readonly string[])[];
}

/** Values of `-device`. Upstream's default, cuda, means the best there is. */
const DEVICES: Readonly<Record<string, string>> = { cuda: 'auto', mps: 'auto', cpu: 'wasm' };

function definition({ name, description, flags, positionals = [], examples, map }: UpstreamCommand): CommandDefinition {
  return {
    name,
    define: (command, withContext) =>
      command
        .description(description)
        .argument('[words...]', `${positionals.join(' ')} ${flags}`.trim())
        .allowUnknownOption()
        .addHelpText(
          'after',
          `\nFlags as upstream: ${[...positionals, ...flagsOf(flags).map((flag) => flag.name)].join(' ')}\n\nExamples:\n${examples.map((example) => `  $ voxelwise ${name} ${example}`).join('\n')}`,
        )
        .action(
          withContext(async (context: Context, given: string[]) => {
            const words = readUpstream(
              name,
              given,
              [...flagsOf(flags), ...flagsOf('-np= --verbose --no_pbar --disable_progress_bar')],
              positionals,
            );
            const device = words.optional('-device');
            if (device !== undefined && DEVICES[device] === undefined)
              throw new CommandUsageError(`${name}: -device is cuda, cpu or mps, came '${device}'`);
            const globals = [
              ...globalWords(context),
              ...(device === undefined || context.device !== 'auto' ? [] : ['--device', DEVICES[device]!]),
            ];
            const documents: unknown[] = [];
            for (const line of await map(words, context)) {
              context.output.note(`voxelwise ${line.join(' ')}`);
              documents.push(await context.run([...line, ...globals]));
            }
            context.output.document(documents.length === 1 ? documents[0] : { steps: documents });
          }),
        ),
  };
}

export const upstreamCommands: readonly CommandDefinition[] = [...experimentCommands, ...modelCommands].map(definition);
