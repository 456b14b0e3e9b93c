/** The table of --autotune on disk: which algorithm was fastest for a shape on this machine. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { AutotuneTable } from '@voxelwise/compute';
import { InputError } from './exit.ts';

/** An absent file is an empty table. Throws: InputError if the file is no JSON object of strings. */
export function readAutotuneTable(file: string): AutotuneTable {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
  const refuse = (cause?: unknown): never => {
    throw new InputError(
      'autotune',
      `${file} is no table of --autotune (a JSON object of names); remove it to measure again.`,
      file,
      {},
      { cause },
    );
  };
  let table: unknown;
  try {
    table = JSON.parse(text);
  } catch (error) {
    return refuse(error);
  }
  if (
    typeof table !== 'object' ||
    table === null ||
    Array.isArray(table) ||
    !Object.values(table).every((name) => typeof name === 'string')
  )
    return refuse();
  return table as AutotuneTable;
}

/** Adds the rows to those on disk, which another process may have written meanwhile. */
export function saveAutotuneTable(file: string, table: AutotuneTable): void {
  const rows = Object.entries({ ...readAutotuneTable(file), ...table }).sort(([a], [b]) => (a < b ? -1 : 1));
  mkdirSync(dirname(file), { recursive: true });
  const written = `${file}.${process.pid}.part`;
  writeFileSync(written, `${JSON.stringify(Object.fromEntries(rows), null, 2)}\n`);
  renameSync(written, file);
}
