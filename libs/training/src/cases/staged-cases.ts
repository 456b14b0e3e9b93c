/** Cases of a cascade's second stage: the first stage's segmentation stands behind the labels, as second label channel. */
import { voxelCount } from '@voxelwise/volume';
import { TrainingError } from '../errors.ts';
import { memoryCase } from './memory-case.ts';
import type { CaseSource, PreparedCase } from './prepared-case.ts';

/**
 * `segmentation` gives the first stage's labels [z, y, x] on the prepared case's own grid; it is asked once, and again after
 * others took the place in memory (`cacheBytes`, default 256 MiB).
 */
export function withPreviousStage(
  cases: CaseSource,
  segmentation: (prepared: PreparedCase) => Promise<Int16Array>,
  { cacheBytes = 2 ** 28 }: { readonly cacheBytes?: number } = {},
): CaseSource {
  const held = new Map<string, Int16Array>();
  const labelsOf = async (prepared: PreparedCase): Promise<Int16Array> => {
    const known = held.get(prepared.id);
    const labels = known ?? (await segmentation(prepared));
    if (labels.length !== voxelCount(prepared.shape))
      throw new TrainingError(
        `The previous stage's segmentation of ${prepared.id} has ${labels.length} voxels, the prepared case ${prepared.shape.join('×')}; predict it again.`,
        { case: prepared.id, came: labels.length, expected: prepared.shape },
      );
    held.delete(prepared.id);
    held.set(prepared.id, labels);
    let bytes = 0;
    for (const array of held.values()) bytes += array.byteLength;
    for (const [id, { byteLength }] of held) {
      if (bytes <= cacheBytes || id === prepared.id) break;
      held.delete(id);
      bytes -= byteLength;
    }
    return labels;
  };
  return {
    open: async (id) => {
      const prepared = await cases.open(id);
      const { shape, locations } = prepared;
      const previous = memoryCase({
        id,
        shape,
        image: new Float32Array(0),
        labels: await labelsOf(prepared),
        locations,
      });
      return {
        ...prepared,
        crop: async (start, size) => {
          const [crop, stage] = await Promise.all([prepared.crop(start, size), previous.crop(start, size)]);
          const labels = new Int16Array(crop.labels.length + stage.labels.length);
          labels.set(crop.labels);
          labels.set(stage.labels, crop.labels.length);
          return { ...crop, labels };
        },
      };
    },
  };
}
