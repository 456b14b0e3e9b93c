/**
 * Takes finished layers out of sums: returns them and leaves zeros.
 *
 * Shape: f32 [C, z, y, x] -> the same with `length` layers along `axis` (0: z, 1: y).
 */
import { ShapeError } from '../../errors.ts';
import { int, pointer, type WasmKernel } from '../../devices/wasm/kernel.ts';
import { defineOp } from '../../op/op.ts';
import { describe } from '../../tensor/spec.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { slabRuns, type TakeSlabOptions } from './slab-runs.ts';
import { takeSlabWebGpu } from './take-slab.webgpu.ts';

const wasm: WasmKernel<TakeSlabOptions> = {
  lower: ({ inputs: { sum }, outputs: [y], options }) => {
    const { runs, extent, first, taken } = slabRuns(sum!.shape, options);
    return [{ kernel: 'take_slab', args: [pointer(sum!), pointer(y!), ...[runs, extent, first, taken].map(int)] }];
  },
};

/** Throws: ShapeError for layers that are not there. */
export const takeSlab = defineOp<{ sum: Tensor }, TakeSlabOptions>({
  name: 'takeSlab',
  defaults: { axis: 0, start: 0, length: 1 },
  mutates: ['sum'],
  shape: ({ sum }, { axis, start, length }) => {
    if (sum.shape.length !== 4 || sum.dtype !== 'f32')
      throw new ShapeError(`takeSlab: sum is f32 [C, z, y, x], came ${describe(sum)}.`, { shape: sum.shape });
    const extent = axis === 0 || axis === 1 ? sum.shape[axis + 1]! : 0;
    if (start < 0 || length < 1 || start + length > extent)
      throw new ShapeError(
        `takeSlab: layers ${start} to ${start + length} along axis ${axis} are not in sum ${describe(sum)}.`,
        { axis, start, length, shape: sum.shape },
      );
    return { shape: sum.shape.map((n, k) => (k === axis + 1 ? length : n)), dtype: 'f32' };
  },
  kernels: {
    reference: ({ sum }, options, [y]) => {
      const { runs, extent, first, taken } = slabRuns(sum.shape, options);
      for (let run = 0; run < runs; run++) {
        const from = run * extent + first;
        y!.data.set(sum.data.subarray(from, from + taken) as never, run * taken);
        sum.data.fill(0, from, from + taken);
      }
    },
    wasm,
    webgpu: takeSlabWebGpu,
  },
  cases: [
    {
      name: 'along z',
      inputs: { sum: { shape: [3, 5, 4, 7] } },
      options: { axis: 0, start: 1, length: 3 },
      gradient: false,
    },
    {
      name: 'along y',
      inputs: { sum: { shape: [2, 3, 5, 3] } },
      options: { axis: 1, start: 4, length: 1 },
      gradient: false,
    },
    {
      name: 'all',
      inputs: { sum: { shape: [1, 2, 1, 1] } },
      options: { axis: 0, start: 0, length: 2 },
      gradient: false,
    },
  ],
  tolerance: { f32: 0 },
});
