/** Loose folders: images here, labels there, joined by their names. */
import { DatasetError } from '../errors.ts';
import { datasetNumber, inCaseOrder } from './dataset.ts';
import type { CaseFiles, Dataset } from './dataset.ts';
import type { FileTree } from './file-tree.ts';
import { endingOf, stemOf } from './listed-dataset.ts';
import { labelSet } from './label-set.ts';

export interface FolderMeaning {
  /** Folders in the tree. */
  readonly images: string;
  readonly labels: string;
  /** Foreground names in the order of their numbers, from 1; 'background' in front is allowed. */
  readonly labelNames: readonly string[];
  /** Default: 'image' for one channel, else '0', '1', ... */
  readonly channels?: readonly string[];
  readonly name: string;
}

/**
 * Joins images to labels: `a.nii.gz` to `a.nii.gz`, or `a_0000.nii.gz`, `a_0001.nii.gz` (channels) to `a.nii.gz`. Hidden files are passed over.
 *
 * Throws: DatasetError if no image has a label.
 */
export async function readFolderDataset(tree: FileTree, meaning: FolderMeaning): Promise<Dataset> {
  const visible = async (folder: string): Promise<readonly string[]> =>
    (await tree.list(folder)).filter((n) => !n.startsWith('.') && endingOf(n) !== '');
  const labelFiles = new Map((await visible(meaning.labels)).map((n) => [stemOf(n), `${meaning.labels}/${n}`]));
  const images = new Map<string, string[]>();
  for (const name of await visible(meaning.images)) {
    const stem = stemOf(name);
    const split = /^(.+)_\d{4}$/.exec(stem)?.[1];
    const id = split !== undefined && (labelFiles.has(split) || !labelFiles.has(stem)) ? split : stem;
    images.set(id, [...(images.get(id) ?? []), `${meaning.images}/${name}`]);
  }
  const cases = [...images].map(([id, files]): CaseFiles => ({
    id,
    images: files,
    ...(labelFiles.has(id) ? { label: labelFiles.get(id)! } : {}),
  }));
  const training = inCaseOrder(cases.filter((c) => c.label !== undefined));
  if (training.length === 0)
    throw new DatasetError(
      `${tree.fullPath(meaning.images)}: none of its ${images.size} image(s) has a label of the same name in ${tree.fullPath(meaning.labels)}; rename one side.`,
      { file: tree.fullPath(meaning.images) },
    );
  const names = meaning.labelNames[0] === 'background' ? meaning.labelNames.slice(1) : meaning.labelNames;
  const channelCount = training[0]!.images.length;
  return {
    name: meaning.name,
    id: datasetNumber(meaning.name),
    layout: 'folders',
    tree,
    description: undefined,
    channels: meaning.channels ?? (channelCount === 1 ? ['image'] : training[0]!.images.map((_, i) => String(i))),
    labels: labelSet({ background: 0, ...Object.fromEntries(names.map((n, i) => [n, i + 1])) }),
    fileEnding: endingOf(training[0]!.images[0]!),
    numTraining: training.length,
    training,
    validation: [],
    test: inCaseOrder(cases.filter((c) => c.label === undefined)),
    json: {},
  };
}
