/**
 * Cross-entropy per voxel, from logits; 0 where the label is ignored, NaN where it is no class. With label smoothing s the
 * target is 1 - s on its class plus s / K on every class.
 *
 * Shape: logits f32 [N, K, ...], target i32 [N, 1, ...] -> f32 [N, 1, ...].
 */
import { float, int, pointer, scratchPointer } from '../../devices/wasm/kernel.ts';
import { defineOp } from '../../op/op.ts';
import { expectFloatsOf } from '../../op/expect.ts';
import { sizeOf } from '../../tensor/spec.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { asLogitsCome } from '../dice-cross-entropy/dice-cross-entropy.ts';
import { probabilities, surprise } from '../dice-cross-entropy/dice-cross-entropy.reference.ts';
import { expectLogitsAndTarget } from '../dice-cross-entropy/options.ts';
import { voxelCrossEntropyGradientKernel, voxelCrossEntropyKernel } from './voxel-cross-entropy.webgpu.ts';

export interface VoxelCrossEntropyOptions {
  readonly ignoreLabel: number | null;
  readonly labelSmoothing: number;
}

const DEFAULTS: VoxelCrossEntropyOptions = { ignoreLabel: null, labelSmoothing: 0 };
const NO_LABEL = -(2 ** 31);
const bytesPerThread = (classes: number): number => Math.ceil(classes / 8) * 8 * 16 * 2;

export const voxelCrossEntropy = defineOp<{ logits: Tensor; target: Tensor }, VoxelCrossEntropyOptions>({
  name: 'voxelCrossEntropy',
  defaults: DEFAULTS,
  shape: ({ logits, target }) => {
    expectLogitsAndTarget('voxelCrossEntropy', logits, target);
    return { shape: target.shape, dtype: 'f32' };
  },
  kernels: {
    reference: ({ logits, target }, { ignoreLabel, labelSmoothing }, [y]) => {
      const [samples, classes] = logits.shape;
      const voxels = sizeOf(logits.shape.slice(2));
      for (let n = 0; n < samples; n++)
        for (let v = 0; v < voxels; v++) {
          const label = target.data[n * voxels + v];
          if (label === ignoreLabel) continue;
          let all = 0;
          for (let c = 0; c < classes; c++) all += surprise(logits, n, v, voxels, c) / classes;
          y.data[n * voxels + v] = (1 - labelSmoothing) * surprise(logits, n, v, voxels, label) + labelSmoothing * all;
        }
    },
    wasm: {
      layouts: ({ inputs }) => ({ inputs: asLogitsCome(inputs), outputs: ['plain'] }),
      lower: ({ inputs, outputs: [y], options, threads, scratch }) => {
        const logits = inputs['logits']!;
        const [samples, classes, ...space] = logits.shape as [number, number, ...number[]];
        const own = bytesPerThread(classes);
        return [
          {
            kernel: 'voxel_cross_entropy',
            args: [
              pointer(logits),
              pointer(inputs['target']!),
              pointer(y),
              scratchPointer(scratch(own * threads)),
              int(samples),
              int(classes),
              int(sizeOf(space)),
              int(logits.layout === 'blocked' ? 1 : 0),
              int(options.ignoreLabel ?? NO_LABEL),
              int(own),
              float(options.labelSmoothing),
            ],
          },
        ];
      },
    },
    webgpu: voxelCrossEntropyKernel,
  },
  cases: [
    {
      name: 'volumes',
      inputs: { logits: { shape: [2, 3, 3, 4, 5] }, target: { shape: [2, 1, 3, 4, 5], dtype: 'i32' } },
    },
    {
      name: 'ignored, smoothed',
      inputs: {
        logits: { shape: [2, 9, 3, 5] },
        target: { shape: [2, 1, 3, 5], dtype: 'i32', fill: { integersBelow: 9 } },
      },
      options: { ignoreLabel: 3, labelSmoothing: 0.1 },
    },
    { name: 'one voxel', inputs: { logits: { shape: [1, 1] }, target: { shape: [1, 1], dtype: 'i32', fill: [0] } } },
  ],
  tolerance: { f32: 3e-6 },
});

export const voxelCrossEntropyGradient = defineOp<
  { logits: Tensor; target: Tensor; dy: Tensor },
  VoxelCrossEntropyOptions
>({
  name: 'voxelCrossEntropyGradient',
  defaults: DEFAULTS,
  shape: ({ logits, target, dy }) => {
    expectLogitsAndTarget('voxelCrossEntropyGradient', logits, target);
    expectFloatsOf(target.shape, 'voxelCrossEntropyGradient', { dy }, { target });
    return { shape: logits.shape, dtype: 'f32' };
  },
  kernels: {
    reference: ({ logits, target, dy }, { ignoreLabel, labelSmoothing }, [dx]) => {
      const [samples, classes] = logits.shape;
      const voxels = sizeOf(logits.shape.slice(2));
      const p = new Float64Array(classes);
      for (let n = 0; n < samples; n++)
        for (let v = 0; v < voxels; v++) {
          const label = target.data[n * voxels + v];
          if (label === ignoreLabel) continue;
          probabilities(logits, n, v, voxels, p);
          for (let c = 0; c < classes; c++)
            dx.data[(n * classes + c) * voxels + v] =
              dy.data[n * voxels + v] * (p[c] - (c === label ? 1 - labelSmoothing : 0) - labelSmoothing / classes);
        }
    },
    wasm: {
      layouts: ({ inputs }) => ({ inputs: asLogitsCome(inputs), outputs: [inputs['logits']!.layout] }),
      lower: ({ inputs, outputs: [dx], options, threads, scratch }) => {
        const logits = inputs['logits']!;
        const [samples, classes, ...space] = logits.shape as [number, number, ...number[]];
        const own = bytesPerThread(classes);
        return [
          {
            kernel: 'voxel_cross_entropy_gradient',
            args: [
              pointer(logits),
              pointer(inputs['target']!),
              pointer(inputs['dy']!),
              pointer(dx),
              scratchPointer(scratch(own * threads)),
              int(samples),
              int(classes),
              int(sizeOf(space)),
              int(logits.layout === 'blocked' ? 1 : 0),
              int(options.ignoreLabel ?? NO_LABEL),
              int(own),
              float(options.labelSmoothing),
            ],
          },
        ];
      },
    },
    webgpu: voxelCrossEntropyGradientKernel,
  },
  cases: [
    {
      name: 'ignored, smoothed',
      inputs: {
        logits: { shape: [2, 9, 3, 5] },
        target: { shape: [2, 1, 3, 5], dtype: 'i32', fill: { integersBelow: 9 } },
        dy: { shape: [2, 1, 3, 5] },
      },
      options: { ignoreLabel: 3, labelSmoothing: 0.1 },
      gradient: false,
    },
  ],
  tolerance: { f32: 3e-6 },
});
