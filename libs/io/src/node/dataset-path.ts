/** Data sets by path, number or name. */
import { access, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { DatasetError, FormatError } from '../errors.ts';
import type { Dataset } from '../datasets/dataset.ts';
import { inByteOrder } from '../datasets/file-tree.ts';
import type { FileTree } from '../datasets/file-tree.ts';
import type { DatalistMeaning } from '../datasets/listed-dataset.ts';
import { openFile } from './file-source.ts';

/** A folder on disk. */
export function folderTree(root: string): FileTree {
  const full = (path: string): string => (path === '' ? root : join(root, path));
  return {
    root,
    fullPath: full,
    async list(folder) {
      try {
        return inByteOrder(await readdir(full(folder)));
      } catch (error) {
        if (['ENOENT', 'ENOTDIR'].includes((error as { code?: string }).code ?? '')) return [];
        throw error;
      }
    },
    async open(path) {
      try {
        const source = await openFile(full(path));
        return { source, done: () => source.close() };
      } catch (error) {
        if (error instanceof FormatError && error.details['reason'] === 'ENOENT') return undefined;
        throw error;
      }
    },
    has: (path) =>
      access(full(path)).then(
        () => true,
        () => false,
      ),
  };
}

/** Where nnU-Net keeps its folders. */
export interface DatasetRoots {
  readonly raw?: string;
  readonly preprocessed?: string;
  readonly results?: string;
}

/** The folders of a data set in nnU-Net's three roots. */
export interface ResolvedDataset {
  /** 'Dataset004_Hippocampus', or the folder's name for data sets read in place. */
  readonly name: string;
  readonly id: number | undefined;
  /** The folder or JSON file to open; undefined when only preprocessed or results folders exist. */
  readonly path: string | undefined;
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/**
 * Finds a data set: an id ('4'), a name ('Dataset004_Hippocampus'), or the path of a folder or datalist JSON.
 *
 * Throws: DatasetError if nothing, or more than one name for an id, is found; lists what there is.
 */
export async function resolveDataset(spec: string, roots: DatasetRoots = {}): Promise<ResolvedDataset> {
  const number = /^\d{1,4}$/.test(spec) ? Number(spec) : undefined;
  const isName = /^Dataset\d{3,}_[^/\\]+$/.test(spec);
  if (number !== undefined || isName) {
    const found = await namesIn(roots, (name) =>
      isName ? name === spec : name.startsWith(`Dataset${String(number).padStart(3, '0')}_`),
    );
    if (found.length === 1) {
      const name = found[0]!;
      const path = roots.raw !== undefined && (await exists(join(roots.raw, name))) ? join(roots.raw, name) : undefined;
      return { name, id: Number(/^Dataset(\d+)_/.exec(name)![1]), path };
    }
    if (found.length > 1)
      throw new DatasetError(
        `data set ${spec}: several data sets have this number: ${found.join(', ')}; rename all but one.`,
        { details: { found } },
      );
  }
  if (await exists(spec)) {
    const path = resolve(spec);
    const isFile = (await stat(path)).isFile();
    const name =
      isFile && basename(path) !== 'dataset.json' ? basename(path, '.json') : basename(isFile ? dirname(path) : path);
    const id = /^(?:Dataset|Task)(\d+)(?:_|$)/.exec(name)?.[1];
    return { name, id: id === undefined ? undefined : Number(id), path };
  }
  const known = await namesIn(roots, (name) => /^Dataset\d{3,}_/.test(name));
  throw new DatasetError(
    `data set "${spec}" was not found: it is no path, and ${known.length > 0 ? `the known data sets are ${known.join(', ')}` : 'no data sets are in the raw, preprocessed or results folders'}.`,
    { details: { spec, known } },
  );
}

async function namesIn(roots: DatasetRoots, wanted: (name: string) => boolean): Promise<readonly string[]> {
  const names = new Set<string>();
  for (const root of [roots.raw, roots.preprocessed, roots.results])
    if (root !== undefined) for (const name of await folderTree(root).list('')) if (wanted(name)) names.add(name);
  return inByteOrder(names);
}

/**
 * Opens a data set by id, name or path: nnU-Net v2, MSD task folder (read in place), nnU-Net v1, MONAI datalist.
 *
 * `dataroot`: the folder that a datalist's paths start from; default: where the JSON lies.
 * Throws: DatasetError.
 */
export async function openDataset(
  spec: string,
  {
    roots = {},
    dataroot,
    ...meaning
  }: { readonly roots?: DatasetRoots; readonly dataroot?: string } & DatalistMeaning = {},
): Promise<Dataset> {
  const { name, path } = await resolveDataset(spec, roots);
  if (path === undefined)
    throw new DatasetError(
      `data set ${name}: its raw images are not in ${roots.raw ?? 'any raw folder'}; only preprocessed or results folders exist.`,
      { details: { name } },
    );
  // Loaded here, as are the formats that data sets are in: who reads DICOM alone never waits for them.
  const { readDataset } = await import('../datasets/read-dataset.ts');
  const isFile = (await stat(path)).isFile();
  const root = isFile ? dirname(path) : path;
  const file = isFile ? basename(path) : 'dataset.json';
  if (dataroot === undefined || resolve(dataroot) === root)
    return readDataset(folderTree(root), { file, name, ...meaning });
  // the description lies elsewhere than the images: one tree that knows both
  const images = folderTree(resolve(dataroot));
  const described = folderTree(root);
  const tree: FileTree = {
    ...images,
    open: (p) => (p === file ? described.open(p) : images.open(p)),
    fullPath: (p) => (p === file ? described.fullPath(p) : images.fullPath(p)),
  };
  return readDataset(tree, { file, name, ...meaning });
}
