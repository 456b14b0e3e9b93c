/** The data set of a command: its images, its nnU-Net name, its folders in the workspace. */
import { datasetJson, loadCase, type CaseFiles, type Dataset, type LoadedCase } from '@voxelwise/io';
import { openDataset as openPath } from '@voxelwise/io/node';
import { checkDatasetJson, type DatasetJson } from '@voxelwise/planner';
import { join } from 'node:path';
import { InputError } from '../exit.ts';
import type { Context } from '../context.ts';
import { workspaceOf, type Workspace } from '../workspace.ts';

export interface OpenedDataset {
  /** `Dataset004_Hippocampus`, also for a data set read in place from `Task04_Hippocampus`. */
  readonly name: string;
  readonly source: Dataset;
  readonly datasetJson: DatasetJson;
  readonly workspace: Workspace;
  /** Folder of the data set among the preprocessed. */
  readonly preprocessed: string;
  /** Folder of the data set among the results. */
  readonly results: string;
}

export async function openDataset(context: Context, spec: string): Promise<OpenedDataset> {
  const workspace = workspaceOf(context);
  const source = await openPath(spec, { roots: workspace });
  const description = datasetJson(source);
  checkDatasetJson(description);
  const name = experimentName(source);
  return {
    name,
    source,
    datasetJson: description,
    workspace,
    preprocessed: join(workspace.preprocessed, name),
    results: join(workspace.results, name),
  };
}

/** `Task04_X` → `Dataset004_X`; a folder without a number gets 000 and the name that its description gives. */
export function experimentName({ name, id, json }: Pick<Dataset, 'name' | 'id' | 'json'>): string {
  if (/^Dataset\d{3,}_/.test(name)) return name;
  const own = id === undefined && typeof json['name'] === 'string' ? json['name'] : name.replace(/^Task\d+_?/i, '');
  const plain = own.replace(/[^A-Za-z0-9_-]+/g, '_').replace(/^_+|_+$/g, '') || 'dataset';
  return `Dataset${String(id ?? 0).padStart(3, '0')}_${plain}`;
}

/** One training case with its labels. Throws: InputError if it has none. */
export async function loadTrainingCase({ source }: OpenedDataset, files: CaseFiles): Promise<LoadedCase> {
  if (files.label === undefined)
    throw new InputError(
      'missing-label',
      `${files.id}: is listed for training but has no label file.`,
      source.tree.fullPath?.(files.images[0] ?? '') ?? files.id,
    );
  return loadCase(source, files);
}

/** Path on disk of one of the data set's files. */
export function pathOf({ source }: OpenedDataset, file: string): string {
  return source.tree.fullPath?.(file) ?? file;
}
