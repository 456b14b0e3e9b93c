/** Targets for deep supervision: the labels at the sizes of the network's outputs. Source: nnU-Net v2. */
import { reindex, type AxisMap, type Tensor } from '@voxelwise/compute';
import { roundHalfEven } from '../resampling.ts';

/** Labels [C, z, y, x] by nearest position at each scale (shares of the size per axis); a scale of 1 gives the same tensor. */
export function deepSupervisionTargets(labels: Tensor, scales: readonly (readonly number[])[]): Tensor[] {
  return scales.map((scale) => {
    if (scale.every((s) => s === 1)) return labels;
    const axes = labels.shape.slice(1).map((n, axis) => ({
      axis,
      size: Math.max(1, roundHalfEven(n * (scale[axis] ?? 1))),
      rule: 'nearest',
      start: 0,
      step: 1,
    }));
    return reindex({ x: labels }, { axes: axes as unknown as [AxisMap, AxisMap, AxisMap] });
  });
}

/** Shares of the patch at each output but the lowest: 1 over the strides so far. */
export function deepSupervisionScales(strides: readonly (readonly number[])[]): number[][] {
  const scale = strides[0]!.map(() => 1);
  return strides.slice(0, -1).map((stride) => {
    stride.forEach((s, axis) => (scale[axis] = scale[axis]! / s));
    return [...scale];
  });
}
