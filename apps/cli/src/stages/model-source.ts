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

/** `bytes`: what the file holds, where it was read already. Throws: InputError naming an entry that is absolute or climbs out with '..'. */
export async function openModelZip(path: string, bytes?: Uint8Array): Promise<Zip> {
  const zip = new Zip(bytes ?? (await readFile(path)), path);
  for (const name of zip.entries.keys()) checkEntryName(path, name);
  return zip;
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
