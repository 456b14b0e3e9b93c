/**
 * Exact Euclidean distance of every voxel of a mask to the nearest voxel outside the mask (value 0), with voxel spacing.
 * Outside: 0. A mask without any outside: Infinity everywhere.
 *
 * Shape: u8 [1, z, y, x] -> f32 [1, z, y, x], in the unit of `spacing` (array order).
 * Source: lower envelopes of parabolas, axis by axis (Felzenszwalb & Huttenlocher 2012).
 */
import { defineOp } from '../../op/op.ts';
import { float, int, pointer, scratchPointer, type WasmKernel } from '../../devices/wasm/kernel.ts';
import type { ReferenceKernel } from '../../op/op.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { ShapeError } from '../../errors.ts';
import { expectMask, expectVolume } from '../voxel-shape.ts';
import { webgpu } from './distance.webgpu.ts';

export interface DistanceOptions {
  readonly spacing: readonly number[];
}

const reference: ReferenceKernel<{ mask: Tensor }, DistanceOptions> = ({ mask }, { spacing }, [y]) => {
  const [, nz, ny, nx] = mask.shape as [number, number, number, number];
  const outside: number[][] = [];
  const place = (v: number): number[] => [Math.floor(v / (ny * nx)), Math.floor(v / nx) % ny, v % nx];
  mask.data.forEach((value, v) => value === 0 && outside.push(place(v)));
  mask.data.forEach((value, v) => {
    if (value === 0) return;
    const p = place(v);
    let least = Infinity;
    for (const q of outside)
      least = Math.min(
        least,
        q.reduce((sum, k, axis) => sum + ((k - p[axis]!) * spacing[axis]!) ** 2, 0),
      );
    y!.data[v] = Math.sqrt(least);
  });
  void nz;
};

const wasm: WasmKernel<DistanceOptions> = {
  lower: ({ inputs: { mask }, outputs: [y], options: { spacing }, threads, scratch }) => {
    const [nz, ny, nx] = mask!.shape.slice(1) as [number, number, number];
    // Per part: 16 columns, then sites (i32) and their borders (f64) of one.
    const longest = Math.max(nz, ny);
    const perPart = Math.ceil((longest * (16 * 4 + 4 + 8) + 64) / 16) * 16;
    const work = scratch(perPart * threads);
    const sizes = [nz, ny, nx].map(int);
    const columns = (axis: 0 | 1, last: boolean) => ({
      kernel: 'distance_columns',
      args: [
        pointer(y!),
        scratchPointer(work),
        int(perPart),
        ...sizes,
        int(axis),
        float(spacing[axis]!),
        int(last ? 1 : 0),
      ],
    });
    return [
      { kernel: 'distance_rows', args: [pointer(mask!), pointer(y!), ...sizes, float(spacing[2]!)] },
      columns(1, false),
      columns(0, true),
    ];
  },
};

export const distance = defineOp<{ mask: Tensor }, DistanceOptions>({
  name: 'distance',
  defaults: { spacing: [1, 1, 1] },
  shape: ({ mask }, { spacing }) => {
    expectMask('distance', mask, expectVolume('distance', 'mask', mask, 'u8'));
    if (spacing.length !== 3 || !spacing.every((s) => s > 0 && Number.isFinite(s)))
      throw new ShapeError(`distance: spacing is three positive numbers, came [${spacing.join(', ')}].`, { spacing });
    return { shape: mask.shape, dtype: 'f32' };
  },
  kernels: { reference, wasm, webgpu },
  cases: [
    {
      name: 'isotropic',
      inputs: { mask: { shape: [1, 7, 9, 10], dtype: 'u8', fill: { integersBelow: 9 } } },
      gradient: false,
    },
    {
      name: 'spacing',
      inputs: { mask: { shape: [1, 5, 17, 21], dtype: 'u8', fill: { integersBelow: 40 } } },
      options: { spacing: [2.5, 0.8, 0.7] },
      gradient: false,
    },
    {
      name: 'one slice',
      inputs: { mask: { shape: [1, 1, 12, 9], dtype: 'u8', fill: { integersBelow: 12 } } },
      options: { spacing: [1, 0.5, 2] },
      gradient: false,
    },
    { name: 'nothing inside', inputs: { mask: { shape: [1, 2, 3, 4], dtype: 'u8', fill: [0] } }, gradient: false },
    { name: 'one voxel', inputs: { mask: { shape: [1, 1, 1, 1], dtype: 'u8', fill: [1] } }, gradient: false },
    {
      name: 'a line along z',
      inputs: { mask: { shape: [1, 7, 1, 1], dtype: 'u8', fill: [1, 1, 0, 1, 1, 1, 1] } },
      options: { spacing: [3, 1, 1] },
      gradient: false,
    },
    {
      name: 'all inside',
      inputs: { mask: { shape: [1, 2, 2, 2], dtype: 'u8', fill: [1, 1, 1, 1, 1, 1, 1, 1] } },
      gradient: false,
    },
  ],
  tolerance: { f32: 1e-6 },
});
