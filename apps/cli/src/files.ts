/** Writing files whole or not at all, hashing them, reading JSON with a named error. */
import { createReadStream, existsSync } from 'node:fs';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { InputError } from './exit.ts';

/** Writes under a temporary name beside the target, flushes, then renames: what stands under the final name is whole. */
export async function writeWhole(
  path: string,
  content: string | Uint8Array | AsyncIterable<Uint8Array>,
): Promise<void> {
  const { temporaryPath } = await import('@voxelwise/io/node');
  const temporary = await temporaryPath(path);
  try {
    const file = await open(temporary, 'w');
    try {
      if (typeof content === 'string' || content instanceof Uint8Array) await file.writeFile(content);
      else for await (const chunk of content) await file.writeFile(chunk);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

export async function writeJson(path: string, value: unknown): Promise<void> {
  await writeWhole(path, `${JSON.stringify(value, undefined, 2)}\n`);
}

/** Throws: InputError if the file is missing or is no JSON. */
export async function readJson<T>(path: string): Promise<T> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new InputError(
      'missing-file',
      `${path}: cannot be read (${(error as Error).message}).`,
      path,
      {},
      { cause: error },
    );
  }
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw new InputError('bad-json', `${path}: is not JSON (${(error as Error).message}).`, path, {}, { cause: error });
  }
}

export async function sha256(path: string): Promise<string> {
  const { createHash } = await import('node:crypto');
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path)) hash.update(piece as Uint8Array);
  return hash.digest('hex');
}

export function exists(path: string): boolean {
  return existsSync(path);
}
