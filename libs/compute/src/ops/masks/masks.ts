/** Operations on masks: voxels that are not 0 or within a range in any channel, enclosed holes, the tight box. Masks are u8 [1, z, y, x]. */
import { defineOp } from '../../op/op.ts';
import { doubles, int, pointer, scratchPointer } from '../../devices/wasm/kernel.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { expectMask, expectVolume } from '../voxel-shape.ts';
import {
  boundingBoxReference,
  fillHolesReference,
  labelOutsideReference,
  nonzeroMaskReference,
  rangeMaskReference,
} from './masks.reference.ts';
import {
  boundingBoxWebgpu,
  fillHolesWebgpu,
  labelOutsideWebgpu,
  nonzeroMaskWebgpu,
  rangeMaskWebgpu,
} from './masks.webgpu.ts';

/** 1 where any channel of x is not 0. x f32 or i32 [C, z, y, x] -> u8 [1, z, y, x]. */
export const nonzeroMask = defineOp<{ x: Tensor }>({
  name: 'nonzeroMask',
  defaults: {},
  shape: ({ x }) => ({ shape: [1, ...expectVolume('nonzeroMask', 'x', x, 'f32', 'i32')], dtype: 'u8' }),
  kernels: {
    reference: nonzeroMaskReference,
    wasm: {
      lower: ({ inputs: { x }, outputs: [y] }) => [
        {
          kernel: 'nonzero_mask',
          args: [
            pointer(x!),
            pointer(y!),
            int(x!.shape[0]!),
            int(x!.shape[1]! * x!.shape[2]! * x!.shape[3]!),
            int(x!.dtype === 'f32' ? 1 : 0),
          ],
        },
      ],
    },
    webgpu: nonzeroMaskWebgpu,
  },
  cases: [
    {
      name: 'two channels',
      inputs: { x: { shape: [2, 3, 4, 5], dtype: 'i32', fill: { integersBelow: 2 } } },
      gradient: false,
    },
    { name: 'floats', inputs: { x: { shape: [1, 3, 4, 5] } }, gradient: false },
  ],
  tolerance: { f32: 0 },
});

/**
 * Fills holes: zeros that cannot be reached from outside the array through zeros, with the given connectivity of zeros.
 * A slice (z = 1) lies open to the outside and has no holes, unless `planar`: then every z slice is filled by itself.
 */
export const fillHoles = defineOp<{ mask: Tensor }, { readonly connectivity: 6 | 18 | 26; readonly planar: boolean }>({
  name: 'fillHoles',
  defaults: { connectivity: 6, planar: false },
  shape: ({ mask }) => {
    expectMask('fillHoles', mask, expectVolume('fillHoles', 'mask', mask, 'u8'));
    return { shape: mask.shape, dtype: 'u8' };
  },
  kernels: {
    reference: fillHolesReference,
    wasm: {
      lower: ({ inputs: { mask }, outputs: [y], options: { connectivity, planar }, scratch }) => [
        {
          kernel: 'fill_holes',
          args: [
            pointer(mask!),
            pointer(y!),
            scratchPointer(scratch(mask!.shape.reduce((a, b) => a * b, 4))),
            ...mask!.shape.slice(1).map(int),
            int(connectivity),
            int(planar ? 1 : 0),
          ],
        },
      ],
    },
    webgpu: fillHolesWebgpu,
  },
  cases: [
    {
      name: 'random',
      inputs: { mask: { shape: [1, 9, 10, 11], dtype: 'u8', fill: { integersBelow: 4 } } },
      gradient: false,
    },
    {
      name: 'a ring and a shell',
      inputs: {
        mask: {
          shape: [1, 3, 3, 3],
          dtype: 'u8',
          fill: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1],
        },
      },
      gradient: false,
    },
    { name: 'nothing', inputs: { mask: { shape: [1, 3, 4, 5], dtype: 'u8', fill: [0] } }, gradient: false },
    { name: 'everything', inputs: { mask: { shape: [1, 3, 4, 5], dtype: 'u8', fill: [1] } }, gradient: false },
    { name: 'one voxel', inputs: { mask: { shape: [1, 1, 1, 1], dtype: 'u8', fill: [0] } }, gradient: false },
    {
      name: 'corners leak',
      inputs: { mask: { shape: [1, 9, 10, 11], dtype: 'u8', fill: { integersBelow: 6 } } },
      options: { connectivity: 26 },
      gradient: false,
    },
    {
      name: 'slices',
      inputs: { mask: { shape: [1, 3, 10, 11], dtype: 'u8', fill: { integersBelow: 3 } } },
      options: { planar: true },
      gradient: false,
    },
  ],
  tolerance: { f32: 0 },
});

