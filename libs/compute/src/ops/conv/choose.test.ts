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
  expect(chooseAlgorithm(layer(32, 32, [40, 56, 40]), 'output', 'auto')).toBe('F4x4x4');
  expect(chooseAlgorithm(layer(64, 32, [40, 56, 40]), 'weightGradient', 'auto')).toBe('F4x4x4');
  expect(chooseAlgorithm(layer(128, 128, [10, 14, 10]), 'output', 'auto')).toBe('F2x4x4');
});

it('keeps to less transformed weight where the volume is tiny', () => {
  expect(chooseAlgorithm(layer(320, 320, [4, 5, 4]), 'output', 'auto')).toBe('F2');
  expect(chooseAlgorithm(layer(256, 256, [5, 7, 5]), 'output', 'auto')).toBe('F4');
  expect(chooseAlgorithm(layer(256, 256, [5, 7, 5]), 'weightGradient', 'auto')).toBe('F2');
  expect(chooseAlgorithm(layer(320, 320, [1, 1, 1]), 'output', 'auto')).toBe('direct');
});

it('leaves large tiles where they would lose too many digits', () => {
  expect(chooseAlgorithm(layer(512, 64, [32, 32, 32]), 'output', 'auto')).toBe('F2x4x4');
  expect(chooseAlgorithm(layer(1032, 64, [32, 32, 32]), 'output', 'auto')).toBe('F2');
  expect(chooseAlgorithm(layer(1032, 64, [32, 32, 32]), 'inputGradient', 'auto')).toBe('F4x4x4');
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
 * Milliseconds of one thread (AMD EPYC at 3.7 GHz, relaxed SIMD, best of three runs beside other jobs) by `direct`, `F2`, `F4` and, where they
 * fit, `F2x4x4` and `F4x4x4`: samples, inputs, outputs, size, kernel, then output, gradient of the input and gradient of the weight.
 * Weights are transformed at every call.
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
  [
    2,
    32,
    32,
    [40, 56, 40],
    [3, 3, 3],
    [177.1, 97, 57, 49.4, 38.6],
    [181.3, 94, 55.8, 48.8, 40.8],
    [199.2, 97.3, 57.6, 50.6, 43.3],
  ],
  [
    2,
    64,
    64,
    [20, 28, 20],
    [3, 3, 3],
    [91.6, 49.1, 29, 26.4, 22],
    [92, 47.1, 28.9, 25.2, 21.7],
    [98.3, 45.8, 30.2, 22.5, 18.7],
  ],
  [
    2,
    64,
    32,
    [40, 56, 40],
    [3, 3, 3],
    [353.8, 183.4, 108.7, 95.9, 72.1],
    [344, 183.1, 105.7, 92.4, 72],
    [385, 177.4, 119, 91.4, 76.8],
  ],
  [
    2,
    256,
    128,
    [10, 14, 10],
    [3, 3, 3],
    [91, 46.5, 42.5, 38, 44.4],
    [91.8, 44.7, 42, 39.2, 42.5],
    [92.5, 43.8, 38.2, 34.4, 33.3],
  ],
  [
    2,
    128,
    128,
    [10, 14, 10],
    [3, 3, 3],
    [46.6, 23, 20.9, 18.6, 21.7],
    [46.9, 23.1, 21.2, 19.9, 21.5],
    [47.1, 22.6, 18.9, 18.1, 17.3],
  ],
  [
    2,
    256,
    256,
    [5, 7, 5],
    [3, 3, 3],
    [24.9, 19.5, 18.6, 20.7, 24.4],
    [25.1, 18.9, 17.9, 21, 24.3],
    [25.9, 17.1, 17.3, 31, 37.2],
  ],
  [2, 32, 32, [20, 64, 64], [1, 3, 3], [54, 35.4, 22.3], [54.5, 36.1, 22], [60.8, 34.3, 21]],
  [4, 32, 32, [128, 128], [3, 3], [21.9, 13.8, 8.2], [21.5, 13.7, 8.2], [24.6, 13, 8.2]],
  [4, 512, 512, [8, 8], [3, 3], [25.3, 16.9, 14.9], [25.6, 15, 13.7], [27, 13.5, 16.7]],
  [
    2,
    16,
    16,
    [40, 56, 40],
    [3, 3, 3],
    [44.2, 25.6, 16, 15.3, 12.4],
    [44, 25.3, 16.1, 15.3, 12.4],
    [53.5, 24.9, 15.9, 16.1, 13.3],
  ],
  [
    1,
    320,
    320,
    [4, 5, 4],
    [3, 3, 3],
    [12.1, 10.5, 14.7, 17, 23.8],
    [12.4, 9.1, 13.4, 15.5, 22.9],
    [14.8, 8.1, 15.4, 27.4, 33.1],
  ],
  [
    2,
    24,
    24,
    [32, 32, 32],
    [3, 3, 3],
    [36.3, 19.6, 11.9, 11.1, 8.7],
    [36.5, 19.7, 11.9, 11.5, 8.7],
    [41.3, 19.8, 12.3, 11.2, 9.4],
  ],
  [2, 8, 8, [48, 48, 48], [3, 3, 3], [14.2, 9.8, 6.2, 7, 6.1], [14.2, 9.7, 6.1, 7.5, 6.2], [19.4, 9.3, 6.2, 7.2, 6.2]],
  [2, 128, 128, [8, 8, 8], [3, 3, 3], [16.5, 9.1, 6.5, 7.1, 7.4], [16.5, 8.6, 6.8, 6.8, 6.3], [17.4, 9.4, 6, 9.3, 8.4]],
  [
    2,
    256,
    256,
    [10, 14, 10],
    [3, 3, 3],
    [183.3, 90.4, 84.8, 72.9, 84.2],
    [183.9, 90.9, 84.6, 72.5, 82.6],
    [181.6, 86.4, 74.7, 67.2, 66.5],
  ],
  [
    2,
    320,
    320,
    [8, 8, 8],
    [3, 3, 3],
    [115.5, 53.9, 39.6, 41, 42.9],
    [112.2, 52.5, 39.3, 39.8, 41.9],
    [106.3, 52.6, 38.3, 65.5, 62.8],
  ],
  [2, 320, 320, [5, 6, 5], [1, 3, 3], [10.6, 9.9, 9.1], [10.6, 8.6, 8], [11.3, 8.8, 19.9]],
  [
    2,
    32,
    32,
    [3, 96, 96],
    [3, 3, 3],
    [54, 28.6, 17, 19.1, 15],
    [53.4, 28, 16.4, 18.7, 14.9],
    [58.1, 28.5, 19.6, 19.2, 15.7],
  ],
  [2, 16, 16, [16, 96, 96], [1, 3, 3], [24.3, 19.7, 11.6], [24.3, 19.5, 11.5], [29.9, 18.4, 11.9]],
  [4, 128, 128, [32, 32], [3, 3], [21.1, 11.2, 7], [21.2, 10.9, 6.7], [22, 11.1, 7.3]],
  [4, 256, 256, [16, 16], [3, 3], [21.6, 12.2, 9.3], [21.6, 11.5, 9.3], [22.4, 10.7, 8.8]],
  [12, 512, 512, [4, 4], [3, 3], [20.2, 12.2, 26.7], [19.8, 10.1, 25.4], [22.8, 10.4, 15.4]],
  [2, 16, 16, [256, 256], [3, 3], [10.8, 8.2, 5.1], [10.8, 8.2, 5.1], [12.9, 7.8, 5]],
];

for (const [samples, inputs, outputs, size, kernel, ...times] of MEASURED)
  it(`leaves a clock nothing to gain: ${samples} × ${inputs} → ${outputs}, ${size.join('×')}, kernel ${kernel.join('×')}`, () => {
    const g = convGeometry('conv', [samples, inputs, ...size], [outputs, inputs, ...kernel], {
      stride: 1,
      padding: kernel.map((k) => k >> 1),
    });
    (['output', 'inputGradient', 'weightGradient'] as const satisfies readonly ConvTask[]).forEach((task, k) => {
      const took = (algorithm: string): number =>
        times[k]![['direct', 'F2', 'F4', 'F2x4x4', 'F4x4x4'].indexOf(algorithm)]!;
      const fastest = Math.min(...candidatesFor(g, task).map(took));
      expect(took(chooseAlgorithm(g, task, 'auto'))).toBeLessThanOrEqual(1.15 * fastest);
    });
  });
