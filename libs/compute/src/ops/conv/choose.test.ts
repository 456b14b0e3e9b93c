import { expect, it } from 'vitest';
import { algorithmFits, chooseAlgorithm } from './choose.ts';
import { convGeometry } from './geometry.ts';

const layer = (
  inputs: number,
  outputs: number,
  size: readonly number[],
  stride = 1,
  kernel: readonly number[] = [3, 3, 3],
) =>
  convGeometry('conv', [2, inputs, ...size], [outputs, inputs, ...kernel], {
    stride,
    padding: kernel.map((k) => k >> 1),
  });

it('transforms all three axes of large volumes', () => {
  expect(chooseAlgorithm(layer(32, 32, [40, 56, 40]), 'output', 'auto')).toBe('F2x4x4');
  expect(chooseAlgorithm(layer(64, 32, [40, 56, 40]), 'weightGradient', 'auto')).toBe('F2x4x4');
});

it('keeps to less transformed weight where the volume is tiny', () => {
  expect(chooseAlgorithm(layer(256, 256, [5, 7, 5]), 'output', 'auto')).toBe('F2');
  expect(chooseAlgorithm(layer(256, 256, [5, 7, 5]), 'weightGradient', 'auto')).toBe('F2');
  expect(chooseAlgorithm(layer(320, 320, [1, 2, 2]), 'output', 'auto')).toBe('direct');
});

it('leaves large tiles where they would lose too many digits', () => {
  expect(chooseAlgorithm(layer(512, 64, [32, 32, 32]), 'output', 'auto')).toBe('F2');
  expect(chooseAlgorithm(layer(512, 64, [32, 32, 32]), 'inputGradient', 'auto')).toBe('F2x4x4');
});

it('sums depth directly in 2D and for flat kernels, and everything for strides and other kernels', () => {
  expect(chooseAlgorithm(layer(32, 32, [512, 512], 1, [3, 3]), 'output', 'auto')).toBe('F4');
  expect(chooseAlgorithm(layer(32, 32, [40, 56, 40], 1, [1, 3, 3]), 'output', 'auto')).toBe('F4');
  expect(chooseAlgorithm(layer(32, 64, [40, 56, 40], 2), 'output', 'auto')).toBe('direct');
  expect(chooseAlgorithm(layer(32, 3, [40, 56, 40], 1, [1, 1, 1]), 'output', 'auto')).toBe('direct');
});

it('does what is asked, or the nearest that fits', () => {
  expect(chooseAlgorithm(layer(32, 32, [40, 56, 40]), 'output', 'direct')).toBe('direct');
  expect(chooseAlgorithm(layer(32, 32, [40, 56, 40], 1, [1, 3, 3]), 'output', 'F2x4x4')).toBe('F4');
  expect(chooseAlgorithm(layer(32, 32, [40, 56, 40], 2), 'output', 'F4')).toBe('direct');
  expect(algorithmFits(layer(8, 8, [9, 9], 1, [5, 5]), 'F2')).toBe(false);
});
