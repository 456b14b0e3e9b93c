/** Data sets whose JSON lists its files: MSD task folders, nnU-Net v1 (the same JSON, channels in files of their own), MONAI datalists. */
import { DatasetError } from '../errors.ts';
import { datasetNumber, inCaseOrder } from './dataset.ts';
import type { CaseFiles, Dataset, DatasetLayout } from './dataset.ts';
import { inByteOrder, insidePath } from './file-tree.ts';
import type { FileTree } from './file-tree.ts';
import { foundLabels } from './found-labels.ts';
import { labelSet, labelSetFromNumbers } from './label-set.ts';
import type { LabelSet } from './label-set.ts';
import { caseId, channelNames } from './nnunet-dataset.ts';

/** What a datalist does not say. */
export interface DatalistMeaning {
  readonly channels?: readonly string[];
  readonly labels?: LabelSet;
}

const ENDINGS = ['.nii.gz', '.nii', '.nrrd', '.mha', '.mhd', '.png', '.tif', '.tiff', '.npy', '.npz', '.mrc'];

/** The ending of a file name, '.nii.gz' as one. */
export function endingOf(name: string): string {
  const lower = name.toLowerCase();
  const known = ENDINGS.find((e) => lower.endsWith(e));
  return known ? name.slice(name.length - known.length) : (/\.[^./]*$/.exec(name)?.[0] ?? '');
}

/** The file name without folder and ending. */
export function stemOf(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return name.slice(0, name.length - endingOf(name).length);
}

interface Entry {
  readonly images: readonly string[];
  readonly label?: string;
  readonly fold?: number;
}

/** Throws: DatasetError for entries without an image, paths that leave the folder, and missing channel or label names. */
export async function readListedDataset(
  tree: FileTree,
  file: string,
  json: Readonly<Record<string, unknown>>,
  name: string,
  meaning: DatalistMeaning = {},
): Promise<Dataset> {
  const place = tree.fullPath(file);
  const isMonai = !('modality' in json) || 'testing' in json || firstOf(json['training'])?.['fold'] !== undefined;
  const layoutOf = { separate: false };
  const cases = async (key: string): Promise<readonly CaseFiles[]> => {
    const entries = entriesOf(json[key], key, place, isMonai ? tree.root : undefined);
    const found: CaseFiles[] = [];
    const used = new Set<string>();
    for (const entry of entries) {
      const images = entry.images.length === 1 ? await channelFiles(tree, entry.images[0]!) : entry.images;
      if (images.length > 1 && entry.images.length === 1) layoutOf.separate = true;
      const stem = caseId(stemOf(entry.label ?? entry.images[0]!), place);
      const id = used.has(stem) ? `${entry.images[0]!.split('/').slice(0, -1).join('_')}_${stem}` : stem;
      if (used.has(id))
        throw new DatasetError(`${place}: "${key}" lists ${id} twice; every case needs a name of its own.`, {
          file: place,
          details: { case: id },
        });
      used.add(id);
      found.push({ ...entry, id, images });
    }
    return found;
  };
  const training = await cases('training');
  const validation = await cases('validation');
  const test = [...(await cases('test')), ...(await cases('testing'))];
  const layout: DatasetLayout = isMonai
    ? 'monai'
    : layoutOf.separate || training.some((c) => c.images.some((i) => /_\d{4}\.[^/]+$/.test(i)))
      ? 'nnunet-v1'
      : 'msd';
  const first = training[0] ?? test[0];
  return {
    name,
    id: datasetNumber(name),
    layout,
    tree,
    description: file,
    channels:
      meaning.channels ??
      ((json['modality'] ?? json['channel_names'])
        ? channelNames(json, place)
        : (first?.images.map((_, i) => String(i)) ?? [])),
    labels:
      meaning.labels ??
      (json['labels'] === undefined ? await foundLabels(tree, training, place) : declaredLabels(json['labels'], place)),
    fileEnding: first ? endingOf(first.images[0]!) : '',
    numTraining: typeof json['numTraining'] === 'number' ? json['numTraining'] : undefined,
    training: inCaseOrder(training),
    validation: inCaseOrder(validation),
    test: inCaseOrder(test),
    json,
  };
}

const firstOf = (list: unknown): Record<string, unknown> | undefined =>
  Array.isArray(list) && typeof list[0] === 'object' ? (list[0] as Record<string, unknown>) : undefined;

function declaredLabels(labels: unknown, place: string): LabelSet {
  const keys = Object.keys((labels as object) ?? {});
  return keys.every((key) => /^\d+$/.test(key))
    ? labelSetFromNumbers(labels, place)
    : labelSet(labels, { file: place });
}

/** `root`: a datalist's paths may be absolute inside it. */
function entriesOf(list: unknown, key: string, place: string, root: string | undefined): readonly Entry[] {
  const inside = (path: unknown, field: string): string => {
    const isBelow = root !== undefined && typeof path === 'string' && path.startsWith(`${root}/`);
    return insidePath(isBelow ? path.slice(root.length + 1) : path, place, field);
  };
  if (list === undefined) return [];
  if (!Array.isArray(list))
    throw new DatasetError(`${place}: "${key}" must be a list of cases.`, { file: place, details: { field: key } });
  return list.map((item: unknown, i): Entry => {
    const field = `${key}[${i}]`;
    if (typeof item === 'string') return { images: [inside(item, field)] };
    const { image, label, fold } = (item ?? {}) as { image?: unknown; label?: unknown; fold?: unknown };
    const images = Array.isArray(image) ? image : [image];
    if (images.length === 0)
      throw new DatasetError(`${place}: ${field} lists no image.`, { file: place, details: { field } });
    return {
      images: images.map((path) => inside(path, `${field}.image`)),
      ...(label === undefined || label === null
        ? {}
        : { label: inside(Array.isArray(label) ? label[0] : label, `${field}.label`) }),
      ...(typeof fold === 'number' ? { fold } : {}),
    };
  });
}

/** The file as listed, or nnU-Net v1's `{case}_0000{ending}`, `_0001`, ... beside it where only those exist. */
async function channelFiles(tree: FileTree, image: string): Promise<readonly string[]> {
  if (await tree.has(image)) return [image];
  const folder = image.includes('/') ? image.slice(0, image.lastIndexOf('/')) : '';
  const [stem, ending] = [stemOf(image), endingOf(image)];
  const siblings = (await tree.list(folder)).filter(
    (n) =>
      n.startsWith(`${stem}_`) &&
      n.endsWith(ending) &&
      /^\d{4}$/.test(n.slice(stem.length + 1, n.length - ending.length)),
  );
  return siblings.length > 0 ? inByteOrder(siblings).map((n) => (folder === '' ? n : `${folder}/${n}`)) : [image];
}
