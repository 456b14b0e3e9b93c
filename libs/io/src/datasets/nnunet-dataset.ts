/** nnU-Net v2 raw folders: dataset.json, imagesTr, labelsTr, imagesTs, or a `dataset` key that lists the files. */
import { DatasetError } from '../errors.ts';
import { datasetNumber, inCaseOrder } from './dataset.ts';
import type { CaseFiles, Dataset } from './dataset.ts';
import { insidePath } from './file-tree.ts';
import type { FileTree } from './file-tree.ts';
import { labelSet } from './label-set.ts';

/** `file`: the description's name in the tree. Throws: DatasetError. */
export async function readNnunetDataset(
  tree: FileTree,
  file: string,
  json: Readonly<Record<string, unknown>>,
  name: string,
): Promise<Dataset> {
  const place = tree.fullPath(file);
  const ending = json['file_ending'];
  if (typeof ending !== 'string' || !ending.startsWith('.'))
    throw new DatasetError(
      `${place}: "file_ending" must be text with a leading dot, such as ".nii.gz"; it says ${JSON.stringify(ending ?? null)}.`,
      { file: place },
    );
  const listed = json['dataset'];
  const training =
    listed === undefined || listed === null
      ? await casesOf(tree, 'imagesTr', ending, 'labelsTr')
      : listedCases(listed, place);
  return {
    name,
    id: datasetNumber(name),
    layout: 'nnunet',
    tree,
    description: file,
    channels: channelNames(json, place),
    labels: labelSet(json['labels'], { regionsClassOrder: json['regions_class_order'], file: place }),
    fileEnding: ending,
    numTraining: typeof json['numTraining'] === 'number' ? json['numTraining'] : undefined,
    training: inCaseOrder(training),
    validation: [],
    test: inCaseOrder(await casesOf(tree, 'imagesTs', ending)),
    json,
  };
}

/** `channel_names`, or its older name `modality`: {"0": "CT", ...} or a list. Throws: DatasetError. */
export function channelNames(json: Readonly<Record<string, unknown>>, place: string): readonly string[] {
  const value = json['channel_names'] ?? json['modality'];
  const named = Array.isArray(value)
    ? value
    : typeof value === 'object' && value !== null
      ? inOrder(value as Record<string, unknown>)
      : undefined;
  if (!named || named.length === 0 || !named.every((n) => typeof n === 'string'))
    throw new DatasetError(
      `${place}: "channel_names" (or "modality") must name the channels, such as {"0": "CT"}; it says ${JSON.stringify(value ?? null)}.`,
      { file: place },
    );
  return named as readonly string[];

  function inOrder(map: Record<string, unknown>): unknown[] | undefined {
    const keys = Object.keys(map).sort((a, b) => Number(a) - Number(b));
    return keys.every((key, i) => Number(key) === i) ? keys.map((key) => map[key]) : undefined;
  }
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Cases of a folder of `{case}_{channel:4}{ending}` files. */
export async function casesOf(
  tree: FileTree,
  folder: string,
  ending: string,
  labels?: string,
): Promise<readonly CaseFiles[]> {
  const pattern = new RegExp(`^(.+)_\\d{4}${escaped(ending)}$`);
  const channels = new Map<string, string[]>();
  for (const name of await tree.list(folder)) {
    const id = pattern.exec(name)?.[1];
    if (id !== undefined) channels.set(id, [...(channels.get(id) ?? []), `${folder}/${name}`]);
  }
  return [...channels].map(([id, images]) => ({
    id,
    images,
    ...(labels === undefined ? {} : { label: `${labels}/${id}${ending}` }),
  }));
}

function listedCases(listed: unknown, place: string): readonly CaseFiles[] {
  if (typeof listed !== 'object' || listed === null || Array.isArray(listed))
    throw new DatasetError(`${place}: "dataset" must map case names to {"images": [...], "label": ...}.`, {
      file: place,
    });
  return Object.entries(listed as Record<string, unknown>).map(([id, entry]) => {
    const { images, label } = (entry ?? {}) as { images?: unknown; label?: unknown };
    if (!Array.isArray(images) || images.length === 0)
      throw new DatasetError(`${place}: case "${id}" lists no images; {"images": [...], "label": ...} was expected.`, {
        file: place,
        details: { case: id },
      });
    return {
      id: caseId(id, place),
      images: images.map((path, i) => insidePath(path, place, `dataset["${id}"].images[${i}]`)),
      ...(label === undefined ? {} : { label: insidePath(label, place, `dataset["${id}"].label`) }),
    };
  });
}

/** Case names become file names: they must be one. Throws: DatasetError. */
export function caseId(id: string, place: string): string {
  if (id === '' || /[/\\\0]/.test(id) || id === '.' || id === '..')
    throw new DatasetError(`${place}: "${id}" cannot name a case; use a name without slashes.`, {
      file: place,
      details: { case: id },
    });
  return id;
}
