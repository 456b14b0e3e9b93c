/**
 * Moves voxels by index, exactly: permutations, flips, crops, pads, whole-voxel shifts and nearest-neighbor resizing in
 * one pass. Output voxel o takes, along each of its axes k, the input position of `axes[k]` on input axis `axes[k].axis`.
 *
 * Shape: [C, z, y, x] -> [C, ...sizes]. dtypes f32, i32, u8.
 */
import { defineOp } from '../../op/op.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { ShapeError } from '../../errors.ts';
import { expectVolume } from '../voxel-shape.ts';
import { axisTable } from './axis-table.ts';
import { reference } from './reindex.reference.ts';
import { wasm } from './reindex.wasm.ts';
import { webgpu } from './reindex.webgpu.ts';

/** What an index outside the input means, named as in NumPy's pad: `symmetric` repeats the edge voxel, `reflect` does not. */
export type Boundary = 'constant' | 'edge' | 'reflect' | 'symmetric' | 'wrap';

/**
 * One output axis of `size` voxels. `move`: input index = start + step · o, step whole. `nearest`: input index =
 * floor((o + 0.5) · n / size), `floor`: floor(o · n / size), clamped, with n the input size.
 */
export interface AxisMap {
  readonly axis: 0 | 1 | 2;
  readonly size: number;
  readonly rule: 'move' | 'nearest' | 'floor';
  readonly start: number;
  readonly step: number;
}

export interface ReindexOptions {
  readonly axes: readonly [AxisMap, AxisMap, AxisMap];
  readonly boundary: Boundary;
  /** The value outside where the boundary is constant. */
  readonly fill: number;
}

const whole = (axis: 0 | 1 | 2): AxisMap => ({ axis, size: 1, rule: 'move', start: 0, step: 1 });

export const reindex = defineOp<{ x: Tensor }, ReindexOptions>({
  name: 'reindex',
  defaults: { axes: [whole(0), whole(1), whole(2)], boundary: 'constant', fill: 0 },
  shape: ({ x }, { axes, boundary }) => {
    const space = expectVolume('reindex', 'x', x, 'f32', 'i32', 'u8');
    if (new Set(axes.map((map) => map.axis)).size !== 3)
      throw new ShapeError(`reindex: each input axis is used once, came [${axes.map((map) => map.axis).join(', ')}].`, {
        axes,
      });
    for (const map of axes) {
      if (!(Number.isInteger(map.size) && map.size > 0 && Number.isInteger(map.start) && Number.isInteger(map.step)))
        throw new ShapeError(
          `reindex: size, start and step are whole numbers, size positive; came ${JSON.stringify(map)}.`,
          { map },
        );
      axisTable(map, space[map.axis], boundary);
    }
    return { shape: [x.shape[0]!, ...axes.map((map) => map.size)], dtype: x.dtype };
  },
  kernels: { reference, wasm, webgpu },
  cases: [
    {
      name: 'permute and flip',
      inputs: { x: { shape: [2, 3, 4, 5] } },
      options: {
        axes: [
          { axis: 2, size: 5, rule: 'move', start: 4, step: -1 },
          { axis: 0, size: 3, rule: 'move', start: 0, step: 1 },
          { axis: 1, size: 4, rule: 'move', start: 0, step: 1 },
        ],
      },
      gradient: false,
    },
    {
      name: 'crop and pad',
      inputs: { x: { shape: [1, 5, 6, 7], dtype: 'i32' } },
      options: {
        fill: -1,
        axes: [
          { axis: 0, size: 3, rule: 'move', start: 1, step: 1 },
          { axis: 1, size: 9, rule: 'move', start: -2, step: 1 },
          { axis: 2, size: 12, rule: 'move', start: -3, step: 1 },
        ],
      },
      gradient: false,
    },
    {
      name: 'reflect',
      inputs: { x: { shape: [1, 3, 4, 5], dtype: 'u8' } },
      options: {
        boundary: 'reflect',
        axes: [
          { axis: 0, size: 9, rule: 'move', start: -3, step: 1 },
          { axis: 1, size: 4, rule: 'move', start: 0, step: 1 },
          { axis: 2, size: 15, rule: 'move', start: -5, step: 1 },
        ],
      },
      gradient: false,
    },
    {
      name: 'nearest',
      inputs: { x: { shape: [1, 3, 4, 5] } },
      options: {
        axes: [
          { axis: 0, size: 7, rule: 'nearest', start: 0, step: 1 },
          { axis: 1, size: 2, rule: 'nearest', start: 0, step: 1 },
          { axis: 2, size: 5, rule: 'floor', start: 0, step: 1 },
        ],
      },
      gradient: false,
    },
  ],
  tolerance: { f32: 0 },
});
