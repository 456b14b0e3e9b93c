/** Every command in one list. Adding a command is one import and one line. */
import { Command } from 'commander';
import { makeContext, type Context, type GlobalFlags } from './context.ts';
import { benchCommand } from './commands/bench.ts';
import { compareCommand, stabilityCommand } from './commands/compare.ts';
import { convertCommand } from './commands/convert.ts';
import { doctorCommand } from './commands/doctor.ts';
import { ensembleCommand } from './commands/ensemble.ts';
import { evaluateCommand } from './commands/evaluate.ts';
import { exportCommand, importCommand } from './commands/export.ts';
import { accumulateCommand, findBestCommand } from './commands/find-best.ts';
import { fingerprintCommand } from './commands/fingerprint.ts';
import { initCommand } from './commands/init.ts';
import { movePlansCommand } from './commands/move-plans.ts';
import { overlayCommand } from './commands/overlay.ts';
import { planCommand } from './commands/plan.ts';
import { postprocessCommand } from './commands/postprocess.ts';
import { predictCommand } from './commands/predict.ts';
import { preprocessCommand } from './commands/preprocess.ts';
import { reportCommand } from './commands/report.ts';
import { runCommand } from './commands/run.ts';
import { runnerCommand } from './commands/runner.ts';
import { splitsCommand } from './commands/splits.ts';
import { trainCommand } from './commands/train.ts';
import { upstreamCommands } from './commands/upstream.ts';
import type { CommandDefinition } from './command-definition.ts';
import { version } from './version.ts';

export interface Surroundings {
  readonly signal: AbortSignal;
  readonly environment: NodeJS.ProcessEnv;
  /** Takes a command's document instead of stdout. */
  readonly onDocument?: (value: unknown) => void;
}

const COMMANDS: readonly CommandDefinition[] = [
  runCommand,
  doctorCommand,
  fingerprintCommand,
  planCommand,
  preprocessCommand,
  trainCommand,
  predictCommand,
  evaluateCommand,
  reportCommand,
  overlayCommand,
  benchCommand,
  findBestCommand,
  accumulateCommand,
  ensembleCommand,
  postprocessCommand,
  exportCommand,
  importCommand,
  movePlansCommand,
  initCommand,
  splitsCommand,
  compareCommand,
  stabilityCommand,
  convertCommand,
  runnerCommand,
  ...upstreamCommands,
];

export function makeProgram(surroundings: Surroundings): Command {
  /** Another command line in the same surroundings; what it would print as JSON is returned. */
  const run: Context['run'] = async (words, environment = {}) => {
    let document: unknown;
    await makeProgram({
      ...surroundings,
      environment: { ...surroundings.environment, ...environment },
      onDocument: (value) => (document = value),
    }).parseAsync(words, { from: 'user' });
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
  for (const { name, define } of COMMANDS) {
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
