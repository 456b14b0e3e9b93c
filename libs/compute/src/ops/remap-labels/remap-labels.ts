/** Other numbers for labels: each of `from` becomes the same place of `to`, the rest stays. Shape: i32 [C, z, y, x] -> the same. */
import { defineOp } from '../../op/op.ts';
import { int, pointer, type WasmKernel } from '../../devices/wasm/kernel.ts';
import type { ReferenceKernel } from '../../op/op.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { ShapeError } from '../../errors.ts';
import { expectVolume } from '../voxel-shape.ts';
import { webgpu } from './remap-labels.webgpu.ts';

export interface RemapLabelsOptions {
  readonly from: readonly number[];
  readonly to: readonly number[];
  /** Labels not in `from` become this; null: they stay. */
  readonly rest: number | null;
}

const reference: ReferenceKernel<{ labels: Tensor }, RemapLabelsOptions> = ({ labels }, { from, to, rest }, [y]) => {
  const map = new Map(from.map((label, k) => [label, to[k]!]));
  labels.data.forEach((label, v) => (y!.data[v] = map.get(label) ?? rest ?? label));
};

const wasm: WasmKernel<RemapLabelsOptions> = {
  lower: ({ inputs: { labels }, outputs: [y], options: { from, to, rest } }) => [
    {
      kernel: 'remap_labels',
      args: [
        pointer(labels!),
        pointer(y!),
        int(labels!.shape.reduce((a, b) => a * b, 1)),
        int(from.length),
        { words: from.map(int) },
        { words: to.map(int) },
        int(rest === null ? 0 : 1),
        int(rest ?? 0),
      ],
    },
  ],
};

export const remapLabels = defineOp<{ labels: Tensor }, RemapLabelsOptions>({
  name: 'remapLabels',
  defaults: { from: [], to: [], rest: null },
  shape: ({ labels }, { from, to }) => {
    expectVolume('remapLabels', 'labels', labels, 'i32');
    if (from.length !== to.length)
      throw new ShapeError(`remapLabels: from and to are of one length, came ${from.length} and ${to.length}.`, {
        from,
        to,
      });
    return { shape: labels.shape, dtype: 'i32' };
  },
  kernels: { reference, wasm, webgpu },
  cases: [
    {
      name: 'swap',
      inputs: { labels: { shape: [1, 3, 4, 5], dtype: 'i32', fill: { integersBelow: 4 } } },
      options: { from: [1, 2], to: [2, 1] },
      gradient: false,
    },
    {
      name: 'keep one',
      inputs: { labels: { shape: [2, 3, 4, 5], dtype: 'i32', fill: { integersBelow: 4 } } },
      options: { from: [3], to: [7], rest: 0 },
      gradient: false,
    },
  ],
  tolerance: { f32: 0 },
});
