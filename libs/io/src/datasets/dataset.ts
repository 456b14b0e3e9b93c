/** A data set: cases by name, their files, what their channels and labels mean. Cases are loaded when asked for. */
import type { FileTree } from './file-tree.ts';
import { inByteOrder } from './file-tree.ts';
import type { LabelSet } from './label-set.ts';

export type DatasetLayout = 'nnunet' | 'nnunet-v1' | 'msd' | 'monai' | 'folders';

/** The files of one case. Paths are relative to the data set's root. */
export interface CaseFiles {
  readonly id: string;
  /** One file per channel, or one file with all channels (4D, color). */
  readonly images: readonly string[];
  readonly label?: string;
  /** The fold that a datalist assigns. */
  readonly fold?: number;
}

export interface Dataset {
  /** 'Dataset004_Hippocampus', 'Task04_Hippocampus', or the name of the folder. */
  readonly name: string;
  /** The number in the name, where there is one. */
  readonly id: number | undefined;
  readonly layout: DatasetLayout;
  readonly tree: FileTree;
  /** The JSON file that describes it, relative to the root; undefined for loose folders. */
  readonly description: string | undefined;
  readonly channels: readonly string[];
  readonly labels: LabelSet;
  /** With the dot, lower or upper case as on disk: '.nii.gz'. */
  readonly fileEnding: string;
  /** Training cases as the description counts them. */
  readonly numTraining: number | undefined;
  /** In byte order of their ids. */
  readonly training: readonly CaseFiles[];
  readonly validation: readonly CaseFiles[];
  readonly test: readonly CaseFiles[];
  /** Everything else that the description says, untouched. */
  readonly json: Readonly<Record<string, unknown>>;
}

export function caseById(dataset: Dataset, id: string): CaseFiles | undefined {
  return [...dataset.training, ...dataset.validation, ...dataset.test].find((c) => c.id === id);
}

/** The number in 'Dataset004_X' or 'Task04_X'. */
export function datasetNumber(name: string): number | undefined {
  const found = /^(?:Dataset|Task)(\d+)(?:_|$)/i.exec(name);
  return found ? Number(found[1]) : undefined;
}

/** Sorted by id, as every splitter expects. */
export function inCaseOrder(cases: readonly CaseFiles[]): readonly CaseFiles[] {
  const byId = new Map(cases.map((c) => [c.id, c]));
  return inByteOrder(byId.keys()).map((id) => byId.get(id)!);
}

/** The data set's description as nnU-Net v2 writes it: what plans, trainers and model folders carry along. */
export function datasetJson(dataset: Dataset): Readonly<Record<string, unknown>> {
  if (dataset.layout === 'nnunet' && dataset.json['channel_names']) return dataset.json;
  const { labels } = dataset;
  return {
    channel_names: Object.fromEntries(dataset.channels.map((name, i) => [String(i), name])),
    labels: labels.names,
    ...(labels.regionsClassOrder ? { regions_class_order: labels.regionsClassOrder } : {}),
    numTraining: dataset.training.length,
    file_ending: dataset.fileEnding,
  };
}
