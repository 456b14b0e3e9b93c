/**
 * Distances between the surfaces of two masks, voxel by voxel, and the scores made of them.
 *
 * A surface voxel is one with a face neighbor outside the mask. Nothing in one mask: distances are Infinity; nothing in
 * either: NaN. Source: MONAI's surface metrics, but an absent structure stays Infinity under percentiles too, where
 * interpolation would make it NaN and drop the worst cases from averages.
 */
import { type PerAxis, takeSquaredDistances } from '@voxelwise/volume';
import { latticeDistance } from './lattice-distance.ts';
import { type CutMasks, cutToMasks, type MaskPair, surfaceVoxels } from './masks.ts';
import { SurfaceBuffers } from './surface-buffers.ts';

export interface SurfaceDistanceOptions {
  /** Millimetres per voxel, array order. Default 1, that is distances in voxels. */
  readonly spacingMm?: PerAxis;
  /** Default euclidean; the others count steps and take no spacing. */
  readonly metric?: 'euclidean' | 'taxicab' | 'chessboard';
}

/** One distance per surface voxel, to the nearest surface voxel of the other mask. */
export interface SurfaceDistances {
  readonly predictionToReference: Float64Array;
  readonly referenceToPrediction: Float64Array;
}

/** Throws: ScoreError if the masks do not fill the shape. */
export function surfaceDistances(masks: MaskPair, options: SurfaceDistanceOptions = {}): SurfaceDistances {
  return distancesBetween(cutToMasks(masks), options, new SurfaceBuffers());
}

/** `surfaceDistances` in buffers, which hold the result too. */
export function distancesBetween(
  { prediction, reference, shape, flat }: CutMasks,
  { spacingMm = [1, 1, 1], metric = 'euclidean' }: SurfaceDistanceOptions,
  buffers: SurfaceBuffers,
): SurfaceDistances {
  const p = surfaceVoxels(prediction, shape, flat, buffers.bytes(2, prediction.length));
  const r = surfaceVoxels(reference, shape, flat, buffers.bytes(3, reference.length));
  if (metric !== 'euclidean')
    return {
      predictionToReference: latticeDistance(r, shape, metric).filter((_, i) => p[i] !== 0),
      referenceToPrediction: latticeDistance(p, shape, metric).filter((_, i) => r[i] !== 0),
    };
  const [width, rows] = [shape[2], shape[0] * shape[1]];
  const between = (from: Uint8Array, to: Uint8Array, side: 0 | 1): Float64Array => {
    // Pieces of rows come in another order than voxels: every row goes on where its last piece ended.
    const next = buffers.rows(rows);
    let count = 0;
    for (let row = 0, i = 0; row < rows; row++) {
      next[row] = count;
      for (const end = i + width; i < end; i++) if (from[i] !== 0) count++;
    }
    const distances = buffers.distances(side, count);
    const take = (voxel: number, squared: Float64Array, at: number, n: number): void => {
      const row = Math.floor(voxel / width);
      for (let i = 0; i < n; i++) if (from[voxel + i] !== 0) distances[next[row]!++] = Math.sqrt(squared[at + i]!);
    };
    if (count > 0) takeSquaredDistances(to, shape, spacingMm, take, buffers.distance);
    return distances;
  };
  return { predictionToReference: between(p, r, 0), referenceToPrediction: between(r, p, 1) };
}

/** NaN if neither mask has a surface, Infinity if one has none, else undefined. */
function emptyScore({ predictionToReference, referenceToPrediction }: SurfaceDistances): number | undefined {
  const empty = Number(predictionToReference.length === 0) + Number(referenceToPrediction.length === 0);
  return [undefined, Infinity, Number.NaN][empty];
}

export interface HausdorffOptions {
  /** 100: the greatest distance. 95: HD95. */
  readonly percentile?: number;
  /** Only from the prediction to the reference. */
  readonly directed?: boolean;
}

/** Hausdorff distance: the greater of the two directed percentiles (not the percentile of both sets together). */
export function hausdorffDistance(distances: SurfaceDistances, options: HausdorffOptions = {}): number {
  return hausdorffOfSorted(
    {
      predictionToReference: distances.predictionToReference.slice().sort(),
      referenceToPrediction: distances.referenceToPrediction.slice().sort(),
    },
    options,
  );
}

/** `hausdorffDistance` of distances in ascending order. */
export function hausdorffOfSorted(distances: SurfaceDistances, options: HausdorffOptions = {}): number {
  const { percentile: percent = 100, directed = false } = options;
  const empty = emptyScore(distances);
  if (empty !== undefined) return empty;
  const there = percentile(distances.predictionToReference, percent);
  return directed ? there : Math.max(there, percentile(distances.referenceToPrediction, percent));
}

/** Mean distance from the prediction's surface to the reference's. */
export function averageSurfaceDistance(distances: SurfaceDistances): number {
  return emptyScore(distances) ?? sum(distances.predictionToReference) / distances.predictionToReference.length;
}

/** Mean over the surface voxels of both masks. */
export function averageSymmetricSurfaceDistance(distances: SurfaceDistances): number {
  const { predictionToReference: a, referenceToPrediction: b } = distances;
  return emptyScore(distances) ?? (sum(a) + sum(b)) / (a.length + b.length);
}

/** Share of the surface voxels of both masks that lie within the tolerance. One mask empty: 0; both: NaN. */
export function surfaceDiceOfVoxels(distances: SurfaceDistances, toleranceMm: number): number {
  const { predictionToReference: a, referenceToPrediction: b } = distances;
  const within = (values: Float64Array): number => values.reduce((n, d) => n + Number(d <= toleranceMm), 0);
  return (within(a) + within(b)) / (a.length + b.length);
}

/** Linear interpolation between order statistics. */
function percentile(sorted: Float64Array, percent: number): number {
  const at = (percent / 100) * (sorted.length - 1);
  const below = sorted[Math.floor(at)]!;
  const above = sorted[Math.min(Math.floor(at) + 1, sorted.length - 1)]!;
  return below + (above - below) * (at - Math.floor(at));
}

function sum(values: Float64Array): number {
  return values.reduce((a, b) => a + b, 0);
}
