/** Patches as they are, for validation; and the two changes that cost nothing: mirroring, and a little of intensity. */
import type { Rng } from '@voxelwise/compute';
import { voxelCount, type PerAxis } from '@voxelwise/volume';
import type { Crop } from '../cases/prepared-case.ts';
import type { Augmentation } from './augmentation.ts';

/** Cuts the final patch and leaves it alone. */
export const noAugmentation: Augmentation = {
  initialPatch: (patch) => patch,
  apply: (crop) => Promise.resolve(crop),
};

/** Mirrors along each of `axes` half of the time. */
export function mirroring(axes: readonly number[]): Augmentation {
  return {
    initialPatch: (patch) => patch,
    apply: (crop, _patch, random) => {
      const flipped = axes.filter(() => random.uniform() < 0.5);
      return Promise.resolve(flipped.length === 0 ? crop : mirrorCrop(crop, flipped));
    },
  };
}

export function mirrorCrop(crop: Crop, axes: readonly number[]): Crop {
  return {
    shape: crop.shape,
    image: mirrorVoxels(crop.image, crop.shape, axes),
    labels: mirrorVoxels(crop.labels, crop.shape, axes),
  };
}

/** Reverses axes of every channel. */
export function mirrorVoxels<A extends Float32Array | Int16Array>(
  voxels: A,
  shape: PerAxis,
  axes: readonly number[],
): A {
  const [depth, height, width] = shape;
  const size = voxelCount(shape);
  const result = new (voxels.constructor as new (length: number) => A)(voxels.length);
  const [turnZ, turnY, turnX] = [axes.includes(0), axes.includes(1), axes.includes(2)];
  for (let channel = 0; channel < voxels.length; channel += size)
    for (let z = 0; z < depth; z++)
      for (let y = 0; y < height; y++) {
        const from = channel + ((turnZ ? depth - 1 - z : z) * height + (turnY ? height - 1 - y : y)) * width;
        const to = channel + (z * height + y) * width;
        if (turnX) for (let x = 0; x < width; x++) result[to + x] = voxels[from + width - 1 - x]!;
        else result.set(voxels.subarray(from, from + width), to);
      }
  return result;
}

/** Applies one augmentation after another; the first decides how large to cut. */
export function inTurn(...augmentations: readonly Augmentation[]): Augmentation {
  return {
    initialPatch: (patch) => augmentations[0]?.initialPatch(patch) ?? patch,
    apply: async (crop: Crop, patch: PerAxis, random: Rng) => {
      for (const [k, augmentation] of augmentations.entries())
        crop = await augmentation.apply(crop, patch, random.split(k));
      return crop;
    },
  };
}
