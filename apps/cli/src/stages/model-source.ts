/** Opens a model for prediction: a results folder, or a zip as `export` and nnU-Net pack it. */
import { Zip } from '@voxelwise/io';
import type { ModelFolder } from '@voxelwise/inference';
import { directoryFolder } from '@voxelwise/inference/node';
import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { InputError } from '../exit.ts';
import { exists } from '../files.ts';

/** Throws: InputError if there is nothing, or the zip holds unsafe names or not the one model; FormatError for a damaged zip. */
export async function openModelFolder(path: string, configuration?: string): Promise<ModelFolder> {
  if (!exists(path))
    throw new InputError(
      'missing-model',
      `${path}: there is no such model; give the folder that holds plans.json, dataset.json and fold_0, or an exported zip.`,
      path,
    );
  if ((await stat(path)).isDirectory()) return directoryFolder(path);
  if (!/\.zip$/i.test(path))
    throw new InputError(
      'no-model',
      `${path}: a model is a folder with plans.json, dataset.json and fold_0, or a zip of one; this is neither.`,
      path,
    );
  return zippedModel(path, await openModelZip(path), configuration);
}

/** Weights hardly pack; whatever claims to unpack to more than this many times its archive holds no model. */
const MOST_UNPACKED = 64;
const ALWAYS_UNPACKED = 2 ** 26;

/**
 * `bytes`: what the file holds, where it was read already. Throws: InputError naming an entry that is absolute or climbs
 * out with '..', or that claims far more than the archive holds.
 */
export async function openModelZip(path: string, bytes?: Uint8Array): Promise<Zip> {
  const packed = bytes ?? (await readFile(path));
  const zip = new Zip(packed, path);
  let total = 0;
  for (const [name, { size }] of zip.entries) {
    checkEntryName(path, name);
    const folder = folders(name).find((one) => zip.entries.has(one));
    if (folder !== undefined)
      throw new InputError(
        'bad-archive',
        `${path}: its entry "${folder}" is a file, and the folder of "${name}".`,
        path,
      );
    total += size;
    if (total > MOST_UNPACKED * packed.length + ALWAYS_UNPACKED)
      throw new InputError(
        'zip-bomb',
        `${path}: has ${packed.length} bytes, and claims to unpack to ${total} and more by "${name}"; no model packs so, it is refused.`,
        path,
        { entry: name },
      );
  }
  return zip;
}

/** `a/b/c` → `a`, `a/b` */
function folders(name: string): string[] {
  const parts = name.split('/').slice(0, -1);
  return parts.map((_, k) => parts.slice(0, k + 1).join('/'));
}

function checkEntryName(zip: string, name: string): void {
  const parts = name.split(/[/\\]/);
  if (name === '' || /^([/\\]|[A-Za-z]:|[~$%])/.test(name) || parts.includes('..') || name.includes('\0'))
    throw new InputError(
      'unsafe-path',
      `${zip}: the entry "${name}" would be written outside the folder it is unpacked to; the archive is refused.`,
      zip,
      { entry: name },
    );
}

/** Model folders in a zip, by where their plans.json stands; each path ends in '/' or is empty. */
export function modelRoots(names: Iterable<string>): string[] {
  return [...names]
    .filter(
      (name) =>
        /(^|\/)plans\.json$/.test(name) &&
        !/(^|\/)(crossval_results_folds_[^/]*|ensembles\/[^/]*)\/plans\.json$/.test(name),
    )
    .map((name) => name.slice(0, -'plans.json'.length));
}

function zippedModel(path: string, zip: Zip, configuration: string | undefined): ModelFolder {
  const names = [...zip.entries.keys()].filter((name) => !name.endsWith('/'));
  const all = modelRoots(names);
  const roots =
    configuration === undefined
      ? all
      : all.filter((root) => root.replace(/\/$/, '').split('__').at(-1) === configuration);
  const chosen = roots.length === 1 ? roots[0]! : all.length === 1 ? all[0]! : undefined;
  if (chosen === undefined)
    throw new InputError(
      'no-model',
      `${path}: ${all.length === 0 ? 'holds no plans.json, so no model' : `holds the models ${all.join(', ')}; name one with --configuration`}.`,
      path,
      { models: all },
    );
  return {
    // The folder's name inside the archive tells the configuration.
    name: basename(chosen) || basename(path),
    list: () =>
      Promise.resolve(names.filter((name) => name.startsWith(chosen)).map((name) => name.slice(chosen.length))),
    read: (name) => zip.read(chosen + name),
  };
}
