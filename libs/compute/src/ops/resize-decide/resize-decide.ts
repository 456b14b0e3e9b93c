/**
 * Resizes logits (as `resizeSpline`) and decides labels (as `decideLabels`), channel by channel: the resized logits of all
 * channels are never in memory together.
 *
 * Shape: f32 [K, z, y, x] -> i32 [1, ...shape].
 */
import { defineOp } from '../../op/op.ts';
import { hostArray } from '../../tensor/spec.ts';
import { int, pointer, scratchPointer, type WasmKernel } from '../../devices/wasm/kernel.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { decideLabels, type DecideLabelsOptions } from '../decide-labels/decide-labels.ts';
import { resizeSpline, type ResizeSplineOptions } from '../resize-spline/resize-spline.ts';
import { resizeCalls, resizeScratch } from '../resize-spline/resize-spline.wasm.ts';
import { webgpu } from './resize-decide.webgpu.ts';

export type ResizeDecideOptions = ResizeSplineOptions & DecideLabelsOptions;

const wasm: WasmKernel<ResizeDecideOptions> = {
  lower: ({ inputs: { logits }, outputs: [y], options, threads, scratch }) => {
    const channels = logits!.shape[0]!;
    const from = logits!.shape.slice(1);
    const voxels = options.shape[0] * options.shape[1] * options.shape[2];
    const work = resizeScratch(from, options, threads, scratch);
    const one = scratch(voxels * 4);
    const best = scratch(voxels * 4);
    const bytes = from[0]! * from[1]! * from[2]! * 4;
    return Array.from({ length: channels }, (_, k) => [
      ...resizeCalls(work, pointer(logits!, k * bytes), scratchPointer(one), from, options),
      {
        kernel: 'keep_greatest',
        args: [
          scratchPointer(one),
          scratchPointer(best),
          pointer(y!),
          int(voxels),
          int(options.regions?.[k] ?? k),
          int(k === 0 ? 1 : 0),
          int(options.regions ? 1 : 0),
        ],
      },
    ]).flat();
  },
};

export const resizeDecide = defineOp<{ logits: Tensor }, ResizeDecideOptions>({
  name: 'resizeDecide',
  defaults: { ...resizeSpline.defaults, ...decideLabels.defaults },
  shape: ({ logits }, options) => {
    const resized = resizeSpline.shape({ x: logits }, options) as { shape: number[]; dtype: 'f32' };
    return decideLabels.shape({ logits: resized }, options);
  },
  kernels: {
    reference: ({ logits }, options, outputs) => {
      const spec = { shape: [logits.shape[0]!, ...options.shape], dtype: 'f32' } as const;
      const resized = { ...spec, data: hostArray(spec) };
      resizeSpline.kernels.reference({ x: logits }, options, [resized]);
      decideLabels.kernels.reference({ logits: resized }, options, outputs);
    },
    wasm,
    webgpu,
  },
  cases: [
    {
      name: 'labels',
      inputs: { logits: { shape: [3, 4, 6, 5] } },
      options: { shape: [6, 9, 8], order: 1, separateAxis: -1, regions: null },
      gradient: false,
    },
    {
      name: 'slices',
      inputs: { logits: { shape: [3, 4, 6, 5] } },
      options: { shape: [6, 9, 8], order: 1, separateAxis: 2, regions: null },
      gradient: false,
    },
    {
      name: 'regions',
      inputs: { logits: { shape: [2, 4, 6, 5] } },
      options: { shape: [3, 5, 8], order: 1, separateAxis: 0, regions: [1, 2] },
      gradient: false,
    },
  ],
  tolerance: { f32: 0 },
});
