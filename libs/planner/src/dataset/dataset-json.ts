/** The description of a data set, nnU-Net's dataset.json: only what planning and training read of it. */
import { PlanError } from '../errors.ts';
import type { LabelDeclaration } from '../labels/label-scheme.ts';

export interface DatasetJson {
  /** Channel number as text → name; the name chooses the normalization. */
  readonly channel_names?: Readonly<Record<string, string>>;
  /** What `channel_names` was called before version 2. */
  readonly modality?: Readonly<Record<string, string>>;
  readonly labels: LabelDeclaration;
  readonly regions_class_order?: readonly number[];
  readonly numTraining: number;
  /** With the dot: ".nii.gz". */
  readonly file_ending: string;
  readonly overwrite_image_reader_writer?: string;
}

/** The channels' names in the order of their numbers. Throws: PlanError if none are declared or numbers are missing. */
export function channelNames(dataset: DatasetJson): readonly string[] {
  const declared = dataset.channel_names ?? dataset.modality ?? {};
  const names = Object.keys(declared).map((_, i) => declared[String(i)]);
  const missing = names.findIndex((name) => name === undefined);
  if (names.length === 0 || missing >= 0)
    throw new PlanError(
      `dataset.json: "channel_names" must name the channels "0", "1", …; ${names.length === 0 ? 'none is declared' : `"${missing}" is missing`}.`,
      { channel_names: declared },
    );
  return names as string[];
}

/** Throws: PlanError naming the field of dataset.json, or of `place`, that is missing or wrong. */
export function checkDatasetJson(value: unknown, place = 'dataset.json'): asserts value is DatasetJson {
  const dataset = (value ?? {}) as Record<string, unknown>;
  const fail = (field: string, expected: string): never => {
    throw new PlanError(
      `${place}: "${field}" must be ${expected}, came ${(JSON.stringify(dataset[field]) ?? 'nothing').slice(0, 80)}.`,
      { field },
    );
  };
  if (typeof dataset['labels'] !== 'object' || dataset['labels'] === null)
    fail('labels', 'an object, name → number or numbers');
  if (!Number.isInteger(dataset['numTraining']) || (dataset['numTraining'] as number) < 1)
    fail('numTraining', 'a whole number from 1 up');
  if (typeof dataset['file_ending'] !== 'string' || !dataset['file_ending'].startsWith('.'))
    fail('file_ending', 'a file ending with its dot, such as ".nii.gz"');
  channelNames(dataset as unknown as DatasetJson);
}
