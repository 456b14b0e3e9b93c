/** Every command in one list. Adding a command is one line. */
import { Command } from 'commander';
import { makeContext, type Context, type GlobalFlags } from './context.ts';
import type { CommandDefinition } from './command-definition.ts';
import { version } from './version.ts';

export interface Surroundings {
  readonly signal: AbortSignal;
  readonly environment: NodeJS.ProcessEnv;
  /** Takes a command's document instead of stdout. */
  readonly onDocument?: (value: unknown) => void;
}

/**
 * Commands by name. A module is loaded when a command line names its command, or help needs them all: training's libraries take
 * longer to load than many a conversion takes.
 */
const COMMANDS: Readonly<Record<string, () => Promise<CommandDefinition>>> = {
  run: async () => (await import('./commands/run.ts')).runCommand,
  doctor: async () => (await import('./commands/doctor.ts')).doctorCommand,
  fingerprint: async () => (await import('./commands/fingerprint.ts')).fingerprintCommand,
  plan: async () => (await import('./commands/plan.ts')).planCommand,
  preprocess: async () => (await import('./commands/preprocess.ts')).preprocessCommand,
  train: async () => (await import('./commands/train.ts')).trainCommand,
  predict: async () => (await import('./commands/predict.ts')).predictCommand,
  evaluate: async () => (await import('./commands/evaluate.ts')).evaluateCommand,
  report: async () => (await import('./commands/report.ts')).reportCommand,
  overlay: async () => (await import('./commands/overlay.ts')).overlayCommand,
  bench: async () => (await import('./commands/bench.ts')).benchCommand,
  'find-best': async () => (await import('./commands/find-best.ts')).findBestCommand,
  accumulate: async () => (await import('./commands/find-best.ts')).accumulateCommand,
  ensemble: async () => (await import('./commands/ensemble.ts')).ensembleCommand,
  postprocess: async () => (await import('./commands/postprocess.ts')).postprocessCommand,
  export: async () => (await import('./commands/export.ts')).exportCommand,
  import: async () => (await import('./commands/export.ts')).importCommand,
  'move-plans': async () => (await import('./commands/move-plans.ts')).movePlansCommand,
  init: async () => (await import('./commands/init.ts')).initCommand,
  splits: async () => (await import('./commands/splits.ts')).splitsCommand,
  compare: async () => (await import('./commands/compare.ts')).compareCommand,
  stability: async () => (await import('./commands/compare.ts')).stabilityCommand,
  convert: async () => (await import('./commands/convert.ts')).convertCommand,
  runner: async () => (await import('./commands/runner.ts')).runnerCommand,
};

/** The commands that a command line may mean: the one its first word names, none for the version, else all. */
async function definitionsFor([first = '']: readonly string[]): Promise<readonly CommandDefinition[]> {
  if (Object.hasOwn(COMMANDS, first)) return [await COMMANDS[first]!()];
  if (first === '--version' || first === '-V') return [];
  const { upstreamCommands } = await import('./commands/upstream.ts');
  if (upstreamCommands.some(({ name }) => name === first)) return upstreamCommands;
  return [...(await Promise.all(Object.values(COMMANDS).map((load) => load()))), ...upstreamCommands];
}

/** The program for one command line: `words` without `node voxelwise`, then to be parsed by it. */
export async function programFor(words: readonly string[], surroundings: Surroundings): Promise<Command> {
  /** Another command line in the same surroundings; what it would print as JSON is returned. */
  const run: Context['run'] = async (words, environment = {}) => {
    let document: unknown;
    const inner = await programFor(words, {
      ...surroundings,
      environment: { ...surroundings.environment, ...environment },
      onDocument: (value) => (document = value),
    });
    await inner.parseAsync(words, { from: 'user' });
    return document;
  };
  const program = new Command('voxelwise')
    .description('Medical image segmentation that anyone can train and run.')
    .version(version)
    .showHelpAfterError('(add --help for usage)')
    .exitOverride()
    .addHelpText(
      'after',
      `
Examples:
  $ voxelwise run Task04_Hippocampus --budget 30m      everything: data check, plan, training, scores, report
  $ voxelwise predict --model results/… --input images --output segmentations
  $ voxelwise doctor Task04_Hippocampus                find faults in the data before any computing

Exit codes: 0 done · 1 internal error · 2 wrong usage · 3 bad input · 4 not enough memory, disk or time · 5 interrupted, state saved`,
    );
  for (const { name, define } of await definitionsFor(words)) {
    const command = program.command(name).exitOverride();
    withGlobalFlags(command);
    define(command, (work) => async (...args: unknown[]) => {
      const self = args.at(-1) as Command;
      const context = makeContext(self.optsWithGlobals<GlobalFlags>(), { ...surroundings, run });
      await (work as (context: Context, ...args: unknown[]) => Promise<void>)(context, ...args.slice(0, -1));
    });
  }
  return program;
}

function withGlobalFlags(command: Command): void {
  command
    .option('--json', 'one JSON document on stdout, everything else on stderr')
    .option('--quiet', 'no progress')
    .option('--verbose', 'per-step detail')
    .option('--device <kind>', 'auto, webgpu, wasm or reference', 'auto')
    .option('--threads <n>', 'WASM threads (default: all cores)')
    .option('--seed <n>', 'seed of all chance', '1234')
    .option('--max-memory <size>', 'a limit that is kept, e.g. 4GB')
    .option(
      '--workspace <dir>',
      'where raw, preprocessed and results live (default: nnU-Net variables, else ./voxelwise)',
    )
    .option('--autotune', 'time the algorithms or tiles of each convolution, and keep the choices in the workspace');
}
