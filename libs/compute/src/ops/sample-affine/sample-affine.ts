/**
 * Samples a volume at mapped positions: output voxel o takes input index p = A · (o + d(o)) + t, with `matrix` the rows
 * [A | t] in array order (z, y, x) and d an optional displacement in output voxels.
 *
 * Shape: x f32 or i32 [C, z, y, x], displacement f32 [3, ...shape] -> [C, ...shape].
 * `linear` on i32 gives the label of the greatest linear weight (weights in steps of half precision of 1000, the lowest label
 * of equals: nnU-Net's rule). `zeros` blends with `fill` beyond the outermost voxel centers; on i32 a position beyond them
 * gives `fill`. `cubic` takes spline coefficients (`splineCoefficients`), with 4 taps per axis; where these were made of an image
 * with voxels put around it, `margin` says how many, and positions count from the image's own first voxel. `border` clamps the
 * position; `reflect` folds it about -0.5 and n - 0.5, `mirror` about 0 and n - 1; `halfVoxel` clamps up to half a voxel beyond the
 * centers and gives `fill` further out (ITK's rule); with `cubic` neither `reflect` nor `halfVoxel` clamps. `nearest` rounds ties up.
 * Source: the conventions of PyTorch's grid_sample without aligned corners (`mirror`: with).
 */
import { defineOp } from '../../op/op.ts';
import { doubles, float, int, pointer, type WasmKernel } from '../../devices/wasm/kernel.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { ShapeError } from '../../errors.ts';
import { expectSpace, expectVolume, type Space } from '../voxel-shape.ts';
import { INTERPOLATIONS, PADDINGS } from './choices.ts';
import { reference } from './sample-affine.reference.ts';
import { webgpu } from './sample-affine.webgpu.ts';

export interface SampleAffineOptions {
  readonly shape: Space;
  /** Twelve numbers, row-major 3x4. */
  readonly matrix: readonly number[];
  readonly interpolation: (typeof INTERPOLATIONS)[number];
  readonly padding: (typeof PADDINGS)[number];
  readonly fill: number;
  /** With `cubic`: voxels around the image, before and behind, along z, y, x. */
  readonly margin: readonly number[];
  /** Labels with linear weights and zeros: positions [low z, y, x, high z, y, x] that count as inside; null: the outermost centers. */
  readonly bounds: readonly number[] | null;
}

const wasm: WasmKernel<SampleAffineOptions> = {
  lower: ({
    inputs: { x, displacement },
    outputs: [y],
    options: { shape, matrix, interpolation, padding, fill, margin, bounds },
  }) => [
    {
      kernel: x!.dtype === 'f32' ? 'sample_affine_f32' : 'sample_affine_i32',
      args: [
        pointer(x!),
        displacement ? pointer(displacement) : int(0),
        pointer(y!),
        ...x!.shape.map(int),
        ...shape.map(int),
        doubles(matrix),
        int(INTERPOLATIONS.indexOf(interpolation)),
        int(PADDINGS.indexOf(padding)),
        ...(x!.dtype === 'f32'
          ? [float(fill), ...margin.map(int)]
          : [int(fill), doubles(bounds ?? [0, 0, 0, ...x!.shape.slice(1).map((n) => n - 1)])]),
      ],
    },
  ],
};

// No position is a tie or on an edge: there the rounding of the device's arithmetic decides.
const turned = [0.9, 0.3, -0.1, 0.213, -0.2, 1.1, 0.4, -0.687, 0.1, -0.3, 0.8, 1.307];
const options = (more: Partial<SampleAffineOptions>): Partial<SampleAffineOptions> => ({
  shape: [6, 7, 9],
  matrix: turned,
  ...more,
});

