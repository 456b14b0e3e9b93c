/**
 * A cache's store in a folder, bounded; several processes may share it. Entries appear whole, by renaming; what another process has
 * evicted meanwhile is simply not there.
 */
import { chmod, mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';
import { TransformError } from '../errors.ts';
import type { CacheStore } from '../loading/cache.ts';

export interface DirectoryCacheSettings {
  readonly folder: string;
  /** Of all entries; the least recently used go first. */
  readonly maxBytes: number;
}

const ENDING = '.case';
const missing = (error: unknown): undefined => {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  return undefined;
};

export function directoryCache({ folder, maxBytes }: DirectoryCacheSettings): CacheStore {
  if (!(maxBytes > 0))
    throw new TransformError(`directoryCache: maxBytes is a positive number of bytes, came ${maxBytes}.`, { maxBytes });
  let writes = 0;
  const evict = async (): Promise<void> => {
    const names = (await readdir(folder)).filter((name) => name.endsWith(ENDING));
    const found = await Promise.all(
      names.map(async (name) => {
        const path = join(folder, name);
        const known = await stat(path).catch(missing);
        return { path, size: known?.size ?? 0, used: known?.ctimeMs ?? 0 };
      }),
    );
    let total = found.reduce((sum, { size }) => sum + size, 0);
    for (const { path, size } of found.sort((a, b) => a.used - b.used)) {
      if (total <= maxBytes) break;
      await rm(path, { force: true });
      total -= size;
    }
  };
  return {
    get: async (key) => {
      const path = join(folder, key + ENDING);
      const bytes = await readFile(path).catch(missing);
      // Setting the mode renews the time of the last change, even to the same mode: that is when the entry was used.
      if (bytes) await chmod(path, 0o644).catch(missing);
      return bytes && new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    },
    put: async (key, bytes) => {
      if (bytes.byteLength > maxBytes) return;
      await mkdir(folder, { recursive: true });
      const beside = join(folder, `${key}.${process.pid}-${threadId}-${writes++}.part`);
      try {
        await writeFile(beside, bytes);
        await rename(beside, join(folder, key + ENDING));
      } catch (error) {
        await rm(beside, { force: true });
        throw error;
      }
      await evict();
    },
  };
}
