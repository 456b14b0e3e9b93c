/**
 * Dice plus cross-entropy on logits, fused: one pass for the loss, one for its gradient, the softmax never stored.
 *
 * loss = crossEntropyWeight · CE - diceWeight · mean over classes of (2 Σ p g + smooth) / max(Σ p + Σ g + smooth, 1e-8).
 * CE is the mean over voxels that are not ignored (weighted by the class weights where given); 0 if there is none.
 * A target that is neither a class nor ignored makes the loss NaN.
 *
 * Shape: logits f32 [N, K, ...], target i32 [N, 1, ...], weight f32 [K] -> f32 [].
 * Source: nnU-Net (Isensee 2021), DC_and_CE_loss.
 */
import {
  float,
  int,
  pointer,
  scratchPointer,
  type KernelArgument,
  type Layout,
  type WasmView,
} from '../../devices/wasm/kernel.ts';
import { defineOp } from '../../op/op.ts';
import { expectFloatsOf } from '../../op/expect.ts';
import { sizeOf } from '../../tensor/spec.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { gradientReference, reference } from './dice-cross-entropy.reference.ts';
import { diceCrossEntropyGradientKernel, diceCrossEntropyKernel } from './dice-cross-entropy.webgpu.ts';
import { DEFAULTS, expectClassWeights, expectLogitsAndTarget, type DiceCrossEntropyOptions } from './options.ts';

export interface DiceCrossEntropyInputs {
  readonly [name: string]: Tensor | undefined;
  readonly logits: Tensor;
  readonly target: Tensor;
  readonly weight?: Tensor | undefined;
}

type GradientInputs = DiceCrossEntropyInputs & { readonly sums: Tensor; readonly dy: Tensor };

/** Voxels per block of sums; the kernel has the same number. */
const BLOCK = 2048;
/** Stands for "no label is ignored". */
const NO_LABEL = -(2 ** 31);

/** Keeps the logits in the layout in which they come. */
export function asLogitsCome(inputs: Readonly<Record<string, WasmView | undefined>>): Record<string, Layout> {
  return { logits: inputs['logits']!.layout };
}

function classWeights(weight: WasmView | undefined, classes: number): KernelArgument {
  return weight === undefined ? { words: Array.from({ length: classes }, () => float(1)) } : pointer(weight);
}

const bytesPerThread = (classes: number): number => Math.ceil(classes / 8) * 8 * 16 * 5;

/** Loss and sums; the sums [N, 3K + 2] are what the gradient needs. */
export const diceCrossEntropyWithSums = defineOp<
  DiceCrossEntropyInputs,
  DiceCrossEntropyOptions,
  readonly [Tensor, Tensor]
>({
  name: 'diceCrossEntropy',
  defaults: DEFAULTS,
  shape: ({ logits, target, weight }) => {
    expectLogitsAndTarget('diceCrossEntropy', logits, target);
    expectClassWeights('diceCrossEntropy', logits, weight);
    return [
      { shape: [], dtype: 'f32' },
      { shape: [logits.shape[0], 3 * logits.shape[1] + 2], dtype: 'f32' },
    ];
  },
  kernels: {
    reference,
    wasm: {
      layouts: ({ inputs }) => ({ inputs: asLogitsCome(inputs), outputs: ['plain', 'plain'] }),
      lower: ({ inputs, outputs: [loss, sums], options, threads, scratch }) => {
        const logits = inputs['logits']!;
        const [samples, classes, ...space] = logits.shape as [number, number, ...number[]];
        const blocks = Math.ceil(sizeOf(space) / BLOCK);
        const partial = scratchPointer(scratch(samples * blocks * (3 * classes + 2) * 8));
        const own = bytesPerThread(classes);
        return [
          {
            kernel: 'dice_cross_entropy_sums',
            args: [
              pointer(logits),
              pointer(inputs['target']!),
              classWeights(inputs['weight'], classes),
              partial,
              scratchPointer(scratch(own * threads)),
              int(samples),
              int(classes),
              int(sizeOf(space)),
              int(logits.layout === 'blocked' ? 1 : 0),
              int(options.ignoreLabel ?? NO_LABEL),
              int(own),
            ],
          },
          {
            kernel: 'dice_cross_entropy_finish',
            args: [
              partial,
              pointer(sums),
              pointer(loss),
              int(samples),
              int(classes),
              int(blocks),
              int(options.includeBackground ? 0 : 1),
              int(options.batchDice ? 1 : 0),
              float(options.smooth),
              float(options.diceWeight),
              float(options.crossEntropyWeight),
            ],
          },
        ];
      },
    },
    webgpu: diceCrossEntropyKernel,
  },
  cases: [
    {
      name: 'two samples',
      inputs: { logits: { shape: [2, 3, 3, 4, 5] }, target: { shape: [2, 1, 3, 4, 5], dtype: 'i32' } },
    },
    {
      name: 'batch Dice, ignored label',
      inputs: {
        logits: { shape: [2, 3, 5, 5] },
        target: { shape: [2, 1, 5, 5], dtype: 'i32', fill: { integersBelow: 4 } },
      },
      options: { batchDice: true, ignoreLabel: 3 },
    },
    {
      name: 'class weights, background, ten classes',
      inputs: {
        logits: { shape: [1, 10, 3, 3] },
        target: { shape: [1, 1, 3, 3], dtype: 'i32', fill: { integersBelow: 10 } },
        weight: { shape: [10], fill: 'positive' },
      },
      options: { includeBackground: true, smooth: 1, diceWeight: 0.3, crossEntropyWeight: 2 },
    },
    {
      name: 'one voxel',
      inputs: { logits: { shape: [1, 2, 1] }, target: { shape: [1, 1, 1], dtype: 'i32', fill: [1] } },
    },
    {
      name: 'several blocks',
      inputs: {
        logits: { shape: [1, 2, 5001] },
        target: { shape: [1, 1, 5001], dtype: 'i32', fill: { integersBelow: 2 } },
      },
      gradient: false,
    },
  ],
  // Sums over voxels in floats within a block.
  tolerance: { f32: 5e-6 },
});

