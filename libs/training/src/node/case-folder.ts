/** Prepared cases in a folder, the most recently used ones kept in memory. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeCase, encodeCase } from '../cases/case-file.ts';
import { memoryCase, type CaseArrays } from '../cases/memory-case.ts';
import type { CaseSource, PreparedCase } from '../cases/prepared-case.ts';
import { TrainingError } from '../errors.ts';
import { directoryStore } from './directory-store.ts';

export interface CaseFolder extends CaseSource {
  /** When a case was saved, in milliseconds since 1970; undefined if it was not. */
  savedAt(id: string): Promise<number | undefined>;
  save(arrays: CaseArrays): Promise<void>;
}

export interface CaseFolderOptions {
  /** Tells preprocessed data of different plans apart: a hash or the JSON of what preprocessing depends on. */
  readonly plan: string;
  /** Bytes of cases to keep in memory. Default 512 MiB. */
  readonly cacheBytes?: number;
}

export function caseFolder(folder: string, { plan, cacheBytes = 2 ** 29 }: CaseFolderOptions): CaseFolder {
  const store = directoryStore(folder);
  const fileOf = (id: string): string => `${id}.safetensors`;
  const cache = new Map<string, { readonly prepared: Promise<PreparedCase>; bytes: number }>();
  let held = 0;
  const load = async (id: string): Promise<PreparedCase> => {
    const bytes = await store.read(fileOf(id));
    if (bytes === undefined)
      throw new TrainingError(`There is no prepared case ${id} in ${folder}; preprocess it first.`, {
        case: id,
        folder,
      });
    const arrays = decodeCase(bytes, join(folder, fileOf(id)), plan);
    const entry = cache.get(id);
    if (entry) {
      entry.bytes = arrays.image.byteLength + arrays.labels.byteLength;
      held += entry.bytes;
      for (const [oldest, { bytes: size }] of cache) {
        if (held <= cacheBytes || oldest === id) break;
        cache.delete(oldest);
        held -= size;
      }
    }
    return memoryCase(arrays);
  };
  return {
    savedAt: (id) =>
      stat(join(folder, fileOf(id))).then(
        ({ mtimeMs }) => mtimeMs,
        () => undefined,
      ),
    save: async (arrays) => {
      await store.write(fileOf(arrays.id), encodeCase(arrays, plan));
      const known = cache.get(arrays.id);
      cache.delete(arrays.id);
      held -= known?.bytes ?? 0;
    },
    open: (id) => {
      const known = cache.get(id);
      if (known) {
        cache.delete(id);
        cache.set(id, known);
        return known.prepared;
      }
      const prepared = Promise.resolve().then(() => load(id));
      cache.set(id, { prepared, bytes: 0 });
      prepared.catch(() => cache.delete(id));
      return prepared;
    },
  };
}
