/** A prepared case held in memory, and the cutting of boxes that reach past it. */
import type { PreprocessProperties } from '@voxelwise/transforms';
import { voxelCount, type PerAxis } from '@voxelwise/volume';
import { TrainingError } from '../errors.ts';
import type { CaseSource, PreparedCase } from './prepared-case.ts';

export interface CaseArrays {
  readonly id: string;
  readonly shape: PerAxis;
  /** [C, z, y, x]. */
  readonly image: Float32Array;
  /** [L, z, y, x]. */
  readonly labels: Int16Array;
  readonly locations: ReadonlyMap<string, Uint32Array>;
  /** How it came from its file. */
  readonly properties?: PreprocessProperties;
}

export function memoryCase(arrays: CaseArrays): PreparedCase {
  const { id, shape, image, labels, locations, properties } = arrays;
  const voxels = voxelCount(shape);
  return {
    id,
    shape,
    channels: image.length / voxels,
    locations,
    ...(properties ? { properties } : {}),
    crop: (start, size) =>
      Promise.resolve({
        shape: size,
        image: cutBox(image, shape, start, size, 0),
        labels: cutBox(labels, shape, start, size, -1),
      }),
  };
}

/** Cases in memory, by id. */
export function memoryCases(cases: Iterable<PreparedCase>): CaseSource {
  const byId = new Map(Array.from(cases, (prepared) => [prepared.id, prepared]));
  return {
    open: (id) => {
      const found = byId.get(id);
      return found
        ? Promise.resolve(found)
        : Promise.reject(new TrainingError(`There is no prepared case ${id}; preprocess it first.`, { case: id }));
    },
  };
}

/** Copies a box of every channel; what lies outside gets `fill`. */
export function cutBox<A extends Float32Array | Int16Array>(
  voxels: A,
  shape: PerAxis,
  start: PerAxis,
  size: PerAxis,
  fill: number,
): A {
  const volume = voxelCount(shape);
  const channels = voxels.length / volume;
  const result = new (voxels.constructor as new (length: number) => A)(channels * voxelCount(size));
  if (fill !== 0) result.fill(fill);
  const [z0, y0, x0] = start;
  const firstX = Math.max(0, x0);
  const lastX = Math.min(shape[2], x0 + size[2]);
  if (lastX <= firstX) return result;
  for (let c = 0; c < channels; c++)
    for (let z = Math.max(0, z0); z < Math.min(shape[0], z0 + size[0]); z++)
      for (let y = Math.max(0, y0); y < Math.min(shape[1], y0 + size[1]); y++) {
        const from = c * volume + (z * shape[1] + y) * shape[2];
        const to = ((c * size[0] + z - z0) * size[1] + y - y0) * size[2] - x0;
        result.set(voxels.subarray(from + firstX, from + lastX), to + firstX);
      }
  return result;
}