export const diceCrossEntropyGradient = defineOp<GradientInputs, DiceCrossEntropyOptions>({
  name: 'diceCrossEntropyGradient',
  defaults: DEFAULTS,
  shape: ({ logits, target, weight, sums, dy }) => {
    const op = 'diceCrossEntropyGradient';
    expectLogitsAndTarget(op, logits, target);
    expectClassWeights(op, logits, weight);
    expectFloatsOf([logits.shape[0], 3 * logits.shape[1] + 2], op, { sums }, { logits });
    expectFloatsOf([], op, { dy }, {});
    return { shape: logits.shape, dtype: 'f32' };
  },
  kernels: {
    reference: gradientReference,
    wasm: {
      layouts: ({ inputs }) => ({ inputs: asLogitsCome(inputs), outputs: [inputs['logits']!.layout] }),
      lower: ({ inputs, outputs: [dx], options, threads, scratch }) => {
        const logits = inputs['logits']!;
        const [samples, classes, ...space] = logits.shape as [number, number, ...number[]];
        const own = bytesPerThread(classes);
        return [
          {
            kernel: 'dice_cross_entropy_gradient',
            args: [
              pointer(logits),
              pointer(inputs['target']!),
              classWeights(inputs['weight'], classes),
              pointer(inputs['sums']!),
              pointer(inputs['dy']!),
              pointer(dx),
              scratchPointer(scratch(own * threads)),
              int(samples),
              int(classes),
              int(sizeOf(space)),
              int(logits.layout === 'blocked' ? 1 : 0),
              int(options.ignoreLabel ?? NO_LABEL),
              int(own),
              int(options.includeBackground ? 0 : 1),
              int(options.batchDice ? 1 : 0),
              float(options.smooth),
              float(options.diceWeight),
              float(options.crossEntropyWeight),
            ],
          },
        ];
      },
    },
    webgpu: diceCrossEntropyGradientKernel,
  },
  cases: [
    {
      name: 'as sums stand',
      inputs: {
        logits: { shape: [2, 3, 3, 5] },
        target: { shape: [2, 1, 3, 5], dtype: 'i32', fill: { integersBelow: 4 } },
        weight: { shape: [3], fill: 'positive' },
        sums: { shape: [2, 11], fill: 'positive' },
        dy: { shape: [], fill: 'positive' },
      },
      options: { ignoreLabel: 3 },
      gradient: false,
    },
  ],
  tolerance: { f32: 5e-6 },
});

/** The loss alone. */
export function diceCrossEntropy(inputs: DiceCrossEntropyInputs, options?: Partial<DiceCrossEntropyOptions>): Tensor {
  return diceCrossEntropyWithSums(inputs, options)[0];
}

/** Cross-entropy alone: the mean over voxels that are not ignored. */
export function crossEntropy(
  inputs: DiceCrossEntropyInputs,
  options?: Pick<Partial<DiceCrossEntropyOptions>, 'ignoreLabel'>,
): Tensor {
  return diceCrossEntropy(inputs, { ...options, diceWeight: 0 });
}

/** Soft Dice alone, negated: -1 is perfect overlap. */
export function softDice(
  inputs: DiceCrossEntropyInputs,
  options?: Omit<Partial<DiceCrossEntropyOptions>, 'diceWeight' | 'crossEntropyWeight'>,
): Tensor {
  return diceCrossEntropy(inputs, { ...options, crossEntropyWeight: 0 });
}
