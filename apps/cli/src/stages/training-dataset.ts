/** A data set to train on: with its images, or as its preprocessed cases and ground truth alone, as upstream trains. */
import { labelSet, type Dataset } from '@voxelwise/io';
import { folderTree, resolveDataset } from '@voxelwise/io/node';
import { join } from 'node:path';
import { InputError } from '../exit.ts';
import type { Context } from '../context.ts';
import { workspaceOf } from '../workspace.ts';
import { openDataset, type OpenedDataset } from './dataset.ts';
import { readDatasetJson } from './known-dataset.ts';

const GROUND_TRUTH = 'gt_segmentations';

/** Throws: DatasetError if it is unknown; InputError if neither images nor ground truth are there. */
export async function openTrainingDataset(context: Context, spec: string): Promise<OpenedDataset> {
  const workspace = workspaceOf(context);
  const found = await resolveDataset(spec, workspace);
  if (found.path !== undefined) return openDataset(context, spec);
  const preprocessed = join(workspace.preprocessed, found.name);
  const description = await readDatasetJson(join(preprocessed, 'dataset.json'));
  const { labels, regions_class_order: regionsClassOrder, file_ending: fileEnding } = description;
  const tree = folderTree(preprocessed);
  const ids = (await tree.list(GROUND_TRUTH)).filter((name) => name.endsWith(fileEnding));
  if (ids.length === 0)
    throw new InputError(
      'missing-images',
      `${found.name}: its images are not in ${workspace.raw}, and ${join(preprocessed, GROUND_TRUTH)} holds no *${fileEnding} to train on its preprocessed cases alone.`,
      preprocessed,
    );
  const source: Dataset = {
    name: found.name,
    id: found.id,
    layout: 'nnunet',
    tree,
    description: 'dataset.json',
    channels: Object.values(description.channel_names ?? description.modality ?? {}),
    labels: labelSet(labels, { regionsClassOrder }),
    fileEnding,
    numTraining: description.numTraining,
    training: ids.map((name) => ({
      id: name.slice(0, -fileEnding.length),
      images: [],
      label: `${GROUND_TRUTH}/${name}`,
    })),
    validation: [],
    test: [],
    json: description as unknown as Dataset['json'],
  };
  context.output.note(`${found.name}: its images are not there; its preprocessed cases are used alone`);
  return {
    name: found.name,
    source,
    datasetJson: description,
    workspace,
    preprocessed,
    results: join(workspace.results, found.name),
  };
}
