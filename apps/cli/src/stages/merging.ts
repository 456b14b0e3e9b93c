/** Merges several predictions of a case, saved as probabilities, into one segmentation. */
import { meanChannels, RunningSegmentation, type LabelMap } from '@voxelwise/ensemble';
import type { LabelScheme } from '@voxelwise/planner';
import type { Volume } from '@voxelwise/volume';
import { join } from 'node:path';
import { InputError } from '../exit.ts';
import { readLabels } from './label-files.ts';
import { openProbabilities, saveProbabilities, type SavedProbabilities } from './probabilities.ts';

export interface MergedCase {
  readonly map: LabelMap;
  /** The first folder's segmentation: the geometry to write with. */
  readonly like: Volume;
}

/**
 * Reads `CASE.npz` of every folder, channel by channel in step; keeps their mean as `CASE.npz` of `keepIn`, if named.
 * Throws: InputError if one is missing, of another shape, or has other channels than the labels.
 */
export async function mergeCase(
  folders: readonly string[],
  id: string,
  ending: string,
  scheme: LabelScheme,
  keepIn?: string,
): Promise<MergedCase> {
  const parts: SavedProbabilities[] = [];
  try {
    for (const folder of folders) parts.push(await openProbabilities(join(folder, `${id}.npz`)));
    const { shape, channels } = parts[0]!;
    const odd = parts.findIndex((part) => part.shape.join() !== shape.join() || part.channels !== channels);
    if (odd >= 0)
      throw new InputError(
        'shape-mismatch',
        `${join(folders[odd]!, `${id}.npz`)}: has [${parts[odd]!.channels}, ${parts[odd]!.shape.join(', ')}] probabilities, ${folders[0]!} has [${channels}, ${shape.join(', ')}]; were they predicted of the same images with the same labels?`,
        join(folders[odd]!, `${id}.npz`),
      );
    if (channels !== scheme.outputChannels)
      throw new InputError(
        'bad-probabilities',
        `${join(folders[0]!, `${id}.npz`)}: has ${channels} channels, the labels ask for ${scheme.outputChannels}.`,
        join(folders[0]!, `${id}.npz`),
      );
    const { volume: like } = await readLabels(join(folders[0]!, id + ending));
    const running = new RunningSegmentation(shape, scheme);
    const merged = async function* (): AsyncGenerator<Float32Array> {
      for await (const channel of meanChannels(parts.map((part) => part.planes()))) {
        running.take(channel);
        yield channel;
      }
    };
    const names = Array.from({ length: channels }, (_, c) => String(c));
    if (keepIn === undefined) for await (const _ of merged());
    else await saveProbabilities(keepIn, id, { grid: like.grid, channels: names, pieces: merged });
    return { map: running.map, like };
  } finally {
    for (const part of parts) await part.close();
  }
}
