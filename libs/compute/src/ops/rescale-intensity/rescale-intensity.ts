/**
 * A linear change of every channel: y = (clamp(x, low, high) - subtract) / divide · multiply + add, in float32, each step
 * rounded as written. With a mask, only where the mask is not 0; elsewhere x.
 *
 * Shape: x f32 [C, z, y, x], mask u8 [1, z, y, x] -> f32 [C, z, y, x].
 */
import { defineOp } from '../../op/op.ts';
import { float, int, pointer, type WasmKernel } from '../../devices/wasm/kernel.ts';
import type { ReferenceKernel } from '../../op/op.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { ShapeError } from '../../errors.ts';
import { expectMask, expectVolume } from '../voxel-shape.ts';
import { webgpu } from './rescale-intensity.webgpu.ts';

export interface Rescaling {
  /** null: no bound. */
  readonly low: number | null;
  readonly high: number | null;
  readonly subtract: number;
  readonly divide: number;
  readonly multiply: number;
  readonly add: number;
}

export interface RescaleIntensityOptions {
  /** One per channel. */
  readonly channels: readonly Rescaling[];
}

type Input = { x: Tensor; mask?: Tensor | undefined };

const reference: ReferenceKernel<Input, RescaleIntensityOptions> = ({ x, mask }, { channels }, [y]) => {
  const voxels = x.data.length / channels.length;
  const round = Math.fround;
  channels.forEach(({ low, high, subtract, divide, multiply, add }, c) => {
    for (let v = 0; v < voxels; v++) {
      const at = c * voxels + v;
      let value = x.data[at]!;
      if (!mask || mask.data[v] !== 0) {
        if (low !== null) value = Math.max(round(low), value);
        if (high !== null) value = Math.min(round(high), value);
        value = round(round(round(value - round(subtract)) / round(divide)) * round(multiply));
        value = round(value + round(add));
      }
      y!.data[at] = value;
    }
  });
};

const wasm: WasmKernel<RescaleIntensityOptions> = {
  lower: ({ inputs, outputs: [y], options: { channels } }) => {
    const x = inputs['x']!;
    const mask = inputs['mask'];
    const rows = channels.map((c) =>
      [c.low ?? -Infinity, c.high ?? Infinity, c.subtract, c.divide, c.multiply, c.add].map(float),
    );
    return [
      {
        kernel: 'rescale_intensity',
        args: [
          pointer(x),
          mask ? pointer(mask) : int(0),
          pointer(y!),
          int(channels.length),
          int(x.shape[1]! * x.shape[2]! * x.shape[3]!),
          { words: rows.flat() },
        ],
      },
    ];
  },
};

export const rescaleIntensity = defineOp<Input, RescaleIntensityOptions>({
  name: 'rescaleIntensity',
  defaults: { channels: [] },
  shape: ({ x, mask }, { channels }) => {
    const space = expectVolume('rescaleIntensity', 'x', x, 'f32');
    if (mask) expectMask('rescaleIntensity', mask, space);
    if (channels.length !== x.shape[0])
      throw new ShapeError(
        `rescaleIntensity: expects one entry per channel, x has ${x.shape[0]}, came ${channels.length}.`,
        { channels: x.shape[0], entries: channels.length },
      );
    return { shape: x.shape, dtype: 'f32' };
  },
  kernels: { reference, wasm, webgpu },
  cases: [
    {
      name: 'two channels',
      inputs: { x: { shape: [2, 3, 4, 5] } },
      options: {
        channels: [
          { low: -0.5, high: 1, subtract: 0.1, divide: 2, multiply: 1, add: 0 },
          { low: null, high: null, subtract: 0, divide: 1, multiply: 3, add: -1 },
        ],
      },
      gradient: false,
    },
    {
      name: 'masked',
      inputs: { x: { shape: [1, 3, 4, 5] }, mask: { shape: [1, 3, 4, 5], dtype: 'u8', fill: { integersBelow: 2 } } },
      options: { channels: [{ low: null, high: null, subtract: 0.1, divide: 2, multiply: 1, add: 0 }] },
      gradient: false,
    },
  ],
  tolerance: { f32: 0, webgpu: 5e-7 },
});
