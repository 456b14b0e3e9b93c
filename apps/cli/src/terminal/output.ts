/** What a command says, and where: results to stdout, everything else to stderr when stdout carries JSON. */
import { silentProgress, startProgress, type Progress } from './progress.ts';

export class Output {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly #onDocument: ((value: unknown) => void) | undefined;

  /** `onDocument` takes the document instead of stdout: one command running another. */
  constructor(settings: {
    json: boolean;
    quiet: boolean;
    verbose: boolean;
    onDocument?: ((value: unknown) => void) | undefined;
  }) {
    this.json = settings.json;
    this.quiet = settings.quiet;
    this.verbose = settings.verbose;
    this.#onDocument = settings.onDocument;
  }

  /** A line of the result. */
  print(text = ''): void {
    (this.json ? process.stderr : process.stdout).write(`${text}\n`);
  }

  /** What happens on the way; silent with --quiet. */
  note(text: string): void {
    if (!this.quiet) (this.json ? process.stderr : process.stdout).write(`${text}\n`);
  }

  /** Per-step detail; only with --verbose. */
  detail(text: string): void {
    if (this.verbose) process.stderr.write(`${text}\n`);
  }

  warn(text: string): void {
    process.stderr.write(`warning: ${text}\n`);
  }

  progress(label: string, total: number, unit: string): Progress {
    return this.quiet ? silentProgress : startProgress({ stream: process.stderr, label, total, unit });
  }

  /** The one JSON document, with --json; indented by so many spaces, on one line with 0. */
  document(value: unknown, indent = 2): void {
    if (this.#onDocument) this.#onDocument(value);
    else if (this.json) process.stdout.write(`${JSON.stringify(value, undefined, indent)}\n`);
  }
}

/** Columns as wide as their content; numbers to the right. */
export function formatTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows];
  const widths = header.map((_, c) => Math.max(...all.map((row) => [...(row[c] ?? '')].length)));
  const numeric = header.map(
    (_, c) => rows.length > 0 && rows.every((row) => /^[-–]?[\d.,]*\s?%?$/.test(row[c] ?? '')),
  );
  const draw = (row: readonly string[]): string =>
    row
      .map((cell, c) =>
        numeric[c]
          ? ' '.repeat(widths[c]! - [...cell].length) + cell
          : cell + ' '.repeat(widths[c]! - [...cell].length),
      )
      .join('  ')
      .trimEnd();
  return [draw(header), widths.map((w) => '─'.repeat(w)).join('  '), ...rows.map(draw)].join('\n');
}
