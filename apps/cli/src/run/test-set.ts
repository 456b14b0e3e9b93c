/** The test set of a run: images to segment when training is done, and their labels where there are any. */
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { InputError } from '../exit.ts';
import { exists } from '../files.ts';

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
