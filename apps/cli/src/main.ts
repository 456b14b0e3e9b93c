/** The voxelwise command line: parses, runs a command, prints the error as a person wants it, and returns the exit code. */
import { CommanderError } from 'commander';
import { EXIT, InterruptedError, exitCodeOf, messageOf } from './exit.ts';
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

/** Those of an error's fields that it has. */
function pick(error: object, ...names: readonly string[]): object {
  return Object.fromEntries(
    Object.entries(error).filter(([name, value]) => names.includes(name) && value !== undefined),
  );
}

function endOfReaders(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(EXIT.brokenPipe);
  throw error;
}

function fail(error: unknown, words: readonly string[]): number {
  const wrong = error instanceof CommanderError;
  if (wrong && error.exitCode === 0) return EXIT.done;
  const code = wrong ? EXIT.usage : exitCodeOf(error);
  const known = error as Error & { code?: string; file?: string; path?: string; details?: object };
  const message = wrong ? error.message.replace(/^error: /, '') : messageOf(error);
  const file = known.file ?? known.path;
  if (words.includes('--json')) {
    const named = { [EXIT.bug]: 'internal', [EXIT.usage]: 'usage' }[code as number];
    const document = {
      error: {
        code: named ?? known.code ?? 'internal',
        message,
        ...(file === undefined ? {} : { file }),
        // where in the file a format's fault lies
        details: { ...pick(known, 'field', 'byteOffset'), ...known.details },
      },
    };
    process.stdout.write(`${JSON.stringify(document)}\n`);
  }
  // What is wrong with the words themselves, the parser has said.
  if (wrong) return code;
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
