/** Two masks made ready for surface work: checked, and cut to the box around both. */
import { cutBox, type PerAxis, tightBox } from '@voxelwise/volume';
import { ScoreError } from '../errors.ts';

/** Masks of the same shape [z, y, x]; anything that is not 0 is inside. */
export interface MaskPair {
  readonly prediction: Uint8Array;
  readonly reference: Uint8Array;
  readonly shape: PerAxis;
}

/** The part of the arrays that holds both masks; outside of it everything is background. Throws: ScoreError. */
export function cutToMasks({ prediction, reference, shape }: MaskPair): MaskPair {
  const size = shape[0] * shape[1] * shape[2];
  if (prediction.length !== size || reference.length !== size)
    throw new ScoreError(
      `surface score: masks of ${prediction.length} and ${reference.length} voxels, the shape [${shape.join(', ')}] has ${size}.`,
      { shape },
    );
  const both = prediction.map((p, i) => (p !== 0 || reference[i] !== 0 ? 1 : 0));
  const box = tightBox(both, shape) ?? { start: [0, 0, 0], end: [shape[0], 1, 1] };
  const cut = [0, 1, 2].map((axis) => box.end[axis]! - box.start[axis]!) as [number, number, number];
  return {
    prediction: cutBox(prediction, 1, shape, box),
    reference: cutBox(reference, 1, shape, box),
    // A 2D image stays one: its only slice has no surface above and below.
    shape: cut,
  };
}

/**
 * The voxels of a mask with a face neighbor outside of it; beyond the array is outside. With `flat`, only the neighbors
 * within the slice count.
 */
export function surfaceVoxels(mask: Uint8Array, [depth, height, width]: PerAxis, flat: boolean): Uint8Array {
  const surface = new Uint8Array(mask.length);
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
