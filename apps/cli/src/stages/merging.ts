/** Merges several predictions of a case, saved as probabilities, into one segmentation. */
import { meanProbabilities, segmentProbabilities, type LabelMap } from '@voxelwise/ensemble';
import type { LabelScheme } from '@voxelwise/planner';
import type { Volume } from '@voxelwise/volume';
import { join } from 'node:path';
import { InputError } from '../exit.ts';
import { readLabels } from './label-files.ts';
import { loadProbabilities } from './probabilities.ts';

export interface MergedCase {
  readonly map: LabelMap;
  /** Mean over the folders, [C, z, y, x] on the grid of `like`. */
  readonly probabilities: Float32Array;
  readonly channels: number;
  /** The first folder's segmentation: the geometry to write with. */
  readonly like: Volume;
}

/** Reads `CASE.npz` of every folder. Throws: InputError if one is missing or of another shape. */
export async function mergeCase(
  folders: readonly string[],
  id: string,
  ending: string,
  scheme: LabelScheme,
): Promise<MergedCase> {
  const parts = await Promise.all(folders.map((folder) => loadProbabilities(join(folder, `${id}.npz`))));
  const { shape, channels } = parts[0]!;
  const odd = parts.findIndex((part) => part.shape.join() !== shape.join() || part.channels !== channels);
  if (odd >= 0)
    throw new InputError(
      'shape-mismatch',
      `${join(folders[odd]!, `${id}.npz`)}: has [${parts[odd]!.channels}, ${parts[odd]!.shape.join(', ')}] probabilities, ${folders[0]!} has [${channels}, ${shape.join(', ')}]; were they predicted of the same images with the same labels?`,
      join(folders[odd]!, `${id}.npz`),
    );
  const { volume: like } = await readLabels(join(folders[0]!, id + ending));
  const probabilities = meanProbabilities(parts.map((part) => part.values));
  return { map: segmentProbabilities(probabilities, shape, scheme), probabilities, channels, like };
}