export const sampleAffine = defineOp<{ x: Tensor; displacement?: Tensor | undefined }, SampleAffineOptions>({
  name: 'sampleAffine',
  defaults: {
    shape: [1, 1, 1],
    matrix: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0],
    interpolation: 'linear',
    padding: 'zeros',
    fill: 0,
    margin: [0, 0, 0],
    bounds: null,
  },
  shape: ({ x, displacement }, { shape, matrix, interpolation, padding, margin }) => {
    const from = expectVolume('sampleAffine', 'x', x, 'f32', 'i32');
    const space = expectSpace('sampleAffine', 'shape', shape);
    if (matrix.length !== 12 || !matrix.every(Number.isFinite))
      throw new ShapeError(
        `sampleAffine: matrix is twelve finite numbers, row-major 3x4, came [${matrix.join(', ')}].`,
        { matrix },
      );
    if (
      !PADDINGS.includes(padding) ||
      !INTERPOLATIONS.includes(interpolation) ||
      (interpolation === 'cubic' && x.dtype !== 'f32')
    )
      throw new ShapeError(
        `sampleAffine: interpolation is nearest, linear or (f32 only) cubic, and padding ${PADDINGS.join(', ')}; came ${interpolation} and ${padding} for ${x.dtype}.`,
        { interpolation, padding },
      );
    if (
      margin.length !== 3 ||
      !margin.every((m, axis) => Number.isInteger(m) && m >= 0 && 2 * m < from[axis]!) ||
      (interpolation !== 'cubic' && margin.some((m) => m > 0))
    )
      throw new ShapeError(
        `sampleAffine: margin is three whole numbers, less than half of x [${from.join(', ')}], and 0 unless cubic; came [${margin.join(', ')}] for ${interpolation}.`,
        { margin, interpolation },
      );
    if (displacement) {
      const field = expectVolume('sampleAffine', 'displacement', displacement, 'f32');
      if (displacement.shape[0] !== 3 || field.some((n, axis) => n !== space[axis]))
        throw new ShapeError(
          `sampleAffine: displacement is [3, ${space.join(', ')}], came [${displacement.shape.join(', ')}].`,
          { shape: displacement.shape },
        );
    }
    return { shape: [x.shape[0]!, ...space], dtype: x.dtype };
  },
  kernels: { reference, wasm, webgpu },
  cases: [
    ...PADDINGS.flatMap((padding) => [
      {
        name: `linear, ${padding}`,
        inputs: { x: { shape: [2, 5, 6, 7] }, displacement: undefined },
        options: options({ padding }),
        gradient: false,
      },
      {
        name: `nearest, ${padding}`,
        inputs: { x: { shape: [1, 5, 6, 7] }, displacement: undefined },
        options: options({ padding, interpolation: 'nearest' as const }),
        gradient: false,
      },
      {
        name: `labels, ${padding}`,
        inputs: {
          x: { shape: [1, 5, 6, 7], dtype: 'i32' as const, fill: { integersBelow: 3 } },
          displacement: undefined,
        },
        options: options({ padding, fill: -1 }),
        gradient: false,
      },
    ]),
    ...PADDINGS.map((padding) => ({
      name: `cubic, ${padding}`,
      inputs: { x: { shape: [1, 5, 6, 7] }, displacement: undefined },
      options: options({ padding, interpolation: 'cubic' as const }),
      gradient: false,
    })),
    ...PADDINGS.map((padding) => ({
      name: `cubic within margins, ${padding}`,
      inputs: { x: { shape: [1, 7, 6, 9] }, displacement: undefined },
      options: options({ padding, interpolation: 'cubic' as const, margin: [2, 0, 3], fill: -2 }),
      gradient: false,
    })),
    {
      name: 'mirrored across one slice',
      inputs: { x: { shape: [1, 1, 6, 7] }, displacement: undefined },
      options: options({ padding: 'mirror' }),
      gradient: false,
    },
    {
      name: 'nearest labels',
      inputs: { x: { shape: [1, 5, 6, 7], dtype: 'i32', fill: { integersBelow: 3 } }, displacement: undefined },
      options: options({ interpolation: 'nearest', fill: -1 }),
      gradient: false,
    },
    {
      name: 'labels within bounds',
      inputs: { x: { shape: [1, 5, 6, 7], dtype: 'i32', fill: { integersBelow: 3 } }, displacement: undefined },
      options: options({ fill: -1, bounds: [-0.3, 0.2, 0.1, 4.3, 4.8, 6.1] }),
      gradient: false,
    },
    {
      name: 'displaced',
      inputs: { x: { shape: [1, 5, 6, 7] }, displacement: { shape: [3, 6, 7, 9] } },
      options: options({ fill: 0.5 }),
      gradient: false,
    },
    {
      name: 'one slice',
      inputs: { x: { shape: [2, 1, 6, 7] }, displacement: undefined },
      options: options({ shape: [1, 5, 5], matrix: [1, 0, 0, 0, 0, 0.8, 0.3, 0, 0, -0.3, 0.8, 1] }),
      gradient: false,
    },
  ],
  tolerance: { f32: 2e-6 },
});
