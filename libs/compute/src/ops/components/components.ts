/**
 * Connected components of equal non-zero labels, numbered from 1 in the order of their first voxel in the array.
 * `connectivity`: 6 (faces), 18 (and edges) or 26 (and corners); for slices (z = 1) these are 4, 8 and 8.
 *
 * Shape: i32 or u8 [1, z, y, x] -> i32 [1, z, y, x].
 * Source: union-find over runs of voxels (Rosenfeld & Pfaltz 1966); the numbering of scipy.ndimage.label.
 */
import { defineOp } from '../../op/op.ts';
import { int, pointer, type WasmKernel } from '../../devices/wasm/kernel.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { ShapeError } from '../../errors.ts';
import { expectVolume } from '../voxel-shape.ts';
import { reference } from './components.reference.ts';
import { webgpu } from './components.webgpu.ts';

export interface ComponentsOptions {
  readonly connectivity: 6 | 18 | 26;
}

const wasm: WasmKernel<ComponentsOptions> = {
  lower: ({ inputs, outputs: [y], options: { connectivity } }) => {
    const x = inputs['x']!;
    return [
      {
        kernel: x.dtype === 'u8' ? 'components_u8' : 'components_i32',
        args: [pointer(x), pointer(y!), ...x.shape.slice(1).map(int), int(connectivity)],
      },
    ];
  },
};

export const components = defineOp<{ x: Tensor }, ComponentsOptions>({
  name: 'components',
  defaults: { connectivity: 6 },
  shape: ({ x }, { connectivity }) => {
    expectVolume('components', 'x', x, 'i32', 'u8');
    if (x.shape[0] !== 1)
      throw new ShapeError(`components: expects one channel, came ${x.shape[0]}.`, { shape: x.shape });
    if (![6, 18, 26].includes(connectivity))
      throw new ShapeError(`components: connectivity is 6, 18 or 26, came ${connectivity}.`, { connectivity });
    return { shape: x.shape, dtype: 'i32' };
  },
  kernels: { reference, wasm, webgpu },
  cases: [
    ...([6, 18, 26] as const).flatMap((connectivity) => [
      {
        name: `${connectivity}, sparse`,
        inputs: { x: { shape: [1, 9, 10, 11], dtype: 'i32', fill: { integersBelow: 2 } } },
        options: { connectivity },
        gradient: false,
      } as const,
      {
        name: `${connectivity}, labels`,
        inputs: { x: { shape: [1, 7, 10, 9], dtype: 'i32', fill: { integersBelow: 3 } } },
        options: { connectivity },
        gradient: false,
      } as const,
      {
        name: `${connectivity}, mask`,
        inputs: { x: { shape: [1, 1, 20, 19], dtype: 'u8', fill: { integersBelow: 2 } } },
        options: { connectivity },
        gradient: false,
      } as const,
    ]),
    { name: 'nothing', inputs: { x: { shape: [1, 2, 3, 5], dtype: 'u8', fill: [0] } }, gradient: false },
    {
      name: 'everything',
      inputs: { x: { shape: [1, 3, 2, 5], dtype: 'i32', fill: [4] } },
      options: { connectivity: 26 },
      gradient: false,
    },
    { name: 'one voxel', inputs: { x: { shape: [1, 1, 1, 1], dtype: 'i32', fill: [-3] } }, gradient: false },
    {
      name: 'a line along z, labels below 0 too',
      inputs: { x: { shape: [1, 9, 1, 1], dtype: 'i32', fill: [1, 1, 0, -1, -1, 2, 0, 2, 2] } },
      options: { connectivity: 18 },
      gradient: false,
    },
  ],
  tolerance: { f32: 0 },
});
