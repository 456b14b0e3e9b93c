/** Runs command lines in this process, for tests. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { programFor } from '../program.ts';

/** What a command's JSON document holds; tests look into it. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Document = any;

/** Runs one command line on the WASM device and returns its JSON document. Throws what the command throws. */
export async function runLine(words: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Document> {
  let document: unknown;
  const line = [...words, '--json', '--quiet', '--device', 'wasm', '--threads', '1'];
  const program = await programFor(line, {
    signal: new AbortController().signal,
    environment,
    onDocument: (value) => (document = value),
  });
  await program.parseAsync(line, { from: 'user' });
  return document;
}

export function temporaryFolder(): {
  readonly path: string;
  readonly at: (...parts: string[]) => string;
  readonly remove: () => void;
} {
  const path = mkdtempSync(join(tmpdir(), 'voxelwise-'));
  return { path, at: (...parts) => join(path, ...parts), remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** A fixture of one of the libraries. */
export function fixture(lib: string, ...parts: string[]): string {
  return fileURLToPath(new URL(`../../../../libs/${lib}/fixtures/${parts.join('/')}`, import.meta.url));
}
