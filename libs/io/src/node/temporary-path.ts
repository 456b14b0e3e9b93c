/** Names for files that are being written, until they are whole and get their own; and an end to those that were never finished. */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';

const host = hostname()
  .replace(/[^A-Za-z0-9]/g, '')
  .slice(0, 32);
const UNFINISHED = /\.([A-Za-z0-9]*)-(\d+)-[0-9a-z]+\.part$/;

/** Files begun by this process. */
let written = 0;
/** Folders that were looked through by this process. */
const swept = new Map<string, Promise<void>>();

/**
 * A name beside `path` that no other writer has; its folder is made. What processes of this machine left half written in that
 * folder, and do not write any more, is removed.
 */
export async function temporaryPath(path: string): Promise<string> {
  const folder = resolve(dirname(path));
  if (!swept.has(folder)) swept.set(folder, sweep(folder));
  await swept.get(folder);
  await mkdir(folder, { recursive: true });
  // Threads of a process share its number, not its clock's last digits.
  const own = `${(written++).toString(36)}${process.hrtime()[1].toString(36)}`;
  return join(folder, `.${basename(path)}.${host}-${process.pid}-${own}.part`);
}

async function sweep(folder: string): Promise<void> {
  const names = await readdir(folder).catch((): string[] => []);
  for (const name of names) {
    const [, writerHost, pid] = UNFINISHED.exec(name) ?? [];
    if (writerHost === host && !isRunning(Number(pid))) await rm(join(folder, name), { force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
