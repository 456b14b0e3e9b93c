/**
 * Where windows stand: an image is padded up to the patch, then covered by windows that overlap evenly.
 * Source: nnU-Net v2, `compute_steps_for_sliding_window` and `pad_nd_image`.
 */
import { PredictionError } from '../errors.ts';

/**
 * First voxel of each window along one axis. The distance is at most `stepSize` patches, evened out over the axis.
 *
 * Units: voxels; `stepSize` is a share of the patch in (0, 1]. The extent must be at least the patch.
 */
export function windowStarts(extent: number, patch: number, stepSize: number): readonly number[] {
  if (!(stepSize > 0 && stepSize <= 1))
    throw new PredictionError(
      `windowStarts: the step is a share of the patch above 0 and at most 1, came ${stepSize}.`,
      { stepSize },
    );
  if (extent < patch)
    throw new PredictionError(
      `windowStarts: the axis has ${extent} voxels, less than the patch of ${patch}; pad it first.`,
      { extent, patch },
    );
  const count = Math.ceil((extent - patch) / (patch * stepSize)) + 1;
  if (count === 1) return [0];
  const step = (extent - patch) / (count - 1);
  return Array.from({ length: count }, (_, k) => roundHalfEven(step * k));
}

/** Voxels to add before and after an axis so that it reaches `least`; the odd one goes after. */
export function padding(extent: number, least: number): readonly [number, number] {
  const missing = Math.max(0, least - extent);
  return [missing >> 1, missing - (missing >> 1)];
}

function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}
