/**
 * Gamma per channel: y = ((x - min) / max(range, floor))^gamma · range + min; `invert` negates before and after;
 * `retain` then gives y the old mean and sample standard deviation. Channels with null come back unchanged.
 *
 * Shape: f32 [C, z, y, x] -> the same. Source: batchgeneratorsv2's gamma transform (floor 1e-7).
 */
import { defineOp } from '../../op/op.ts';
import { float, int, pointer, scratchPointer, type WasmKernel } from '../../devices/wasm/kernel.ts';
import type { ReferenceKernel } from '../../op/op.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { ShapeError } from '../../errors.ts';
import { statisticsCalls } from '../statistics/statistics.ts';
import { expectVolume } from '../voxel-shape.ts';
import { webgpu } from './gamma.webgpu.ts';

export interface GammaOptions {
  readonly exponents: readonly (number | null)[];
  readonly invert: boolean;
  readonly retain: boolean;
  /** Added to nothing: the least range that is divided by, and the least deviation. */
  readonly floor: number;
}

const reference: ReferenceKernel<{ x: Tensor }, GammaOptions> = ({ x }, { exponents, invert, retain, floor }, [y]) => {
  const voxels = x.data.length / exponents.length;
  const sign = invert ? -1 : 1;
  exponents.forEach((exponent, c) => {
    const values = Float64Array.from(x.data.subarray(c * voxels, (c + 1) * voxels), (value) => sign * value);
    if (exponent === null)
      return y!.data.set(
        values.map((value) => sign * value),
        c * voxels,
      );
    const before = measure(values);
    const range = before.high - before.low;
    let changed = values.map(
      (value) => ((value - before.low) / Math.max(range, floor)) ** exponent * range + before.low,
    );
    if (retain) {
      const after = measure(changed);
      changed = changed.map(
        (value) => ((value - after.mean) * before.deviation) / Math.max(after.deviation, floor) + before.mean,
      );
    }
    y!.data.set(
      changed.map((value) => sign * value),
      c * voxels,
    );
  });
};

function measure(values: Float64Array): { low: number; high: number; mean: number; deviation: number } {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const squares = values.reduce((a, b) => a + (b - mean) ** 2, 0);
  return {
    low: values.reduce((a, b) => Math.min(a, b), Infinity),
    high: values.reduce((a, b) => Math.max(a, b), -Infinity),
    mean,
    deviation: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0,
  };
}

const wasm: WasmKernel<GammaOptions> = {
  lower: ({ inputs: { x }, outputs: [y], options: { exponents, invert, retain, floor }, scratch }) => {
    const before = scratchPointer(scratch(x!.shape[0]! * 24));
    const after = scratchPointer(scratch(x!.shape[0]! * 24));
    const voxels = x!.shape[1]! * x!.shape[2]! * x!.shape[3]!;
    const rows = { words: exponents.flatMap((exponent) => [int(exponent === null ? 0 : 1), float(exponent ?? 1)]) };
    const sizes = [int(exponents.length), int(voxels), rows, float(floor)];
    return [
      ...statisticsCalls(pointer(x!), before, x!.shape[0]!, voxels, scratch),
      { kernel: 'gamma_power', args: [pointer(x!), pointer(y!), before, ...sizes, int(invert ? 1 : 0)] },
      ...(retain
        ? [
            ...statisticsCalls(pointer(y!), after, x!.shape[0]!, voxels, scratch),
            { kernel: 'gamma_retain', args: [pointer(y!), before, after, ...sizes] },
          ]
        : []),
    ];
  },
};

export const gamma = defineOp<{ x: Tensor }, GammaOptions>({
  name: 'gamma',
  defaults: { exponents: [], invert: false, retain: true, floor: 1e-7 },
  shape: ({ x }, { exponents }) => {
    expectVolume('gamma', 'x', x, 'f32');
    if (exponents.length !== x.shape[0])
      throw new ShapeError(
        `gamma: expects one exponent or null per channel, ${x.shape[0]} channels, came ${exponents.length}.`,
        { exponents },
      );
    return { shape: x.shape, dtype: 'f32' };
  },
  kernels: { reference, wasm, webgpu },
  cases: [
    { name: 'plain', inputs: { x: { shape: [1, 5, 6, 7] } }, options: { exponents: [0.7] }, gradient: false },
    {
      name: 'inverted, one of two',
      inputs: { x: { shape: [2, 5, 6, 7] } },
      options: { exponents: [null, 1.5], invert: true },
      gradient: false,
    },
    {
      name: 'statistics change',
      inputs: { x: { shape: [1, 5, 6, 7] } },
      options: { exponents: [2.2], retain: false },
      gradient: false,
    },
    {
      name: 'constant',
      inputs: { x: { shape: [1, 1, 2, 2], fill: [3, 3, 3, 3] } },
      options: { exponents: [1.3] },
      gradient: false,
    },
  ],
  tolerance: { f32: 5e-6 },
});
