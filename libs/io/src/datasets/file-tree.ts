/** A folder to read a data set from, on disk or in memory; and the check that paths stay inside it. */
import type { ByteSource } from '../bytes/byte-source.ts';
import { bytesSource } from '../bytes/byte-source.ts';
import { DatasetError } from '../errors.ts';

/** Paths are relative to the root, with '/' between names. */
export interface FileTree {
  /** What the root is called: an absolute path on disk, any name in memory. */
  readonly root: string;
  /** Names in a folder, hidden ones too, in byte order; none if there is no such folder. */
  list(folder: string): Promise<readonly string[]>;
  /** Undefined if there is no such file. `done` lets go of it. */
  open(path: string): Promise<{ readonly source: ByteSource; done(): Promise<void> } | undefined>;
  has(path: string): Promise<boolean>;
  /** The path as a user would type it, for messages and other tools. */
  fullPath(path: string): string;
}

/** A tree over bytes in memory: tests, browsers. */
export function memoryTree(files: ReadonlyMap<string, Uint8Array>, root = 'memory'): FileTree {
  return {
    root,
    list: (folder) => {
      const prefix = folder === '' ? '' : `${folder}/`;
      const names = [...files.keys()]
        .filter((p) => p.startsWith(prefix))
        .map((p) => p.slice(prefix.length).split('/')[0]!);
      return Promise.resolve(inByteOrder(new Set(names)));
    },
    open: (path) => {
      const bytes = files.get(path);
      return Promise.resolve(bytes ? { source: bytesSource(bytes, path), done: () => Promise.resolve() } : undefined);
    },
    has: (path) => Promise.resolve(files.has(path)),
    fullPath: (path) => `${root}/${path}`,
  };
}

/** Sorted by code point, as Python sorts: the order of cases decides splits. */
export function inByteOrder(names: Iterable<string>): string[] {
  return [...names].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

/**
 * A path that a JSON file names, made relative to its folder.
 *
 * Throws: DatasetError for absolute paths and any '..': a downloaded data set must not reach outside its folder.
 */
export function insidePath(path: unknown, file: string, field: string): string {
  if (typeof path !== 'string' || path === '' || path.includes('\0'))
    throw new DatasetError(
      `${file}: ${field} is ${JSON.stringify(path) ?? 'missing'}; a relative file path was expected.`,
      { file, details: { field, path } },
    );
  const parts = path.split(/[/\\]/);
  if (
    /^([/\\]|[A-Za-z]:)/.test(path) ||
    parts.includes('..') ||
    /^[a-z][a-z0-9+.-]*:\/\//i.test(path) ||
    /^[~$%]/.test(path)
  )
    throw new DatasetError(
      `${file}: ${field} is "${path}"; only paths inside the data set's own folder are read (no absolute paths, no "..").`,
      { file, details: { field, path } },
    );
  return parts.filter((p) => p !== '' && p !== '.').join('/');
}
