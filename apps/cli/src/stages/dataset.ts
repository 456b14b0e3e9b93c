/** The data set of a command: its images, its nnU-Net name, its folders in the workspace. */
import {
  allowedValues,
  DatasetError,
  datasetJson,
  loadCase,
  type CaseFiles,
  type Dataset,
  type LabelSet,
  type LoadedCase,
} from '@voxelwise/io';
import { openDataset as openPath } from '@voxelwise/io/node';
import { checkDatasetJson, PlanError, type DatasetJson } from '@voxelwise/planner';
import type { Volume, VoxelArray } from '@voxelwise/volume';
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
  checkDescription(description, source);
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

/** Throws: DatasetError for what the planner could not plan with. */
function checkDescription(description: unknown, source: Dataset): asserts description is DatasetJson {
  const file = source.description === undefined ? undefined : pathOf({ source }, source.description);
  try {
    checkDatasetJson(description, file);
  } catch (error) {
    if (!(error instanceof PlanError)) throw error;
    throw new DatasetError(error.message, { ...(file === undefined ? {} : { file }), details: error.details });
  }
}

/** `Task04_X` → `Dataset004_X`; a folder without a number gets the name that its description gives, and 000. */
export function experimentName({ name, id, json }: Pick<Dataset, 'name' | 'id' | 'json'>): string {
  if (/^Dataset\d{3,}_/.test(name)) return name;
  const own = id === undefined && typeof json['name'] === 'string' ? json['name'] : name.replace(/^Task\d+_?/i, '');
  if (/^Dataset\d{3,}_/.test(own)) return own;
  const plain = own.replace(/[^A-Za-z0-9_-]+/g, '_').replace(/^_+|_+$/g, '') || 'dataset';
  return `Dataset${String(id ?? 0).padStart(3, '0')}_${plain}`;
}

/**
 * One training case with its labels. Throws: InputError if it has none, they hold values that are not declared, or the
 * image holds NaN or infinity.
 */
export async function loadTrainingCase({ source }: OpenedDataset, files: CaseFiles): Promise<LoadedCase> {
  const fileOf = (path: string | undefined): string => source.tree.fullPath(path ?? files.images[0] ?? '');
  if (files.label === undefined)
    throw new InputError(
      'missing-label',
      `${files.id}: is listed for training but has no label file.`,
      fileOf(undefined),
    );
  const loaded = await loadCase(source, files);
  requireFinite(loaded.images, files, source);
  requireDeclared(loaded.labels!.voxels, source.labels, fileOf(files.label));
  return loaded;
}

/** One such voxel makes the whole of a normalized image NaN. Throws: InputError naming the channel's file and the voxel. */
export function requireFinite({ voxels, grid }: Volume, files: CaseFiles, { tree }: Pick<Dataset, 'tree'>): void {
  if (!(voxels instanceof Float32Array || voxels instanceof Float64Array)) return;
  const wrong = voxels.findIndex((value) => !Number.isFinite(value));
  if (wrong < 0) return;
  const [depth, height, width] = grid.shape;
  const channel = Math.floor(wrong / (depth * height * width));
  const position = [Math.floor(wrong / (height * width)) % depth, Math.floor(wrong / width) % height, wrong % width];
  const file = tree.fullPath(files.images[Math.min(channel, files.images.length - 1)]!);
  throw new InputError(
    'image-not-finite',
    `${file}: voxel [${position.join(', ')}] (z, y, x) of channel ${channel} is ${voxels[wrong]!}; intensities must be finite. Replace such voxels, for example by 0, and find out where they came from.`,
    file,
    { channel, position },
  );
}

/** Throws: InputError naming the first label that is not declared. */
export function requireDeclared(voxels: VoxelArray, labels: LabelSet, file: string): void {
  const declared = allowedValues(labels);
  let known: number | undefined;
  for (let i = 0; i < voxels.length; i++) {
    const value = voxels[i]!;
    // Most voxels are as their neighbors.
    if (value === known) continue;
    if (!declared.has(value))
      throw new InputError(
        'label-unexpected',
        `${file}: holds the label ${value}; declared are ${[...declared].join(', ')}. Declare it in the description, or correct the file; \`voxelwise doctor\` lists all such files.`,
        file,
        { value, declared: [...declared] },
      );
    known = value;
  }
}

/** Throws: InputError if the labels are not 0, 1, 2, …: a network has one output for each. */
export function requireConsecutiveLabels({ source }: OpenedDataset): void {
  const values = [...allowedValues(source.labels)];
  if (values.every((value, i) => value === i)) return;
  throw new InputError(
    'labels-not-consecutive',
    `${source.name}: its labels are ${values.join(', ')}; they must be consecutive from 0. Renumber them in the description and in the files.`,
    source.description === undefined ? undefined : pathOf({ source }, source.description),
    { values },
  );
}

/** Path on disk of one of the data set's files. */
export function pathOf({ source }: Pick<OpenedDataset, 'source'>, file: string): string {
  return source.tree.fullPath?.(file) ?? file;
}
