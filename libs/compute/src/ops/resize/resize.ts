/**
 * Resizes the spatial axes, pixel edges aligned (PyTorch's align_corners=false) unless `alignCorners`.
 *
 * Shape: f32 [N, C, ...space] -> [N, C, ...size]. Modes: `linear` (bi-, trilinear, no antialiasing), `cubic` (bi-, tricubic
 * convolution), `area` (mean of the voxels that a new one touches: PyTorch's adaptive average), `nearest` (floor of k · n / m,
 * PyTorch's historical rule), `nearestExact` (floor of (k + ½) · n / m).
 */
import { DTypeError, ShapeError } from '../../errors.ts';
import { defineOp } from '../../op/op.ts';
import { describe, type Shape, type TensorSpec } from '../../tensor/spec.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { resizeWeights, transposed, type AxisWeights, type ResizeMode } from '../resample-axis/axis-weights.ts';
import { resampleKernel, resampleReference } from '../resample-axis/resample-axes.ts';
import { gpuResample } from '../resample-axis/resample-axes.webgpu.ts';

export interface ResizeOptions {
  /** Spatial sizes of the result. */
  readonly size: Shape;
  readonly mode: ResizeMode;
  /** With `linear` and `cubic`: first and last voxel centers stay where they are, instead of the outer faces. */
  readonly alignCorners: boolean;
}

const DEFAULTS: ResizeOptions = { size: [], mode: 'linear', alignCorners: false };

function resized(op: string, x: TensorSpec, size: Shape): TensorSpec {
  if (x.dtype !== 'f32') throw new DTypeError(`${op}: x is f32, came ${describe(x)}.`, { op, dtype: x.dtype });
  if (x.shape.length < 3 || size.length !== x.shape.length - 2 || size.some((n) => !Number.isInteger(n) || n < 1))
    throw new ShapeError(
      `${op}: size holds one positive whole number per spatial axis of x [N, C, ...], came [${size.join(', ')}] for x ${describe(x)}.`,
      { op, size, shape: x.shape },
    );
  return { shape: [x.shape[0], x.shape[1], ...size], dtype: 'f32' };
}

const matrices = (from: Shape, to: Shape, { mode, alignCorners }: ResizeOptions): AxisWeights[] =>
  from.slice(2).map((n, k) => resizeWeights(n, to[k + 2], mode, alignCorners));

export const resize = defineOp<{ x: Tensor }, ResizeOptions>({
  name: 'resize',
  defaults: DEFAULTS,
  shape: ({ x }, { size }) => resized('resize', x, size),
  kernels: {
    reference: ({ x }, options, [y]) => resampleReference(x, matrices(x.shape, y.shape, options), y),
    wasm: resampleKernel(matrices),
    webgpu: gpuResample(matrices),
  },
  cases: [
    { name: 'up, linear', inputs: { x: { shape: [2, 3, 3, 4, 5] } }, options: { size: [6, 8, 10] } },
    { name: 'down, linear', inputs: { x: { shape: [1, 9, 7, 9] } }, options: { size: [3, 4] } },
    { name: 'odd factors, linear', inputs: { x: { shape: [1, 2, 5, 7, 4] } }, options: { size: [7, 3, 4] } },
    { name: 'nearest', inputs: { x: { shape: [1, 3, 5, 7] } }, options: { size: [8, 4], mode: 'nearest' } },
    { name: 'nearest, exact', inputs: { x: { shape: [1, 8, 5, 7] } }, options: { size: [8, 4], mode: 'nearestExact' } },
    {
      name: 'linear, corners aligned',
      inputs: { x: { shape: [1, 2, 5, 7, 4] } },
      options: { size: [7, 3, 1], alignCorners: true },
    },
    { name: 'area', inputs: { x: { shape: [1, 2, 5, 7, 4] } }, options: { size: [7, 3, 4], mode: 'area' } },
    { name: 'cubic', inputs: { x: { shape: [1, 2, 5, 7] } }, options: { size: [8, 3], mode: 'cubic' } },
    {
      name: 'cubic, corners aligned',
      inputs: { x: { shape: [1, 2, 5, 7] } },
      options: { size: [8, 3], mode: 'cubic', alignCorners: true },
    },
    { name: 'the same', inputs: { x: { shape: [1, 2, 3, 3] } }, options: { size: [3, 3] } },
    { name: 'one voxel', inputs: { x: { shape: [1, 1, 1] } }, options: { size: [3] } },
  ],
  tolerance: { f32: 2e-6 },
});

/** The transposed operation: gradient of the result to gradient of x; `size` is the size of x. */
export const resizeGradient = defineOp<{ dy: Tensor }, ResizeOptions>({
  name: 'resizeGradient',
  defaults: DEFAULTS,
  shape: ({ dy }, { size }) => resized('resizeGradient', dy, size),
  kernels: {
    reference: ({ dy }, options, [dx]) =>
      resampleReference(dy, matrices(dx.shape, dy.shape, options).map(transposed), dx),
    wasm: resampleKernel<ResizeOptions>((dy, dx, options) => matrices(dx, dy, options).map(transposed), 'dy'),
    webgpu: gpuResample<ResizeOptions>((dy, dx, options) => matrices(dx, dy, options).map(transposed), 'dy'),
  },
  cases: [
    { name: 'of up', inputs: { dy: { shape: [1, 2, 6, 5] } }, options: { size: [3, 4] } },
    { name: 'of down', inputs: { dy: { shape: [1, 9, 3, 2, 4] } }, options: { size: [5, 4, 7] } },
    { name: 'of down, nearest', inputs: { dy: { shape: [1, 1, 2, 2] } }, options: { size: [5, 4], mode: 'nearest' } },
  ],
  tolerance: { f32: 2e-6 },
});
