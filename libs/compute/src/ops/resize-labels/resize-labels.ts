/**
 * Resizes a label volume: the indicator of each label is resized by linear interpolation (pixel edges aligned), and
 * the label is written where that is at least 0.5, larger labels over smaller ones at ties; where no label reaches
 * 0.5 there is 0. With `separateAxis`, in the planes across that axis only, and along it by nearest position, ties up.
 *
 * Shape: i32 [C, z, y, x] -> i32 [C, ...shape].
 * Source: nnU-Net v2's resampling of segmentations.
 */
import { defineOp } from '../../op/op.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { expectSpace, expectVolume, type Space } from '../voxel-shape.ts';
import { labelSteps, reference } from './resize-labels.reference.ts';
import { doubles, int, pointer, type WasmKernel } from '../../devices/wasm/kernel.ts';
import { webgpu } from './resize-labels.webgpu.ts';

export interface ResizeLabelsOptions {
  readonly shape: Space;
  readonly separateAxis: -1 | 0 | 1 | 2;
}

const wasm: WasmKernel<ResizeLabelsOptions> = {
  lower: ({ inputs, outputs: [y], options: { shape, separateAxis } }) => {
    const x = inputs['x']!;
    const tables = [0, 1, 2].map((axis) => labelSteps(x.shape[axis + 1]!, shape[axis]!, axis === separateAxis));
    return [
      {
        kernel: 'resize_labels',
        args: [
          pointer(x),
          pointer(y!),
          ...x.shape.map(int),
          ...shape.map(int),
          ...tables.flatMap(({ low, step, weight }) => [
            { words: [...low].map(int) },
            { words: [...step].map(int) },
            doubles([...weight]),
          ]),
        ],
      },
    ];
  },
};

export const resizeLabels = defineOp<{ x: Tensor }, ResizeLabelsOptions>({
  name: 'resizeLabels',
  defaults: { shape: [1, 1, 1], separateAxis: -1 },
  shape: ({ x }, { shape }) => {
    expectVolume('resizeLabels', 'x', x, 'i32');
    return { shape: [x.shape[0]!, ...expectSpace('resizeLabels', 'shape', shape)], dtype: 'i32' };
  },
  kernels: { reference, wasm, webgpu },
  cases: [
    {
      name: 'up',
      inputs: { x: { shape: [1, 5, 6, 7], dtype: 'i32', fill: { integersBelow: 4 } } },
      options: { shape: [9, 8, 13] },
      gradient: false,
    },
    {
      name: 'down',
      inputs: { x: { shape: [2, 9, 8, 13], dtype: 'i32', fill: { integersBelow: 3 } } },
      options: { shape: [5, 6, 7] },
      gradient: false,
    },
    {
      name: 'slices',
      inputs: { x: { shape: [1, 4, 6, 7], dtype: 'i32', fill: { integersBelow: 3 } } },
      options: { shape: [9, 8, 13], separateAxis: 0 },
      gradient: false,
    },
    {
      name: 'one voxel',
      inputs: { x: { shape: [1, 1, 1, 1], dtype: 'i32' } },
      options: { shape: [2, 1, 3] },
      gradient: false,
    },
  ],
  tolerance: { f32: 0 },
});
