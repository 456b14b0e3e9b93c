/** Labels of a data set whose description does not name them: the values that its label files hold, as MONAI's analyzer finds them. */
import { DatasetError } from '../errors.ts';
import { voxelFacts } from '../doctor/voxel-facts.ts';
import type { CaseFiles } from './dataset.ts';
import type { FileTree } from './file-tree.ts';
import { labelSet } from './label-set.ts';
import type { LabelSet } from './label-set.ts';
import { readFromTree } from './load-case.ts';

/**
 * Reads every label file. Value 0 is the background, the others are called `class_1`, `class_2`, … by their value.
 *
 * Throws: DatasetError if there is no label, or one holds fractions, negative numbers or more than 1024 values; FormatError if
 * a file cannot be read or holds several volumes.
 */
export async function foundLabels(tree: FileTree, cases: readonly CaseFiles[], place: string): Promise<LabelSet> {
  const values = new Set<number>();
  const paths = cases.flatMap(({ label }) => (label === undefined ? [] : [label]));
  for (const path of paths) {
    const file = tree.fullPath(path);
    const facts = voxelFacts((await readFromTree(tree, path, { kind: 'labels' })).voxels);
    if (!facts.isWhole || facts.min < 0 || facts.values === undefined)
      throw new DatasetError(
        `${file}: holds ${facts.values === undefined ? 'more than 1024 different values' : `values from ${facts.min} to ${facts.max}${facts.isWhole ? '' : ', not all of them whole'}`}; ${place} says nothing about labels, and these are none. Add "labels": {"background": 0, …} there, or correct the file.`,
        { file },
      );
    for (const value of facts.values.keys()) values.add(value);
  }
  values.delete(0);
  if (values.size === 0)
    throw new DatasetError(
      `${place}: says nothing about its labels, and ${paths.length === 0 ? 'no case has a label file' : 'its label files hold nothing but 0'}; add "labels": {"background": 0, …}.`,
      { file: place },
    );
  const names = [...values].sort((a, b) => a - b).map((value) => [`class_${value}`, value] as const);
  return labelSet({ background: 0, ...Object.fromEntries(names) }, { file: place });
}
