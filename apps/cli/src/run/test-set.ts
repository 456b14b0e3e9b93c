/** The test set of a run: images to segment when training is done, and their labels where there are any. */
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { stopIfInterrupted, type Context } from '../context.ts';
import { InputError } from '../exit.ts';
import { exists } from '../files.ts';
import { requireDeclared, type OpenedDataset } from '../stages/dataset.ts';
import { readLabels } from '../stages/label-files.ts';
import type { ScoredPair } from '../stages/scoring.ts';

export interface TestSet {
  readonly images: string;
  /** Folder of labels with the same case names; undefined where there is none. */
  readonly labels: string | undefined;
}

/**
 * `folder`: images, or a data set with `imagesTs` (and `labelsTs`). Labels are looked for beside the images, under the
 * names that nnU-Net and the Decathlon use.
 */
export async function findTestSet(folder: string): Promise<TestSet> {
  if (!exists(folder) || !(await stat(folder)).isDirectory())
    throw new InputError('missing-folder', `--test ${folder}: there is no such folder.`, folder);
  const inside = join(folder, 'imagesTs');
  const images = exists(inside) ? inside : folder;
  const beside = [join(dirname(images), basename(images).replace(/^images/, 'labels')), join(images, 'labels')].find(
    (path) => path !== images && exists(path),
  );
  if ((await readdir(images)).length === 0)
    throw new InputError('no-images', `--test ${images}: the folder is empty.`, images);
  return { images, labels: beside };
}

/** The cases that there are labels for. `segmentations`: a folder with a file for each case. */
export function scoredPairs(
  { labels }: TestSet,
  segmentations: string,
  ids: readonly string[],
  ending: string,
): ScoredPair[] {
  if (labels === undefined) return [];
  return ids
    .map((id) => ({ id, prediction: join(segmentations, id + ending), reference: join(labels, id + ending) }))
    .filter(({ reference }) => exists(reference));
}

/**
 * What a whole training would be scored against is read before it. Throws: InputError for a label that is not declared,
 * which no segmentation could match; FormatError.
 */
export async function checkTestLabels(
  context: Context,
  { source }: OpenedDataset,
  test: TestSet,
  ids: readonly string[],
): Promise<void> {
  const pairs = scoredPairs(test, test.images, ids, source.fileEnding);
  const progress = context.output.progress('test labels', pairs.length, 'case');
  for (const [k, { id, reference }] of pairs.entries()) {
    stopIfInterrupted(context);
    requireDeclared((await readLabels(reference)).map.voxels, source.labels, reference);
    progress.update(k + 1, id);
  }
  progress.end();
}
