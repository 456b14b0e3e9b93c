/**
 * The way back from the model's grid to the file's: logits resampled to the crop, decided, put into the box, transposed.
 * Source: nnU-Net v2, export of predictions.
 */
import { decideLabels, reindex, resizeDecide, type AxisMap, type Tensor } from '@voxelwise/compute';
import type { PerAxis } from '@voxelwise/volume';
import { TransformError } from '../errors.ts';
import { resampleData, separateAxis } from './resampling.ts';
import type { PreprocessProperties, PreprocessSettings } from './settings.ts';

const LINEAR = { order: 1, forceSeparateZ: null } as const;

export interface Decision {
  /** A label per logit channel, in the order in which regions are written; null: the greatest logit wins. */
  readonly regions: readonly number[] | null;
}

/** Logits [K, z, y, x] of the preprocessed image -> labels i32 [1, z, y, x] on the file's grid; 0 outside the box. */
export function restoreSegmentation(
  logits: Tensor,
  properties: PreprocessProperties,
  settings: Pick<PreprocessSettings, 'resampling'>,
  decision: Decision = { regions: null },
): Tensor {
  checkShape(logits, properties);
  const { shapeAfterCropping: shape, targetSpacing } = properties;
  const { order, forceSeparateZ } = settings.resampling?.probabilities ?? LINEAR;
  const unchanged = shape.every((n, axis) => n === logits.shape[axis + 1]);
  const decided = unchanged
    ? decideLabels({ logits }, decision)
    : resizeDecide(
        { logits },
        {
          shape,
          order,
          separateAxis: separateAxis(targetSpacing, transposed(properties), forceSeparateZ),
          ...decision,
        },
      );
  const restored = restoreVoxels(decided, properties);
  decided.dispose();
  return restored;
}

/** Logits [K, z, y, x] of the preprocessed image -> logits on the crop's grid (transposed order). */
export function restoreLogits(
  logits: Tensor,
  properties: PreprocessProperties,
  settings: Pick<PreprocessSettings, 'resampling'>,
): Tensor {
  checkShape(logits, properties);
  return resampleData(
    logits,
    properties.shapeAfterCropping,
    properties.targetSpacing,
    transposed(properties),
    settings.resampling?.probabilities ?? LINEAR,
  );
}

/** Voxels on the crop's grid -> the file's grid: `fill` outside the box, axes back in the file's order. */
export function restoreVoxels(x: Tensor, properties: PreprocessProperties, fill = 0): Tensor {
  const { transposeForward, shapeBeforeCropping, box } = properties;
  const axes = [0, 1, 2].map((fileAxis) => {
    const k = transposeForward.indexOf(fileAxis) as 0 | 1 | 2;
    return { axis: k, size: shapeBeforeCropping[k], rule: 'move', start: 0 - box.start[k], step: 1 };
  }) as unknown as [AxisMap, AxisMap, AxisMap];
  return reindex({ x }, { axes, boundary: 'constant', fill });
}

function transposed({ spacing, transposeForward }: PreprocessProperties): PerAxis {
  return transposeForward.map((axis) => spacing[axis]!) as unknown as PerAxis;
}

function checkShape(logits: Tensor, { shape }: PreprocessProperties): void {
  if (logits.shape.length !== 4 || shape.some((n, axis) => n !== logits.shape[axis + 1]))
    throw new TransformError(
      `restore: logits are [K, ${shape.join(', ')}] as the preprocessed image, came [${logits.shape.join(', ')}].`,
      { shape, came: logits.shape },
    );
}
