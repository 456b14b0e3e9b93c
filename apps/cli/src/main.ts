/** The voxelwise command line: parses, runs a command, prints the error as a person wants it, and returns the exit code. */
import { CommanderError } from 'commander';
import { EXIT, InterruptedError, exitCodeOf } from './exit.ts';
import { programFor } from './program.ts';

/** Runs one command line (without `node voxelwise`) and sets `process.exitCode`. */
export async function main(words: readonly string[]): Promise<void> {
  const stop = new AbortController();
  let signals = 0;
  const onSignal = (): void => {
    signals++;
    if (signals > 1) process.exit(EXIT.interrupted);
    process.stderr.write('\nstopping: saving what is done (once more to stop at once)\n');
    stop.abort(new InterruptedError());
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  // `voxelwise … | head`: whoever read the results has gone. Signals end other tools so; what was saved is whole.
  process.stdout.on('error', endOfReaders);
  // Nobody reads progress and warnings any more: the work goes on.
  process.stderr.on('error', () => undefined);
  try {
    const program = await programFor(words, { signal: stop.signal, environment: process.env });
    await program.parseAsync(words, { from: 'user' });
    process.exitCode = process.exitCode ?? EXIT.done;
  } catch (error) {
    process.exitCode = fail(error, words);
  }
  // Worker pools and GPU handles keep the event loop alive; the work is done. Pipes are written out first.
  await Promise.all(
    [process.stdout, process.stderr].map((stream) => new Promise((resolve) => stream.write('', resolve))),
  );
  process.exit();
}

function endOfReaders(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(EXIT.brokenPipe);
  throw error;
}

function fail(error: unknown, words: readonly string[]): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  const code = exitCodeOf(error);
  const known = error as Error & { code?: string; file?: string; details?: unknown };
  const message = error instanceof Error ? error.message : String(error);
  if (words.includes('--json')) {
    const document = {
      error: {
        code: code === EXIT.bug ? 'internal' : (known.code ?? 'internal'),
        message,
        ...(known.file === undefined ? {} : { file: known.file }),
        details: known.details ?? {},
      },
    };
    process.stdout.write(`${JSON.stringify(document)}\n`);
  }
  process.stderr.write(`voxelwise: ${message}\n`);
  if (code === EXIT.bug) {
    process.stderr.write(
      `\n${error instanceof Error ? error.stack : ''}\n\nThis is a bug. Please report it with the lines above: https://github.com/voxelwise/voxelwise/issues\n`,
    );
  } else if (code === EXIT.usage) {
    process.stderr.write(`Try: voxelwise ${words.find((word) => !word.startsWith('-')) ?? ''} --help\n`);
  }
  return code;
}
