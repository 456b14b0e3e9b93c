/** A folder of files, wherever it is: on a disk, in a zip, behind a URL. */

export interface ModelFolder {
  /** For messages. */
  readonly name: string;
  /** Paths of all files below, with `/`. */
  list(): Promise<readonly string[]>;
  /** Throws if there is no such file. */
  read(path: string): Promise<Uint8Array>;
}

/** Files held in memory: of an unpacked zip, or chosen in a page. */
export function memoryFolder(name: string, files: ReadonlyMap<string, Uint8Array>): ModelFolder {
  return {
    name,
    list: () => Promise.resolve([...files.keys()]),
    read: (path) => {
      const bytes = files.get(path);
      return bytes ? Promise.resolve(bytes) : Promise.reject(new Error(`${name}: there is no ${path}.`));
    },
  };
}
