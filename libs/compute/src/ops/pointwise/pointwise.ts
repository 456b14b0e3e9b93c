/** Pointwise operations on f32: each is a row of the table in rows.ts. Two inputs broadcast as in NumPy. */
import { expectFloats } from '../../op/expect.ts';
import { defineOp, type Op, type OpCase } from '../../op/op.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { broadcastShape, broadcastStrides, forEachOffset } from './broadcast.ts';
import { binaryKernel, unaryKernel } from './pointwise.wasm.ts';
import * as rows from './rows.ts';
import type { PointwiseRow } from './rows.ts';
import { gpuRow } from './pointwise.webgpu.ts';

type Unary<R> = Op<{ x: Tensor }, R, Tensor>;
type Binary<R> = Op<{ a: Tensor; b: Tensor }, R, Tensor>;

function unary<R>(row: PointwiseRow<R>): Unary<R> {
  const fill = row.fill ?? 'normal';
  const shapes = [[3, 5], [1], [], [2, 3, 5, 4, 3], [1, 16, 3, 2, 5]];
  return defineOp<{ x: Tensor }, R>({
    name: row.name,
    defaults: row.defaults,
    shape: ({ x }) => {
      expectFloats(row.name, { x });
      return { shape: x.shape, dtype: 'f32' };
    },
    kernels: {
      reference: ({ x }, options, [y]) => {
        for (let k = 0; k < y.data.length; k++) y.data[k] = row.f(x.data[k], 0, options);
      },
      wasm: unaryKernel(row),
      webgpu: gpuRow(row),
    },
    cases: shapes.map((shape) => ({
      name: `[${shape.join(', ')}]`,
      inputs: { x: { shape, fill } },
      ...(row.flat ? { gradient: false } : {}),
    })),
    tolerance: { f32: row.tolerance ?? 2e-6 },
  });
}

function binary<R>(row: PointwiseRow<R>): Binary<R> {
  const fill = row.fill ?? 'normal';
  const pairs: [string, number[], number[]][] = [
    ['same', [2, 3, 5], [2, 3, 5]],
    ['same volumes', [2, 11, 3, 2, 5], [2, 11, 3, 2, 5]],
    ['one number right', [2, 3, 5], []],
    ['one number left', [1], [3, 7]],
    ['one number beside a volume', [1, 5, 3, 2, 3], []],
    ['per channel', [2, 16, 3, 2, 3], [1, 16, 1, 1, 1]],
    ['per sample and channel, left', [2, 5, 1, 1], [2, 5, 3, 4]],
    ['one channel to many', [2, 9, 2, 3, 3], [2, 1, 2, 3, 3]],
    ['both stretch', [3, 1, 5], [4, 1]],
    ['a trailing axis', [4, 3, 6], [4, 3, 1]],
  ];
  const cases: OpCase<{ a: Tensor; b: Tensor }, R>[] = pairs.map(([name, a, b]) => ({
    name,
    inputs: { a: { shape: a, fill }, b: { shape: b, fill } },
    ...(row.flat ? { gradient: false } : {}),
  }));
  return defineOp<{ a: Tensor; b: Tensor }, R>({
    name: row.name,
    defaults: row.defaults,
    shape: ({ a, b }) => {
      expectFloats(row.name, { a, b });
      return { shape: broadcastShape(row.name, a, b), dtype: 'f32' };
    },
    kernels: {
      reference: ({ a, b }, options, [y]) => {
        let k = 0;
        forEachOffset(y.shape, [broadcastStrides(a.shape, y.shape), broadcastStrides(b.shape, y.shape)], ([i, j]) => {
          y.data[k++] = row.f(a.data[i], b.data[j], options);
        });
      },
      wasm: binaryKernel(row),
      webgpu: gpuRow(row),
    },
    cases,
    tolerance: { f32: row.tolerance ?? 2e-6 },
  });
}

export const add = binary(rows.ADD);
export const sub = binary(rows.SUB);
export const mul = binary(rows.MUL);
export const div = binary(rows.DIV);
/** NaN wins. */
export const minimum = binary(rows.MINIMUM);
/** NaN wins. */
export const maximum = binary(rows.MAXIMUM);
/** 1 where a < b, else 0. */
export const less = binary(rows.LESS);
/** 1 where a equals b, else 0. */
export const equal = binary(rows.EQUAL);
export const pow = binary(rows.POW);
export const reluGradient = binary(rows.RELU_GRADIENT);
export const leakyReluGradient = binary(rows.LEAKY_RELU_GRADIENT);
export const sigmoidGradient = binary(rows.SIGMOID_GRADIENT);
export const tanhGradient = binary(rows.TANH_GRADIENT);
export const geluGradient = binary(rows.GELU_GRADIENT);
export const absGradient = binary(rows.ABS_GRADIENT);
export const clampGradient = binary(rows.CLAMP_GRADIENT);

export const neg = unary(rows.NEG);
export const exp = unary(rows.EXP);
export const log = unary(rows.LOG);
export const sqrt = unary(rows.SQRT);
export const square = unary(rows.SQUARE);
export const abs = unary(rows.ABS);
export const relu = unary(rows.RELU);
export const leakyRelu = unary(rows.LEAKY_RELU);
export const sigmoid = unary(rows.SIGMOID);
export const tanh = unary(rows.TANH);
export const gelu = unary(rows.GELU);
/** To [low, high]. */
export const clamp = unary(rows.CLAMP);
/** x · scale + offset. */
export const scaleOffset = unary(rows.SCALE_OFFSET);
/** x to a fixed exponent. */
export const power = unary(rows.POWER);
