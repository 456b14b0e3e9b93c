/** Opens a data set of any known layout: which one it is, its JSON tells. */
import { collect } from '../bytes/collect.ts';
import { chunksOf } from '../bytes/byte-source.ts';
import { DatasetError } from '../errors.ts';
import type { Dataset } from './dataset.ts';
import type { FileTree } from './file-tree.ts';
import { readListedDataset } from './listed-dataset.ts';
import type { DatalistMeaning } from './listed-dataset.ts';
import { readNnunetDataset } from './nnunet-dataset.ts';

/** No description is longer. */
const MOST_JSON_BYTES = 1 << 28;

/**
 * Reads the description of a data set; no image is opened, and labels only where the description does not name them.
 *
 * `file`: the JSON in the tree, 'dataset.json' unless another is named. `name`: what the data set is called.
 * `meaning`: channel and label names for datalists that lack them.
 * Throws: DatasetError naming the file, what was expected and what came.
 */
export async function readDataset(
  tree: FileTree,
  { file = 'dataset.json', name, ...meaning }: { readonly file?: string; readonly name: string } & DatalistMeaning,
): Promise<Dataset> {
  const json = await readJson(tree, file);
  const place = tree.fullPath(file);
  const isListed = Array.isArray(json['training']) || Array.isArray(json['testing']);
  const isNnunet = 'file_ending' in json || 'channel_names' in json;
  // With both, as conversions of nnU-Net v1's leave it, the folders count if the description is complete without the list.
  if (isNnunet && (!isListed || ('file_ending' in json && ('channel_names' in json || 'modality' in json))))
    return readNnunetDataset(tree, file, json, name);
  if (isListed) return readListedDataset(tree, file, json, name, meaning);
  throw new DatasetError(
    `${place}: is no known description of a data set: nnU-Net v2 has "channel_names", "labels" and "file_ending", MSD and MONAI list their cases under "training"; it has ${Object.keys(json).join(', ') || 'nothing'}.`,
    { file: place, details: { keys: Object.keys(json) } },
  );
}

/** UTF-8, or UTF-16 where the byte order mark says so, as some editors on Windows write it. */
function textOf(bytes: Uint8Array): string {
  const [first, second] = bytes;
  const encoding =
    first === 0xff && second === 0xfe ? 'utf-16le' : first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8';
  return new TextDecoder(encoding).decode(bytes);
}

async function readJson(tree: FileTree, file: string): Promise<Readonly<Record<string, unknown>>> {
  const place = tree.fullPath(file);
  const opened = await tree.open(file);
  if (!opened)
    throw new DatasetError(
      `${place}: there is no such file; a data set is described by a dataset.json (nnU-Net, MSD) or a datalist JSON (MONAI).`,
      { file: place },
    );
  try {
    const bytes = await collect(chunksOf(opened.source), MOST_JSON_BYTES, place);
    const parsed: unknown = JSON.parse(textOf(bytes));
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
      throw new SyntaxError('not a JSON object');
    return parsed as Readonly<Record<string, unknown>>;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new DatasetError(
      `${place}: is not valid JSON (${error.message}); repair it.`,
      { file: place },
      { cause: error },
    );
  } finally {
    await opened.done();
  }
}
