/**
 * Sum, mean, greatest and least over axes. `axes: null` reduces all; `keepDims` leaves axes of one.
 * NaN wins in `max` and `min`. f32.
 */
import { DTypeError } from '../../errors.ts';
import { defineOp, type Op, type OpCase } from '../../op/op.ts';
import { describe, sizeOf, type Shape } from '../../tensor/spec.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { expectAxes } from '../copy/axes.ts';
import { broadcastStrides, forEachOffset } from '../pointwise/broadcast.ts';
import { lowerReduction, type Reduction } from './reduce.wasm.ts';
import { cutReduction, gpuReduction } from './reduce.webgpu.ts';

export interface ReduceOptions {
  readonly axes: readonly number[] | null;
  readonly keepDims: boolean;
}

/** Shape with the reduced axes as one. */
export function keptShape(shape: Shape, axes: readonly number[] | null): number[] {
  return shape.map((n, axis) => (axes === null || axes.includes(axis) ? 1 : n));
}

function reduction(
  name: string,
  kind: Reduction,
  start: number,
  join: (a: number, b: number) => number,
  average: boolean,
): Op<{ x: Tensor }, ReduceOptions, Tensor> {
  const allAxes = (shape: Shape, axes: readonly number[] | null): readonly number[] => axes ?? [...shape.keys()];
  const cases: OpCase<{ x: Tensor }, ReduceOptions>[] = [
    { name: 'all', inputs: { x: { shape: [2, 3, 4, 5] } } },
    { name: 'space', inputs: { x: { shape: [2, 9, 3, 4, 5] } }, options: { axes: [2, 3, 4] } },
    {
      name: 'samples and space, kept',
      inputs: { x: { shape: [2, 5, 3, 4] } },
      options: { axes: [0, 2, 3], keepDims: true },
    },
    { name: 'channels', inputs: { x: { shape: [2, 3, 5, 7] } }, options: { axes: [1] } },
    { name: 'channels, few voxels', inputs: { x: { shape: [2, 3, 1, 7] } }, options: { axes: [1], keepDims: true } },
    { name: 'leading', inputs: { x: { shape: [70, 41] } }, options: { axes: [0] } },
    { name: 'several blocks', inputs: { x: { shape: [2, 20011] } }, options: { axes: [1] } },
    { name: 'one', inputs: { x: { shape: [1, 1] } } },
    { name: 'a scalar', inputs: { x: { shape: [] } } },
    { name: 'none', inputs: { x: { shape: [2, 3] } }, options: { axes: [] } },
  ];
  return defineOp<{ x: Tensor }, ReduceOptions>({
    name,
    defaults: { axes: null, keepDims: false },
    shape: ({ x }, { axes, keepDims }) => {
      if (x.dtype !== 'f32')
        throw new DTypeError(`${name}: x is f32, came ${describe(x)}; convert it with cast.`, {
          op: name,
          dtype: x.dtype,
        });
      const list = allAxes(x.shape, axes);
      expectAxes(name, x, list);
      return {
        shape: keepDims ? keptShape(x.shape, list) : x.shape.filter((_, axis) => !list.includes(axis)),
        dtype: 'f32',
      };
    },
    kernels: {
      reference: ({ x }, { axes }, [y]) => {
        const totals = new Float64Array(y.data.length).fill(start);
        let k = 0;
        forEachOffset(x.shape, [broadcastStrides(keptShape(x.shape, axes), x.shape)], ([to]) => {
          totals[to] = join(totals[to], x.data[k++]);
        });
        const divisor = average ? x.data.length / y.data.length : 1;
        totals.forEach((total, to) => (y.data[to] = total / divisor));
      },
      wasm: {
        lower: (context) => {
          const shape = context.inputs['x']!.shape;
          const axes = allAxes(shape, context.options.axes);
          return lowerReduction(context, kind, axes, average ? sizeOf(axes.map((axis) => shape[axis])) : 1);
        },
      },
      webgpu: {
        halves: 'inputs',
        cuts: (call) => cutReduction(call, kind, allAxes(call.inputs['x']!.shape, call.options.axes), average),
        lower: ({ inputs: { x }, outputs: [y], options, scratch }) => {
          const axes = allAxes(x!.shape, options.axes);
          return gpuReduction(x!, y!, scratch, kind, axes, average ? sizeOf(axes.map((axis) => x!.shape[axis])) : 1);
        },
      },
    },
    cases,
    tolerance: { f32: 2e-6 },
  });
}

const nanOr = (pick: (a: number, b: number) => number) => (a: number, b: number) =>
  Number.isNaN(a) || Number.isNaN(b) ? NaN : pick(a, b);

export const sum = reduction('sum', 'sum', 0, (a, b) => a + b, false);
export const mean = reduction('mean', 'sum', 0, (a, b) => a + b, true);
export const max = reduction('max', 'max', -Infinity, nanOr(Math.max), false);
export const min = reduction('min', 'min', Infinity, nanOr(Math.min), false);
