/** Labels i32 [N, 1, ...] -> f32 [N, classes, ...]: 1 at the label's channel. A label that is no class has zeros everywhere. */
import { DTypeError, ShapeError } from '../../errors.ts';
import { int, pointer } from '../../devices/wasm/kernel.ts';
import { defineOp } from '../../op/op.ts';
import { describe, sizeOf } from '../../tensor/spec.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { oneHotKernel } from './one-hot.webgpu.ts';

export interface OneHotOptions {
  readonly classes: number;
}

export const oneHot = defineOp<{ labels: Tensor }, OneHotOptions>({
  name: 'oneHot',
  defaults: { classes: 2 },
  shape: ({ labels }, { classes }) => {
    if (labels.dtype !== 'i32')
      throw new DTypeError(`oneHot: labels are i32, came ${describe(labels)}; convert them with cast.`, {
        dtype: labels.dtype,
      });
    if (labels.shape.length < 2 || labels.shape[1] !== 1)
      throw new ShapeError(`oneHot: labels are [N, 1, ...], came ${describe(labels)}.`, { shape: labels.shape });
    return { shape: [labels.shape[0], classes, ...labels.shape.slice(2)], dtype: 'f32' };
  },
  kernels: {
    reference: ({ labels }, { classes }, [y]) => {
      const voxels = sizeOf(labels.shape.slice(2));
      labels.data.forEach((label, k) => {
        if (label >= 0 && label < classes)
          y.data[(Math.floor(k / voxels) * classes + label) * voxels + (k % voxels)] = 1;
      });
    },
    wasm: {
      lower: ({ inputs, outputs: [y], options: { classes } }) => [
        {
          kernel: 'one_hot',
          args: [pointer(inputs['labels']!), pointer(y), int(y.shape[0]), int(classes), int(sizeOf(y.shape.slice(2)))],
        },
      ],
    },
    webgpu: oneHotKernel,
  },
  cases: [
    {
      name: 'volumes',
      inputs: { labels: { shape: [2, 1, 3, 4, 5], dtype: 'i32', fill: { integersBelow: 4 } } },
      options: { classes: 4 },
    },
    {
      name: 'unknown labels',
      inputs: { labels: { shape: [1, 1, 5], dtype: 'i32', fill: [-1, 0, 1, 2, 9] } },
      options: { classes: 2 },
    },
    { name: 'one voxel', inputs: { labels: { shape: [1, 1], dtype: 'i32' } }, options: { classes: 3 } },
  ],
  tolerance: { f32: 0 },
});
