/** What convolution is proved on: typical layers, odd sizes, few and many channels, size one. */
import type { OpCase } from '../../op/op.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { ConvOptions } from './geometry.ts';

type ConvCase = OpCase<{ x: Tensor; weight: Tensor; bias?: Tensor | undefined }, ConvOptions>;

function layer(
  x: readonly number[],
  outputs: number,
  kernel: readonly number[],
  options: Partial<ConvOptions>,
  bias = true,
  gradient = false,
): ConvCase {
  const weight = [outputs, x[1]!, ...kernel];
  const name = `[${x.join(', ')}] * [${weight.join(', ')}] ${JSON.stringify(options)}${bias ? ' with bias' : ''}`;
  return {
    name,
    inputs: { x: { shape: x }, weight: { shape: weight }, bias: bias ? { shape: [outputs] } : undefined },
    options,
    gradient,
  };
}

export const convCases: readonly ConvCase[] = [
  layer([1, 8, 4, 8, 8], 8, [3, 3, 3], { padding: 1 }),
  layer([2, 32, 5, 9, 11], 32, [3, 3, 3], { padding: 1 }),
  layer([2, 32, 5, 9, 11], 32, [3, 3, 3], { padding: 1, algorithm: 'F2' }),
  layer([2, 32, 5, 9, 11], 32, [3, 3, 3], { padding: 1, algorithm: 'F4' }),
  layer([2, 32, 5, 9, 11], 32, [3, 3, 3], { padding: 1, algorithm: 'direct' }),
  layer([2, 32, 5, 9, 11], 32, [3, 3, 3], { padding: 1, algorithm: 'F2x4x4' }),
  layer([1, 9, 4, 6, 5], 10, [3, 3, 3], { padding: [0, 1, 2], algorithm: 'F2x4x4' }),
  layer([2, 32, 5, 9, 11], 32, [3, 3, 3], { padding: 1, algorithm: 'F4x4x4' }),
  layer([1, 9, 8, 6, 5], 10, [3, 3, 3], { padding: [0, 1, 2], algorithm: 'F4x4x4' }),
  layer([3, 5, 1, 7, 6], 11, [3, 3, 3], { padding: [2, 1, 1], algorithm: 'F4x4x4' }),
  layer([3, 5, 1, 7, 6], 11, [3, 3, 3], { padding: 1, algorithm: 'F2x4x4' }),
  layer([3, 5, 3, 7, 6], 11, [3, 3, 3], { padding: 1, algorithm: 'F4' }),
  layer([3, 5, 3, 7, 6], 11, [3, 3, 3], { padding: 1 }, false),
  layer([1, 9, 4, 6, 5], 10, [1, 3, 3], { padding: [0, 1, 1], algorithm: 'F4' }),
  layer([1, 9, 4, 6, 5], 10, [3, 3, 3], { padding: 0, algorithm: 'F4' }),
  layer([1, 9, 4, 6, 5], 10, [3, 3, 3], { padding: 2, algorithm: 'F2' }),
  layer([1, 8, 3, 3, 3], 8, [3, 3, 3], { padding: [0, 1, 2], algorithm: 'F4' }),
  layer([2, 1, 6, 7, 8], 16, [3, 3, 3], { padding: 1 }),
  layer([1, 2, 4, 5, 6], 9, [1, 3, 3], { padding: [0, 1, 1] }),
  layer([1, 4, 5, 5, 5], 7, [3, 3, 3], { stride: 2, padding: 1 }),
  layer([2, 16, 6, 8, 10], 24, [3, 3, 3], { stride: 2, padding: 1 }),
  layer([1, 16, 5, 7, 9], 8, [3, 3, 3], { stride: [1, 2, 2], padding: 1 }),
  layer([1, 8, 5, 7, 9], 8, [1, 3, 3], { stride: [1, 2, 2], padding: [0, 1, 1] }),
  layer([1, 8, 7, 7, 7], 8, [1, 1, 1], { stride: 2 }),
  layer([2, 24, 3, 4, 5], 3, [1, 1, 1], {}),
  layer([1, 3, 2, 3, 2], 2, [2, 2, 2], { stride: 2 }, true, true),
  layer([1, 2, 3, 4, 3], 3, [3, 3, 3], { padding: 1, algorithm: 'direct' }, true, true),
  layer([1, 2, 5, 4, 3], 2, [3, 2, 1], { stride: [2, 1, 3], padding: [1, 0, 0], algorithm: 'direct' }, true, true),
  layer([1, 8, 1, 1, 1], 8, [3, 3, 3], { padding: 1 }),
  layer([1, 1, 1, 1, 1], 1, [1, 1, 1], {}),
  layer([2, 8, 12, 15], 16, [3, 3], { padding: 1 }),
  layer([1, 5, 9, 6], 4, [3, 3], { stride: 2, padding: 1 }),
  layer([1, 3, 8, 9], 6, [5, 7], { stride: [2, 3], padding: [2, 3] }),
  layer([1, 2, 4, 5], 3, [3, 3], { padding: 1, algorithm: 'direct' }, true, true),
];