/** Half-open box around what is not 0: i32 [6] = start z, y, x, end z, y, x. All zeros where nothing is set. */
export const boundingBox = defineOp<{ mask: Tensor }>({
  name: 'boundingBox',
  defaults: {},
  shape: ({ mask }) => {
    expectMask('boundingBox', mask, expectVolume('boundingBox', 'mask', mask, 'u8'));
    return { shape: [6], dtype: 'i32' };
  },
  kernels: {
    reference: boundingBoxReference,
    wasm: {
      lower: ({ inputs: { mask }, outputs: [y] }) => [
        { kernel: 'bounding_box', args: [pointer(mask!), pointer(y!), ...mask!.shape.slice(1).map(int)] },
      ],
    },
    webgpu: boundingBoxWebgpu,
  },
  cases: [
    {
      name: 'random',
      inputs: { mask: { shape: [1, 4, 5, 6], dtype: 'u8', fill: { integersBelow: 2 } } },
      gradient: false,
    },
    {
      name: 'empty',
      inputs: { mask: { shape: [1, 4, 5, 6], dtype: 'u8', fill: { integersBelow: 1 } } },
      gradient: false,
    },
  ],
  tolerance: { f32: 0 },
});

/** 1 where any channel lies in [low, high] (null: no bound). x f32 or i32 [C, z, y, x] -> u8 [1, z, y, x]. */
export const rangeMask = defineOp<{ x: Tensor }, { readonly low: number | null; readonly high: number | null }>({
  name: 'rangeMask',
  defaults: { low: null, high: null },
  shape: ({ x }) => ({ shape: [1, ...expectVolume('rangeMask', 'x', x, 'f32', 'i32')], dtype: 'u8' }),
  kernels: {
    reference: rangeMaskReference,
    wasm: {
      lower: ({ inputs: { x }, outputs: [y], options: { low, high } }) => [
        {
          kernel: 'range_mask',
          args: [
            pointer(x!),
            pointer(y!),
            int(x!.shape[0]!),
            int(x!.shape[1]! * x!.shape[2]! * x!.shape[3]!),
            int(x!.dtype === 'f32' ? 1 : 0),
            doubles([low ?? -Infinity, high ?? Infinity]),
          ],
        },
      ],
    },
    webgpu: rangeMaskWebgpu,
  },
  cases: [
    { name: 'floats', inputs: { x: { shape: [2, 3, 4, 5] } }, options: { low: 0.5, high: null }, gradient: false },
    {
      name: 'from the least positive number',
      inputs: { x: { shape: [1, 1, 2, 3], fill: [0, -0, 2 ** -149, -(2 ** -149), NaN, Infinity] } },
      options: { low: 2 ** -149, high: null },
      gradient: false,
    },
    {
      name: 'bounds between floats',
      inputs: { x: { shape: [1, 1, 1, 4], fill: [0.1, 0.3, -0.1, -0] } },
      options: { low: -1e-300, high: 0.3 },
      gradient: false,
    },
    {
      name: 'labels',
      inputs: { x: { shape: [1, 3, 4, 5], dtype: 'i32', fill: { integersBelow: 5 } } },
      options: { low: 2, high: 3 },
      gradient: false,
    },
  ],
  tolerance: { f32: 0 },
});

/** Labels with `outside` where the label is 0 and the mask is 0. labels i32 [1, z, y, x], mask u8 -> i32. */
export const labelOutside = defineOp<{ labels: Tensor; mask: Tensor }, { readonly outside: number }>({
  name: 'labelOutside',
  defaults: { outside: -1 },
  shape: ({ labels, mask }) => {
    expectMask('labelOutside', mask, expectVolume('labelOutside', 'labels', labels, 'i32'));
    return { shape: labels.shape, dtype: 'i32' };
  },
  kernels: {
    reference: labelOutsideReference,
    wasm: {
      lower: ({ inputs: { labels, mask }, outputs: [y], options: { outside } }) => [
        {
          kernel: 'label_outside',
          args: [
            pointer(labels!),
            pointer(mask!),
            pointer(y!),
            int(labels!.shape[0]!),
            int(labels!.shape[1]! * labels!.shape[2]! * labels!.shape[3]!),
            int(outside),
          ],
        },
      ],
    },
    webgpu: labelOutsideWebgpu,
  },
  cases: [
    {
      name: 'random',
      inputs: {
        labels: { shape: [2, 3, 4, 5], dtype: 'i32', fill: { integersBelow: 2 } },
        mask: { shape: [1, 3, 4, 5], dtype: 'u8', fill: { integersBelow: 2 } },
      },
      gradient: false,
    },
  ],
  tolerance: { f32: 0 },
});
