/** A data set whose results are at hand, whether or not its images are. */
import { resolveDataset } from '@voxelwise/io/node';
import { checkDatasetJson, type DatasetJson } from '@voxelwise/planner';
import { parsePythonJson } from '@voxelwise/volume';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { InputError } from '../exit.ts';
import type { Context } from '../context.ts';
import { exists } from '../files.ts';
import { workspaceOf } from '../workspace.ts';
import { openDataset } from './dataset.ts';

export interface KnownDataset {
  readonly name: string;
  readonly datasetJson: DatasetJson;
  readonly preprocessed: string;
  readonly results: string;
  /** Folder of the reference segmentations, `CASE` + file ending. */
  readonly references: string;
}

/** Throws: DatasetError if it is unknown; InputError if nothing describes it. */
export async function knownDataset(context: Context, spec: string): Promise<KnownDataset> {
  const workspace = workspaceOf(context);
  const found = await resolveDataset(spec, workspace);
  if (found.path !== undefined) {
    const { name, datasetJson, preprocessed, results, source } = await openDataset(context, spec);
    const label = source.training.find((files) => files.label !== undefined)?.label;
    const references = [
      join(preprocessed, 'gt_segmentations'),
      label === undefined ? '' : dirname(source.tree.fullPath(label)),
    ].find((folder) => folder !== '' && exists(folder));
    return {
      name,
      datasetJson,
      preprocessed,
      results,
      references: references ?? join(preprocessed, 'gt_segmentations'),
    };
  }
  const preprocessed = join(workspace.preprocessed, found.name);
  return {
    name: found.name,
    datasetJson: await readDatasetJson(join(preprocessed, 'dataset.json')),
    preprocessed,
    results: join(workspace.results, found.name),
    references: join(preprocessed, 'gt_segmentations'),
  };
}

/** Throws: InputError if there is no such file; JsonError, LabelsError, … for what is wrong in it. */
export async function readDatasetJson(path: string): Promise<DatasetJson> {
  if (!exists(path))
    throw new InputError(
      'missing-dataset-json',
      `${path}: there is no such file; a dataset.json says which labels there are and how files end.`,
      path,
    );
  const value = parsePythonJson(await readFile(path, 'utf8'), path);
  checkDatasetJson(value);
  return value;
}
