/**
 * Dice plus binary cross-entropy on logits, for regions that may overlap; fused like diceCrossEntropy.
 *
 * One target channel more than regions: the last one is a mask (1 where the annotation holds), and cross-entropy is Σ(bce · mask) / max(Σ mask, 1e-8),
 * the mask counted once (as the reference has it), not per region. Else it is the mean over all elements.
 *
 * Shape: logits f32 [N, R, ...], target u8, i32 or f32 [N, R or R + 1, ...] of zeros and ones -> f32 [].
 * Source: nnU-Net (Isensee 2021), DC_and_BCE_loss.
 */
import { DTypeError, ShapeError } from '../../errors.ts';
import { float, int, pointer, scratchPointer } from '../../devices/wasm/kernel.ts';
import { defineOp } from '../../op/op.ts';
import { expectFloatsOf } from '../../op/expect.ts';
import { describe, sameShape, sizeOf, type DType, type TensorSpec } from '../../tensor/spec.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { gradientReference, reference } from './dice-binary-cross-entropy.reference.ts';
import {
  diceBinaryCrossEntropyGradientKernel,
  diceBinaryCrossEntropyKernel,
} from './dice-binary-cross-entropy.webgpu.ts';

export interface DiceBinaryCrossEntropyOptions {
  readonly batchDice: boolean;
  /** Whether region 0 takes part in Dice; by default it does, regions have no background. */
  readonly includeBackground: boolean;
  readonly smooth: number;
  readonly diceWeight: number;
  readonly crossEntropyWeight: number;
}

export interface DiceBinaryCrossEntropyInputs {
  readonly [name: string]: Tensor;
  readonly logits: Tensor;
  readonly target: Tensor;
}

const DEFAULTS: DiceBinaryCrossEntropyOptions = {
  batchDice: false,
  includeBackground: true,
  smooth: 1e-5,
  diceWeight: 1,
  crossEntropyWeight: 1,
};
/** Voxels per block of sums; the kernel has the same number. */
const BLOCK = 4096;

/** As the kernel numbers them. */
function targetKind(dtype: DType): number {
  return dtype === 'u8' ? 0 : dtype === 'i32' ? 1 : 2;
}

function expectRegions(op: string, logits: TensorSpec, target: TensorSpec): void {
  if (logits.dtype !== 'f32' || target.dtype === 'f16')
    throw new DTypeError(
      `${op}: logits are f32 and target u8, i32 or f32, came ${describe(logits)} and ${describe(target)}.`,
      { op },
    );
  const channels = target.shape[1];
  const wanted = logits.shape.map((n, axis) => (axis === 1 ? channels : n));
  if (
    logits.shape.length < 2 ||
    !sameShape(wanted, target.shape) ||
    (channels !== logits.shape[1] && channels !== logits.shape[1] + 1)
  )
    throw new ShapeError(
      `${op}: logits [N, R, ...] and target [N, R or R + 1, ...] on the same voxels, came ${describe(logits)} and ${describe(target)}.`,
      { op, logits: logits.shape, target: target.shape },
    );
}

/** Loss and sums [N, R, 5]; the sums are what the gradient needs. */
export const diceBinaryCrossEntropyWithSums = defineOp<
  DiceBinaryCrossEntropyInputs,
  DiceBinaryCrossEntropyOptions,
  readonly [Tensor, Tensor]
