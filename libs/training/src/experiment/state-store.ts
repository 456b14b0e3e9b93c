/** Where an experiment keeps its files. Writing is all or nothing: after a kill, what stands under a name is whole. */

export interface StateStore {
  /** The file's bytes, or undefined if there is none. */
  read(name: string): Promise<Uint8Array | undefined>;
  /** Whole or not at all. */
  write(name: string, bytes: Uint8Array): Promise<void>;
  remove(name: string): Promise<void>;
}

/** Names in a fold's folder. */
export const CHECKPOINT = {
  latest: 'checkpoint_latest.safetensors',
  best: 'checkpoint_best.safetensors',
  final: 'checkpoint_final.safetensors',
} as const;
export const PROGRESS = 'progress.json';

/** Keeps files in memory: for tests, and for pages that save them elsewhere. */
export function memoryStore(): StateStore & { readonly files: ReadonlyMap<string, Uint8Array> } {
  const files = new Map<string, Uint8Array>();
  return {
    files,
    read: (name) => Promise.resolve(files.get(name)),
    write: (name, bytes) => Promise.resolve(void files.set(name, bytes.slice())),
    remove: (name) => Promise.resolve(void files.delete(name)),
  };
}
