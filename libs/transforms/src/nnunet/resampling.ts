/** When nnU-Net resamples slices apart, and to what size. Source: nnU-Net v2, default resampling. */
import { cast, resizeLabels, resizeSpline, tensor, type Tensor } from '@voxelwise/compute';
import type { PerAxis } from '@voxelwise/volume';
import { TransformError } from '../errors.ts';
import type { ResamplingSettings } from './settings.ts';
import { resizeLabelsAsTorch } from './torch-labels.ts';

/** An axis this many times coarser than the finest is resampled apart (strictly more). */
const ANISOTROPY = 3;

/** Size after resampling, half to even. Throws: TransformError for a spacing that is not positive. */
export function newShape(shape: PerAxis, current: PerAxis, target: PerAxis): PerAxis {
  if (![...current, ...target].every((mm) => Number.isFinite(mm) && mm > 0))
    throw new TransformError(
      `resample: spacings are positive millimetres, came [${current.join(', ')}] and [${target.join(', ')}]; check the geometry of the file.`,
      { current, target },
    );
  return shape.map((n, axis) => Math.max(1, roundHalfEven((current[axis]! / target[axis]!) * n))) as unknown as PerAxis;
}

/** The axis whose slices are resampled one by one, or -1. */
export function separateAxis(current: PerAxis, target: PerAxis, force: boolean | null): -1 | 0 | 1 | 2 {
  if (force === false) return -1;
  if (force === true || ratio(current) > ANISOTROPY) return coarsest(current);
  return ratio(target) > ANISOTROPY ? coarsest(target) : -1;
}

/** Intensities or logits [C, z, y, x] to `shape`; the same tensor if nothing changes. */
export function resampleData(
  x: Tensor,
  shape: PerAxis,
  current: PerAxis,
  target: PerAxis,
  { order, forceSeparateZ }: ResamplingSettings,
): Tensor {
  if (shape.every((n, axis) => n === x.shape[axis + 1])) return x;
  return resizeSpline({ x }, { shape, order, separateAxis: separateAxis(current, target, forceSeparateZ) });
}

/** Labels [C, z, y, x] to `shape`; the same tensor if nothing changes. */
export async function resampleLabels(
  x: Tensor,
  shape: PerAxis,
  current: PerAxis,
  target: PerAxis,
  { order, forceSeparateZ, torchLabels }: ResamplingSettings,
): Promise<Tensor> {
  if (shape.every((n, axis) => n === x.shape[axis + 1])) return x;
  const axis = separateAxis(current, target, forceSeparateZ);
  if (torchLabels === undefined && order === 0) return takeNearest(x, shape);
  if (order !== 1)
    throw new TransformError(
      `resampleLabels: labels are resampled by nearest position or linear indicators (order 0 or 1), came order ${order}.`,
      { order },
    );
  if (torchLabels === undefined) return resizeLabels({ x }, { shape, separateAxis: axis });
  const [channels, ...from] = x.shape as [number, number, number, number];
  const all = (await x.read()) as Int32Array;
  const [voxels, resized] = [from, shape].map((sizes) => sizes.reduce((a, b) => a * b, 1)) as [number, number];
  const result = new Int32Array(channels * resized);
  for (let c = 0; c < channels; c++)
    result.set(
      resizeLabelsAsTorch(all.subarray(c * voxels, (c + 1) * voxels), {
        from: from as unknown as PerAxis,
        to: shape,
        separateAxis: axis,
        rule: torchLabels,
      }),
      c * resized,
    );
  return tensor(x.device, result, [channels, ...shape]);
}

/** The voxel at the nearest position, ties to the higher; slices apart or not is the same. */
function takeNearest(x: Tensor, shape: PerAxis): Tensor {
  const values = cast({ x }, { dtype: 'f32' });
  const resized = resizeSpline({ x: values }, { shape, order: 0, separateAxis: -1 });
  values.dispose();
  const labels = cast({ x: resized }, { dtype: 'i32' });
  resized.dispose();
  return labels;
}

function ratio(spacing: PerAxis): number {
  return Math.max(...spacing) / Math.min(...spacing);
}

/** The only axis with the greatest spacing, compared exactly as the reference does; several: none. */
function coarsest(spacing: PerAxis): -1 | 0 | 1 | 2 {
  const greatest = Math.max(...spacing);
  const axes = ([0, 1, 2] as const).filter((axis) => spacing[axis] === greatest);
  return axes.length === 1 ? axes[0]! : -1;
}

export function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  return x - floor === 0.5 ? floor + (floor % 2) : Math.round(x);
}
