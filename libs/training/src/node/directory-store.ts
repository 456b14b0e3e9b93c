/** An experiment's files in a folder. A file is written beside its name and then moved there, so that no half file shows. */
import { open, readFile, rename, rm } from 'node:fs/promises';
import { temporaryPath } from '@voxelwise/io/node';
import { join } from 'node:path';
import type { StateStore } from '../experiment/state-store.ts';

export function directoryStore(folder: string): StateStore {
  return {
    async read(name) {
      try {
        return await readFile(join(folder, name));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    },
    async write(name, bytes) {
      const path = join(folder, name);
      const beside = await temporaryPath(path);
      try {
        const file = await open(beside, 'w');
        try {
          await file.writeFile(bytes);
          await file.sync();
        } finally {
          await file.close();
        }
        await rename(beside, path);
      } catch (error) {
        await rm(beside, { force: true });
        throw error;
      }
    },
    remove: (name) => rm(join(folder, name), { force: true }),
  };
}
