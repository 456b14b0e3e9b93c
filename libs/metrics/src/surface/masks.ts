/** Two masks made ready for surface work: checked, and cut to the box around both. */
import { boxShape, cutBox, type PerAxis, tightBox, unionBox } from '@voxelwise/volume';
import { ScoreError } from '../errors.ts';

/** Masks of the same shape [z, y, x]; anything that is not 0 is inside. */
export interface MaskPair {
  readonly prediction: Uint8Array;
  readonly reference: Uint8Array;
  readonly shape: PerAxis;
}

/** The part of two arrays that holds both masks; outside of it everything is background. */
export interface CutMasks extends MaskPair {
  /** Cut out of a 2D image: its only slice has no surface above and below. */
  readonly flat: boolean;
}

/** Cuts masks to the box around both. Throws: ScoreError. */
export function cutToMasks({ prediction, reference, shape }: MaskPair): CutMasks {
  const size = shape[0] * shape[1] * shape[2];
  if (prediction.length !== size || reference.length !== size)
    throw new ScoreError(
      `surface score: masks of ${prediction.length} and ${reference.length} voxels, the shape [${shape.join(', ')}] has ${size}.`,
      { shape },
    );
  const flat = shape[0] === 1;
  const box = unionBox([prediction, reference].flatMap((mask) => tightBox(mask, shape) ?? [])) ?? {
    start: [0, 0, 0],
    end: [1, 1, 1],
  };
  const cut = boxShape(box);
  if (cut.every((n, axis) => n === shape[axis])) return { prediction, reference, shape, flat };
  return {
    prediction: cutBox(prediction, 1, shape, box),
    reference: cutBox(reference, 1, shape, box),
    shape: cut,
    flat,
  };
}

/**
 * The voxels of a mask with a face neighbor outside of it; beyond the array is outside. With `flat`, only the neighbors
 * within the slice count. `surface` takes them and holds only 0 before.
 */
export function surfaceVoxels(
  mask: Uint8Array,
  [depth, height, width]: PerAxis,
  flat: boolean,
  surface: Uint8Array = new Uint8Array(mask.length),
): Uint8Array {
  const slice = height * width;
  for (let z = 0, i = 0; z < depth; z++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++, i++) {
        if (mask[i] === 0) continue;
        const inside =
          x > 0 &&
          mask[i - 1] !== 0 &&
          x < width - 1 &&
          mask[i + 1] !== 0 &&
          y > 0 &&
          mask[i - width] !== 0 &&
          y < height - 1 &&
          mask[i + width] !== 0 &&
          (flat || (z > 0 && mask[i - slice] !== 0 && z < depth - 1 && mask[i + slice] !== 0));
        if (!inside) surface[i] = 1;
      }
  return surface;
}
