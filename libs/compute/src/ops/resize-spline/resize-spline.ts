/**
 * Resizes a volume by splines of order 0, 1 or 3 with pixel edges aligned: output voxel i takes input coordinate
 * (i + 0.5) · n / m - 0.5. Outside the input its edge voxels go on; the result is clipped to the range of the input.
 * With `separateAxis` every slice across that axis is resized in its plane (and clipped to that slice's own range), then
 * the slices are taken along the axis by nearest position, ties to the higher.
 *
 * Shape: [C, z, y, x] -> [C, ...shape]. Computed in float64 (WebGPU: weights in float64, sums in float32).
 * Source: scikit-image `resize` (edge mode, no anti-aliasing) as nnU-Net v2 uses it; B-splines after Unser 1993.
 */
import { defineOp } from '../../op/op.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { ShapeError } from '../../errors.ts';
import { expectSpace, expectVolume, type Space } from '../voxel-shape.ts';
import { reference } from './resize-spline.reference.ts';
import { wasm } from './resize-spline.wasm.ts';
import { webgpu } from './resize-spline.webgpu.ts';

export interface ResizeSplineOptions {
  readonly shape: Space;
  readonly order: 0 | 1 | 3;
  /** Spatial axis (0 = z) resized apart by nearest neighbor; -1: none. */
  readonly separateAxis: -1 | 0 | 1 | 2;
}

export const resizeSpline = defineOp<{ x: Tensor }, ResizeSplineOptions>({
  name: 'resizeSpline',
  defaults: { shape: [1, 1, 1], order: 3, separateAxis: -1 },
  shape: ({ x }, { shape, order, separateAxis }) => {
    expectVolume('resizeSpline', 'x', x, 'f32');
    if (![0, 1, 3].includes(order) || ![-1, 0, 1, 2].includes(separateAxis))
      throw new ShapeError(
        `resizeSpline: order is 0, 1 or 3 and separateAxis -1, 0, 1 or 2; came ${order} and ${separateAxis}.`,
        { order, separateAxis },
      );
    return { shape: [x.shape[0]!, ...expectSpace('resizeSpline', 'shape', shape)], dtype: 'f32' };
  },
  kernels: { reference, wasm, webgpu },
  cases: [
    {
      name: 'up, cubic',
      inputs: { x: { shape: [2, 5, 6, 7] } },
      options: { shape: [9, 8, 21], order: 3 },
      gradient: false,
    },
    {
      name: 'down, cubic',
      inputs: { x: { shape: [1, 9, 8, 21] } },
      options: { shape: [5, 6, 7], order: 3 },
      gradient: false,
    },
    {
      name: 'linear',
      inputs: { x: { shape: [1, 4, 9, 5] } },
      options: { shape: [7, 5, 17], order: 1 },
      gradient: false,
    },
    {
      name: 'nearest',
      inputs: { x: { shape: [1, 4, 9, 5] } },
      options: { shape: [2, 5, 17], order: 0 },
      gradient: false,
    },
    {
      name: 'slices across z',
      inputs: { x: { shape: [1, 4, 9, 5] } },
      options: { shape: [7, 12, 9], order: 3, separateAxis: 0 },
      gradient: false,
    },
    {
      name: 'slices across y',
      inputs: { x: { shape: [2, 9, 4, 5] } },
      options: { shape: [7, 3, 9], order: 3, separateAxis: 1 },
      gradient: false,
    },
    {
      name: 'slices across x',
      inputs: { x: { shape: [1, 9, 4, 5] } },
      options: { shape: [7, 6, 8], order: 1, separateAxis: 2 },
      gradient: false,
    },
    {
      name: 'one voxel',
      inputs: { x: { shape: [1, 1, 1, 1] } },
      options: { shape: [3, 1, 2], order: 3 },
      gradient: false,
    },
  ],
  tolerance: { f32: 1e-6 },
  multiplyAdds: ({ x }, { shape }) =>
    20 * (x.shape.reduce((a, b) => a * b, 1) + x.shape[0]! * shape[0] * shape[1] * shape[2]),
});
