import { expect, it } from 'vitest';
import { algorithmFits, candidatesFor, chooseAlgorithm, type ConvTask } from './choose.ts';
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

type Times = readonly number[];

/**
 * Milliseconds of one thread (AMD EPYC at 3.7 GHz, relaxed SIMD, best of two runs) by `direct`, `F2`, `F4` and, where it fits, `F2x4x4`: samples,
 * inputs, outputs, size, kernel, then output, gradient of the input and gradient of the weight. Weights are transformed at every call.
 */
const MEASURED: readonly (readonly [
  number,
  number,
  number,
  readonly number[],
  readonly number[],
  Times,
  Times,
  Times,
])[] = [
  [2, 32, 32, [40, 56, 40], [3, 3, 3], [175.6, 92.1, 53.7, 44.8], [171.1, 90.5, 54.8, 44.6], [188.3, 92.9, 57.4, 43.8]],
  [2, 64, 64, [20, 28, 20], [3, 3, 3], [85.5, 43.5, 24.4, 21.0], [85.6, 43.1, 24.9, 20.9], [90.5, 43.7, 28.6, 19.4]],
  [
    2,
    64,
    32,
    [40, 56, 40],
    [3, 3, 3],
    [350.4, 183.8, 107.9, 82.2],
    [347.4, 174.8, 102.1, 82.4],
    [376.9, 183.3, 123.6, 83.3],
  ],
  [2, 256, 128, [10, 14, 10], [3, 3, 3], [86.7, 43.1, 38.2, 34.0], [87.8, 42.2, 39.7, 32.9], [90.0, 43.6, 37.0, 31.8]],
  [2, 128, 128, [10, 14, 10], [3, 3, 3], [44.5, 21.6, 18.0, 13.9], [44.8, 21.4, 17.7, 13.8], [44.8, 22.0, 18.1, 15.6]],
  [2, 256, 256, [5, 7, 5], [3, 3, 3], [24.3, 17.9, 17.6, 19.8], [24.1, 17.3, 16.7, 18.6], [26.2, 16.6, 15.8, 28.8]],
  [2, 32, 32, [20, 64, 64], [1, 3, 3], [54.8, 37.7, 21.9], [54.2, 38.4, 21.9], [60.2, 37.5, 24.0]],
  [4, 32, 32, [128, 128], [3, 3], [21.8, 14.0, 8.5], [21.9, 14.0, 8.4], [24.1, 13.7, 8.3]],
  [4, 512, 512, [8, 8], [3, 3], [24.0, 14.5, 14.3], [24.0, 13.9, 12.9], [26.8, 13.7, 15.0]],
  [2, 16, 16, [40, 56, 40], [3, 3, 3], [44.6, 27.1, 16.6, 14.6], [44.0, 26.8, 16.5, 14.5], [52.3, 27.7, 17.9, 15.4]],
  [1, 320, 320, [4, 5, 4], [3, 3, 3], [10.5, 8.3, 13.1, 15.6], [11.2, 7.6, 12.0, 14.6], [14.2, 7.5, 14.5, 25.5]],
  [2, 24, 24, [32, 32, 32], [3, 3, 3], [35.4, 20.5, 11.9, 10.1], [35.7, 20.7, 11.9, 10.1], [40.1, 21.0, 12.7, 10.3]],
  [2, 8, 8, [48, 48, 48], [3, 3, 3], [14.0, 10.7, 6.2, 6.2], [14.0, 10.6, 6.5, 6.1], [19.2, 10.9, 6.6, 6.6]],
  [2, 128, 128, [8, 8, 8], [3, 3, 3], [16.0, 7.5, 5.3, 5.1], [16.0, 7.6, 5.3, 4.8], [17.0, 8.3, 5.0, 7.7]],
  [
    2,
    256,
    256,
    [10, 14, 10],
    [3, 3, 3],
    [170.1, 88.5, 81.1, 69.9],
    [169.8, 88.1, 79.8, 69.3],
    [170.4, 84.2, 72.7, 62.0],
  ],
  [2, 320, 320, [8, 8, 8], [3, 3, 3], [100.7, 53.0, 38.2, 37.6], [101.4, 52.2, 37.1, 36.5], [103.6, 53.2, 36.1, 57.6]],
  [2, 320, 320, [5, 6, 5], [1, 3, 3], [10.5, 8.4, 8.1], [10.5, 8.0, 7.1], [11.6, 8.5, 13.4]],
  [2, 32, 32, [3, 96, 96], [3, 3, 3], [53.7, 28.3, 15.8, 16.6], [52.8, 28.2, 15.9, 16.7], [57.3, 29.2, 18.3, 17.9]],
  [2, 16, 16, [16, 96, 96], [1, 3, 3], [24.7, 20.7, 12.5], [24.6, 20.6, 12.3], [29.7, 20.4, 12.6]],
  [4, 128, 128, [32, 32], [3, 3], [21.6, 10.9, 6.2], [21.5, 10.8, 6.3], [21.7, 11.0, 6.3]],
  [4, 256, 256, [16, 16], [3, 3], [21.3, 11.0, 7.3], [21.5, 10.5, 6.9], [21.9, 10.7, 6.9]],
  [12, 512, 512, [4, 4], [3, 3], [17.7, 11.0, 25.6], [17.9, 9.6, 23.9], [22.6, 10.2, 14.5]],
  [2, 16, 16, [256, 256], [3, 3], [10.9, 8.9, 5.3], [11.1, 8.3, 5.0], [13.0, 8.3, 4.6]],
];

for (const [samples, inputs, outputs, size, kernel, ...times] of MEASURED)
  it(`leaves a clock nothing to gain: ${samples} × ${inputs} → ${outputs}, ${size.join('×')}, kernel ${kernel.join('×')}`, () => {
    const g = convGeometry('conv', [samples, inputs, ...size], [outputs, inputs, ...kernel], {
      stride: 1,
      padding: kernel.map((k) => k >> 1),
    });
    (['output', 'inputGradient', 'weightGradient'] as const satisfies readonly ConvTask[]).forEach((task, k) => {
      const took = (algorithm: string): number => times[k]![['direct', 'F2', 'F4', 'F2x4x4'].indexOf(algorithm)]!;
      const fastest = Math.min(...candidatesFor(g, task).map(took));
      expect(took(chooseAlgorithm(g, task, 'auto'))).toBeLessThanOrEqual(1.15 * fastest);
    });
  });
