/**
 * Logits to labels. Without `regions`: the channel of the greatest logit, the first of equals. With `regions` (a label
 * per channel): 0, then for each channel in order its label where the logit is above 0 (a probability above one half).
 *
 * Shape: f32 [K, z, y, x] -> i32 [1, z, y, x].
 */
import { defineOp } from '../../op/op.ts';
import type { ReferenceKernel } from '../../op/op.ts';
import { int, pointer, type WasmKernel } from '../../devices/wasm/kernel.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { ShapeError } from '../../errors.ts';
import { expectVolume } from '../voxel-shape.ts';
import { webgpu } from './decide-labels.webgpu.ts';

export interface DecideLabelsOptions {
  readonly regions: readonly number[] | null;
}

const reference: ReferenceKernel<{ logits: Tensor }, DecideLabelsOptions> = ({ logits }, { regions }, [y]) => {
  const voxels = y!.data.length;
  for (let v = 0; v < voxels; v++) {
    let best = -Infinity;
    for (let k = 0; k < logits.shape[0]!; k++) {
      const value = logits.data[k * voxels + v]!;
      if (regions ? value > 0 : value > best) {
        y!.data[v] = regions ? regions[k]! : k;
        best = value;
      }
    }
  }
};

const wasm: WasmKernel<DecideLabelsOptions> = {
  lower: ({ inputs: { logits }, outputs: [y], options: { regions } }) => {
    const [channels, z, y_, x] = logits!.shape as [number, number, number, number];
    return [
      {
        kernel: 'decide_labels',
        args: [
          pointer(logits!),
          pointer(y!),
          int(channels),
          int(z * y_ * x),
          int(regions ? 1 : 0),
          { words: (regions ?? Array.from({ length: channels }, (_, k) => k)).map(int) },
        ],
      },
    ];
  },
};

export const decideLabels = defineOp<{ logits: Tensor }, DecideLabelsOptions>({
  name: 'decideLabels',
  defaults: { regions: null },
  shape: ({ logits }, { regions }) => {
    const space = expectVolume('decideLabels', 'logits', logits, 'f32');
    if (regions && regions.length !== logits.shape[0])
      throw new ShapeError(
        `decideLabels: expects one region label per channel, ${logits.shape[0]} channels, came ${regions.length}.`,
        { regions },
      );
    return { shape: [1, ...space], dtype: 'i32' };
  },
  kernels: { reference, wasm, webgpu },
  cases: [
    { name: 'labels', inputs: { logits: { shape: [4, 3, 5, 7] } }, gradient: false },
    { name: 'ties', inputs: { logits: { shape: [2, 1, 1, 2], fill: [1, 2, 1, 2] } }, gradient: false },
    { name: 'regions', inputs: { logits: { shape: [3, 3, 5, 7] } }, options: { regions: [1, 2, 4] }, gradient: false },
  ],
  tolerance: { f32: 0 },
});