>({
  name: 'diceBinaryCrossEntropy',
  defaults: DEFAULTS,
  shape: ({ logits, target }) => {
    expectRegions('diceBinaryCrossEntropy', logits, target);
    return [
      { shape: [], dtype: 'f32' },
      { shape: [logits.shape[0], logits.shape[1], 5], dtype: 'f32' },
    ];
  },
  kernels: {
    reference,
    wasm: {
      lower: ({ inputs, outputs: [loss, sums], options, scratch }) => {
        const [logits, target] = [inputs['logits']!, inputs['target']!];
        const [samples, regions, ...space] = logits.shape as [number, number, ...number[]];
        const voxels = sizeOf(space);
        const blocks = Math.ceil(voxels / BLOCK);
        const partial = scratchPointer(scratch(samples * regions * blocks * 40));
        const channels = target.shape[1];
        return [
          {
            kernel: 'dice_binary_sums',
            args: [
              pointer(logits),
              pointer(target),
              partial,
              int(samples),
              int(regions),
              int(channels),
              int(voxels),
              int(targetKind(target.dtype)),
            ],
          },
          {
            kernel: 'dice_binary_finish',
            args: [
              partial,
              pointer(sums),
              pointer(loss),
              int(samples),
              int(regions),
              int(blocks),
              int(channels > regions ? 1 : 0),
              int(options.batchDice ? 1 : 0),
              float(options.smooth),
              int(options.includeBackground ? 0 : 1),
              float(options.diceWeight),
              float(options.crossEntropyWeight),
            ],
          },
        ];
      },
    },
    webgpu: diceBinaryCrossEntropyKernel,
  },
  cases: [
    {
      name: 'regions',
      inputs: {
        logits: { shape: [2, 3, 3, 4, 5] },
        target: { shape: [2, 3, 3, 4, 5], dtype: 'u8', fill: { integersBelow: 2 } },
      },
    },
    {
      name: 'masked, batch Dice',
      inputs: {
        logits: { shape: [2, 2, 5, 5] },
        target: { shape: [2, 3, 5, 5], dtype: 'f32', fill: [0, 1, 1, 0, 1, 0, 0] },
      },
      options: { batchDice: true },
    },
    {
      name: 'one voxel',
      inputs: { logits: { shape: [1, 1, 1] }, target: { shape: [1, 1, 1], dtype: 'i32', fill: [1] } },
      options: { smooth: 1, diceWeight: 0.5 },
    },
    {
      name: 'several blocks',
      inputs: {
        logits: { shape: [1, 2, 9001] },
        target: { shape: [1, 2, 9001], dtype: 'u8', fill: { integersBelow: 2 } },
      },
      options: { includeBackground: false },
      gradient: false,
    },
  ],
  // Sums over voxels in floats within a block.
  tolerance: { f32: 5e-6 },
});

export const diceBinaryCrossEntropyGradient = defineOp<
  DiceBinaryCrossEntropyInputs & { readonly sums: Tensor; readonly dy: Tensor },
  DiceBinaryCrossEntropyOptions
>({
  name: 'diceBinaryCrossEntropyGradient',
  defaults: DEFAULTS,
  shape: ({ logits, target, sums, dy }) => {
    const op = 'diceBinaryCrossEntropyGradient';
    expectRegions(op, logits, target);
    expectFloatsOf([logits.shape[0], logits.shape[1], 5], op, { sums }, { logits });
    expectFloatsOf([], op, { dy }, {});
    return { shape: logits.shape, dtype: 'f32' };
  },
  kernels: {
    reference: gradientReference,
    wasm: {
      lower: ({ inputs, outputs: [dx], options }) => {
        const [logits, target] = [inputs['logits']!, inputs['target']!];
        const [samples, regions, ...space] = logits.shape as [number, number, ...number[]];
        return [
          {
            kernel: 'dice_binary_gradient',
            args: [
              pointer(logits),
              pointer(target),
              pointer(inputs['sums']!),
              pointer(inputs['dy']!),
              pointer(dx),
              int(samples),
              int(regions),
              int(target.shape[1]),
              int(sizeOf(space)),
              int(targetKind(target.dtype)),
              int(options.batchDice ? 1 : 0),
              float(options.smooth),
              int(options.includeBackground ? 0 : 1),
              float(options.diceWeight),
              float(options.crossEntropyWeight),
            ],
          },
        ];
      },
    },
    webgpu: diceBinaryCrossEntropyGradientKernel,
  },
  cases: [
    {
      name: 'as sums stand',
      inputs: {
        logits: { shape: [2, 2, 3, 5] },
        target: { shape: [2, 3, 3, 5], dtype: 'u8', fill: { integersBelow: 2 } },
        sums: { shape: [2, 2, 5], fill: 'positive' },
        dy: { shape: [], fill: 'positive' },
      },
      gradient: false,
    },
  ],
  tolerance: { f32: 5e-6 },
});

/** The loss alone. */
export function diceBinaryCrossEntropy(
  inputs: DiceBinaryCrossEntropyInputs,
  options?: Partial<DiceBinaryCrossEntropyOptions>,
): Tensor {
  return diceBinaryCrossEntropyWithSums(inputs, options)[0];
}
