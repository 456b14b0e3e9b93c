/** What the scores of a case take in memory, found out before they are computed. */
import { type PerAxis, voxelCount } from '@voxelwise/volume';
import type { LabelOrRegion } from '../overlap/confusion.ts';
import { SurfaceBuffers } from '../surface/surface-buffers.ts';
import { LabelMaskCutter } from './label-masks.ts';
import type { ScoreCaseOptions } from './score-case.ts';

/** Distances are floats of eight bytes; buffers of them that grew leave what they were before until it is collected. */
const DISTANCE_BYTES = 2 * 8;

/** Labels below this are counted in a table, others in a map. */
const TABLE = 1 << 12;

/** The most bytes that `scoreCase` can take beside two label maps of this shape [z, y, x], whatever they hold. */
export function mostScoreBytes(shape: PerAxis): number {
  // Every voxel may belong to the surface in one map and to that in the other.
  return SurfaceBuffers.bytes(shape) + DISTANCE_BYTES * 2 * voxelCount(shape);
}

/**
 * The bytes that `scoreCase` takes beside these label maps, at its peak: from the boxes of classes and the sizes of their
 * surfaces, in a pass or two. For regions it is an upper bound.
 */
export function scoreBytes(
  prediction: ArrayLike<number>,
  reference: ArrayLike<number>,
  { labels, ignoreLabel, shape }: Pick<ScoreCaseOptions, 'labels' | 'ignoreLabel' | 'shape'>,
): number {
  const cutter = new LabelMaskCutter(prediction, reference, shape, ignoreLabel);
  const surfaces = [prediction, reference].map((map) => surfaceCounts(map, reference, shape, ignoreLabel));
  const sizes = surfaces.map((counts) => Math.max(0, ...labels.map((label) => countOf(counts, label))));
  // Buffers stay at the largest that a class took of each.
  const masks = Math.max(0, ...labels.map((label) => SurfaceBuffers.bytes(cutter.boxShape(label))));
  return masks + DISTANCE_BYTES * (sizes[0]! + sizes[1]!);
}

function countOf(counts: ReadonlyMap<number, number>, label: LabelOrRegion): number {
  const members = new Set(typeof label === 'number' ? [label] : label);
  return [...members].reduce((sum, member) => sum + (counts.get(member) ?? 0), 0);
}

/** Label → its voxels with a face neighbor of another label, or that is ignored, or beyond the map. */
function surfaceCounts(
  map: ArrayLike<number>,
  reference: ArrayLike<number>,
  [depth, height, width]: PerAxis,
  ignoreLabel: number | undefined,
): Map<number, number> {
  const counts = new Map<number, number>();
  // Usual labels are counted in a table: noise is all surface.
  const table = new Float64Array(TABLE);
  const slice = height * width;
  for (let z = 0, i = 0; z < depth; z++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++, i++) {
        const label = map[i]!;
        const same = (j: number): boolean => map[j] === label && reference[j] !== ignoreLabel;
        const inside =
          x > 0 &&
          x < width - 1 &&
          y > 0 &&
          y < height - 1 &&
          same(i - 1) &&
          same(i + 1) &&
          same(i - width) &&
          same(i + width) &&
          (depth === 1 || (z > 0 && z < depth - 1 && same(i - slice) && same(i + slice)));
        if (inside) continue;
        if (label >= 0 && label < TABLE) table[label]!++;
        else counts.set(label, (counts.get(label) ?? 0) + 1);
      }
  table.forEach((count, label) => count > 0 && counts.set(label, count));
  return counts;
}
