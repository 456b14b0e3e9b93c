/**
 * Which box of a case becomes a patch: anywhere, or centered on a voxel of a class. Source: nnU-Net v2's data loader.
 */
import type { PerAxis } from '@voxelwise/volume';

/** Where chance comes from: whole numbers in [low, high). */
export interface Draw {
  integer(low: number, high: number): number;
}

export interface PatchBoxRequest {
  /** Of the case [z, y, x]. */
  readonly shape: PerAxis;
  /** Cut size, before augmentation. */
  readonly initialPatch: PerAxis;
  /** Size that the network sees; no more than the difference need lie outside the case. */
  readonly patch: PerAxis;
  /** Center on a class. */
  readonly forceForeground: boolean;
  readonly locations: ReadonlyMap<string, Uint32Array>;
}

/** First voxel of the box; it may be negative, and the box may end past the case. */
export function drawPatchStart(draw: Draw, request: PatchBoxRequest): PerAxis {
  const { shape, initialPatch, patch } = request;
  const [low, high] = startRange(shape, initialPatch, patch);
  const voxel =
    request.forceForeground || annotatedKey(request.locations) !== undefined ? drawVoxel(draw, request) : undefined;
  if (voxel === undefined) return perAxis((axis) => draw.integer(low[axis]!, high[axis]! + 1));
  // No upper bound, as in the reference: a patch around a voxel at the far border reaches past it.
  return perAxis((axis) => Math.max(low[axis]!, voxel[axis]! - Math.floor(initialPatch[axis]! / 2)));
}

/** Least and greatest start per axis. */
export function startRange(shape: PerAxis, initialPatch: PerAxis, patch: PerAxis): readonly [PerAxis, PerAxis] {
  const margin = perAxis((axis) => Math.max(initialPatch[axis]! - patch[axis]!, initialPatch[axis]! - shape[axis]!));
  const low = perAxis((axis) => 0 - Math.ceil(margin[axis]! / 2));
  const high = perAxis(
    (axis) => shape[axis]! + Math.floor(margin[axis]! / 2) + (margin[axis]! % 2) - initialPatch[axis]!,
  );
  return [low, high];
}

/** Which samples of a batch are centered on foreground: the last `share` of them, at least as the reference rounds. */
export function isForced(sample: number, batchSize: number, share: number): boolean {
  return sample >= roundHalfEven(batchSize * (1 - share));
}

/** A voxel of a class drawn uniformly among the classes there are; undefined if there is none. */
function drawVoxel(draw: Draw, { forceForeground, locations, shape }: PatchBoxRequest): PerAxis | undefined {
  const annotated = annotatedKey(locations);
  let chosen = annotated;
  if (forceForeground) {
    const there = [...locations.keys()].filter((key) => locations.get(key)!.length > 0);
    const classes = there.length > 1 ? there.filter((key) => key !== annotated) : there;
    if (classes.length === 0) return undefined;
    chosen = classes[draw.integer(0, classes.length)]!;
  }
  const voxels = locations.get(chosen!)!;
  if (voxels.length === 0) return undefined;
  const index = voxels[draw.integer(0, voxels.length)]!;
  const x = index % shape[2];
  const y = Math.floor(index / shape[2]) % shape[1];
  return [Math.floor(index / (shape[1] * shape[2])), y, x];
}

function annotatedKey(locations: ReadonlyMap<string, Uint32Array>): string | undefined {
  for (const key of locations.keys()) if (key.startsWith('(-1,')) return key;
  return undefined;
}

function perAxis(value: (axis: number) => number): PerAxis {
  return [value(0), value(1), value(2)];
}

function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  return x - floor === 0.5 ? floor + (floor % 2) : Math.round(x);
}
