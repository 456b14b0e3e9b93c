/** A model folder on a disk. */
import { readdir, readFile } from 'node:fs/promises';
import { basename, join, relative, resolve, sep } from 'node:path';
import { ModelError } from '../errors.ts';
import type { ModelFolder } from '../model/model-folder.ts';

/** Throws: ModelError if the path is no folder. */
export function directoryFolder(path: string): ModelFolder {
  const root = resolve(path);
  const inside = (name: string): string => {
    const target = resolve(root, name);
    if (target !== root && !target.startsWith(root + sep))
      throw new ModelError(`${root}: the path ${name} leaves the model's folder.`, { path: name });
    return target;
  };
  return {
    name: basename(root),
    async list() {
      try {
        const entries = await readdir(root, { recursive: true, withFileTypes: true });
        return entries
          .filter((entry) => entry.isFile())
          .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'));
      } catch (cause) {
        throw new ModelError(
          `${root} is no folder that can be read; a model is a folder with plans.json, dataset.json and fold_0 … below it.`,
          { path: root },
          { cause },
        );
      }
    },
    read: (name) => readFile(inside(name)),
  };
}
