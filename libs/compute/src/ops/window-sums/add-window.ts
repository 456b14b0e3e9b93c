/**
 * Adds weighted windows into the sums of a larger image, in place: sum[k, start + p] += weights[p] · x[n, k, p], with mirrored
 * axes of x read backwards. What lies outside the image is left out.
 *
 * Shape: sum f32 [K, z, y, x], x f32 [N, K, (z,) y, x], weights f32 [(z,) y, x], places i32 [N, 6]: the first voxel of each
 * window in the image (z, y, x; may be negative), then 1 for each axis that is mirrored in it.
 * The sums may hold fewer layers than the image along z and y: voxel i stands at i modulo that extent (a ring).
 */
import { ShapeError } from '../../errors.ts';
import { defineOp } from '../../op/op.ts';
import { describe } from '../../tensor/spec.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { addWindowReference } from './add-window.reference.ts';
import { addWindowWasm } from './add-window.wasm.ts';
import { addWindowWebGpu } from './add-window.webgpu.ts';

export type AddWindowInputs = {
  readonly sum: Tensor;
  readonly x: Tensor;
  readonly weights: Tensor;
  readonly places: Tensor;
};

export interface AddWindowOptions {
  /** Of the image, [z, y, x]; x as in the sums. */
  readonly shape: readonly number[];
}

const inputs = (sum: readonly number[], x: readonly number[], places: readonly number[]) => ({
  sum: { shape: sum },
  x: { shape: x },
  weights: { shape: x.slice(2), fill: 'uniform' as const },
  places: { shape: [x[0]!, 6], dtype: 'i32' as const, fill: places },
});

/** Writes `sum` in place and returns nothing. Throws: ShapeError for shapes that do not fit. */
export const addWindow = defineOp<AddWindowInputs, AddWindowOptions, readonly Tensor[]>({
  name: 'addWindow',
  defaults: { shape: [] },
  mutates: ['sum'],
  shape: ({ sum, x, weights, places }, { shape }) => {
    const fail = (what: string): never => {
      throw new ShapeError(`addWindow: ${what}.`, { sum: sum.shape, x: x.shape, weights: weights.shape, shape });
    };
    if (sum.shape.length !== 4 || sum.dtype !== 'f32') fail(`sum is f32 [K, z, y, x], came ${describe(sum)}`);
    if ((x.shape.length !== 4 && x.shape.length !== 5) || x.dtype !== 'f32' || x.shape[1] !== sum.shape[0])
      fail(`x is f32 [N, ${sum.shape[0]}, (z,) y, x] for sum ${describe(sum)}, came ${describe(x)}`);
    if (weights.dtype !== 'f32' || weights.shape.join() !== x.shape.slice(2).join())
      fail(`weights are f32 [${x.shape.slice(2).join(', ')}] as the windows, came ${describe(weights)}`);
    if (places.dtype !== 'i32' || places.shape.join() !== `${x.shape[0]},6`)
      fail(`places are i32 [${x.shape[0]}, 6], came ${describe(places)}`);
    if (shape.length !== 3 || shape[2] !== sum.shape[3] || [0, 1].some((axis) => shape[axis]! < sum.shape[axis + 1]!))
      fail(
        `the image's shape is [z, y, ${sum.shape[3]}], at least that of sum ${describe(sum)}, came [${shape.join(', ')}]`,
      );
    return [];
  },
  kernels: { reference: addWindowReference, wasm: addWindowWasm, webgpu: addWindowWebGpu },
  cases: [
    {
      name: 'inside',
      inputs: inputs([11, 5, 6, 9], [1, 11, 3, 4, 6], [1, 2, 3, 0, 0, 0]),
      options: { shape: [5, 6, 9] },
      gradient: false,
    },
    {
      name: 'mirrored, over the edges',
      inputs: inputs([9, 4, 3, 7], [2, 9, 5, 6, 9], [-1, -2, -1, 1, 0, 1, 2, 1, 3, 0, 1, 1]),
      options: { shape: [4, 3, 7] },
      gradient: false,
    },
    {
      name: 'into rings',
      inputs: inputs([3, 4, 5, 6], [2, 3, 4, 4, 5], [5, 6, 1, 0, 0, 0, 7, 3, 0, 1, 1, 1]),
      options: { shape: [10, 11, 6] },
      gradient: false,
    },
    {
      name: 'slices',
      inputs: inputs([2, 3, 5, 6], [3, 2, 4, 5], [0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 1, 0, 2, 0, 1, 0, 0, 1]),
      options: { shape: [3, 5, 6] },
      gradient: false,
    },
    {
      name: 'beside the image',
      inputs: inputs([1, 2, 2, 2], [1, 1, 2, 2, 2], [2, -2, 5, 0, 0, 0]),
      options: { shape: [2, 2, 2] },
      gradient: false,
    },
  ],
  tolerance: { f32: 1e-6 },
  multiplyAdds: ({ x }) => x.shape.reduce((product, n) => product * n, 1),
});
