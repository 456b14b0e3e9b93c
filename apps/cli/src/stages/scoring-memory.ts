/** Whether segmentations can be scored within --max-memory, found out before any of them is. */
import { openVolume, readVolume } from '@voxelwise/io/node';
import { mostScoreBytes, scoreBytes } from '@voxelwise/metrics';
import { voxelCount, type PerAxis } from '@voxelwise/volume';
import type { Context } from '../context.ts';
import { collectGarbage, holds, refuse } from '../memory.ts';
import { checkLabels } from './label-files.ts';
import { voxelBytes } from './prediction-memory.ts';
import type { ScoredPair, ScoringOptions } from './scoring.ts';

/**
 * Headers say what a case takes at most; where that does not fit, its label maps are read for what it takes.
 * Throws: ResourceError naming the case that does not fit, and the limit that it needs; FormatError for broken files.
 */
export async function requireScoresFit(
  context: Context,
  pairs: readonly ScoredPair[],
  options: ScoringOptions,
): Promise<void> {
  if (context.maxMemory === undefined) return;
  for (const { id, prediction, reference } of pairs) {
    const [predicted, known] = [await headerOf(prediction), await headerOf(reference)];
    const maps = predicted.bytes + known.bytes;
    const { shape } = known;
    if (holds(context, { device: 0, host: maps + (options.surfaces ? mostScoreBytes(shape) : 0) })) continue;
    const misfit = (host: number): never =>
      refuse(context, `scoring ${id}, ${shape.join('×')} voxels,`, { device: 0, host });
    if (!options.surfaces || !holds(context, { device: 0, host: maps })) misfit(maps);
    // Maps of two shapes are refused, for what they are, where they are scored.
    if (!predicted.shape.every((n, axis) => n === shape[axis])) continue;
    const host = maps + (await bytesOfScores(prediction, reference, shape, options));
    // The engine frees what it collected on another thread, and waits for that when it collects again.
    collectGarbage();
    if (!holds(context, { device: 0, host })) misfit(host);
  }
}

/** In a function of its own, so that the maps can be collected once it has returned. */
async function bytesOfScores(
  prediction: string,
  reference: string,
  shape: PerAxis,
  { labels, ignoreLabel }: ScoringOptions,
): Promise<number> {
  const predicted = await readVolume(prediction, { kind: 'labels' });
  const known = await readVolume(reference, { kind: 'labels' });
  checkLabels(predicted.voxels, prediction);
  checkLabels(known.voxels, reference);
  return scoreBytes(predicted.voxels, known.voxels, {
    labels,
    shape,
    ...(ignoreLabel === undefined ? {} : { ignoreLabel }),
  });
}

async function headerOf(path: string): Promise<{ readonly shape: PerAxis; readonly bytes: number }> {
  const image = await openVolume(path, { kind: 'labels' });
  try {
    const { shape } = image.grid;
    return { shape, bytes: voxelCount(shape) * voxelBytes(image.type) };
  } finally {
    await image.close();
  }
}
