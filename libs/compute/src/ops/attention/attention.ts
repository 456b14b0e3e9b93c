/**
 * Scaled dot-product attention: softmax(scale · q kᵀ + bias + mask) v. The scores of all queries and keys never exist at once:
 * blocks of them pass through a running softmax, and the way back computes them again.
 *
 * Shape: q f32 [..., queries, d], k [..., keys, d], v [..., keys, e] -> [..., queries, e]; leading axes are batches and heads.
 * Source: Vaswani et al., "Attention is all you need", 2017; Milakov & Gimelshein, "Online normalizer calculation for softmax",
 * 2018; Dao et al., "FlashAttention", 2022.
 */
import { defineOp, type OpCase } from '../../op/op.ts';
import { expectFloatsOf } from '../../op/expect.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { attentionGradientReference, attentionReference } from './attention.reference.ts';
import { attentionGradientKernel, attentionKernel } from './attention.wasm.ts';
import { gpuAttention, gpuAttentionGradient } from './attention.webgpu.ts';
import { scaleOf, type AttentionGradientOptions, type AttentionOptions } from './options.ts';
import { attentionSizes } from './shapes.ts';

export interface AttentionInputs {
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
  /** Added to the scores, [..., queries, keys]; leading axes broadcast. Learned, such as biases of relative positions. */
  readonly bias?: Tensor | undefined;
  /** The same without a derivative: -Infinity (or much below the scores) where a query must not see a key. A query that sees none gives NaN. */
  readonly mask?: Tensor | undefined;
}

type Operands = { q: Tensor; k: Tensor; v: Tensor; bias?: Tensor | undefined; mask?: Tensor | undefined };

const TYPICAL = { q: { shape: [2, 3, 7, 4] }, k: { shape: [2, 3, 9, 4] }, v: { shape: [2, 3, 9, 5] } };

/** A Swin transformer's windows: one bias per head, one mask per window. */
const WINDOWS = {
  q: { shape: [2, 2, 3, 12, 8] },
  k: { shape: [2, 2, 3, 12, 8] },
  v: { shape: [2, 2, 3, 12, 8] },
  bias: { shape: [3, 12, 12] },
  mask: { shape: [2, 1, 12, 12], fill: [0, -100, 0, 0, -Infinity] },
};

/** Several blocks of queries and of keys, all of them with rest. */
const LONG = { q: { shape: [1, 70, 18] }, k: { shape: [1, 261, 18] }, v: { shape: [1, 261, 35] } };

type Case = OpCase<Operands, AttentionOptions>;
const CASES: readonly Case[] = [
  { name: 'heads', inputs: TYPICAL },
  { name: 'a scale', inputs: TYPICAL, options: { scale: 0.1 } },
  { name: 'windows with bias and mask', inputs: WINDOWS },
  { name: 'a bias for all', inputs: { ...TYPICAL, bias: { shape: [7, 9] } } },
  { name: 'a bias per sample', inputs: { ...TYPICAL, bias: { shape: [2, 1, 7, 9] } } },
  // Their derivatives: the cases of attentionGradient.
  { name: 'blocks', inputs: LONG, gradient: false },
  { name: 'blocks with bias', inputs: { ...LONG, bias: { shape: [70, 261] } }, gradient: false },
  {
    name: 'whole blocks',
    inputs: { q: { shape: [64, 32] }, k: { shape: [128, 32] }, v: { shape: [128, 32] } },
    gradient: false,
  },
  {
    name: 'a first block that nobody sees',
    inputs: {
      q: { shape: [2, 4] },
      k: { shape: [140, 4] },
      v: { shape: [140, 3] },
      mask: { shape: [2, 140], fill: Array.from({ length: 140 }, (_, key) => (key < 130 ? -Infinity : 0)) },
    },
  },
  { name: 'one of each', inputs: { q: { shape: [1, 1] }, k: { shape: [1, 1] }, v: { shape: [1, 1] } } },
];

/** Also returns the logarithm of each row's sum of exponentials [..., queries], which the way back needs. */
export const attentionWithSums = defineOp<Operands, AttentionOptions, readonly Tensor[]>({
  name: 'attention',
  defaults: { scale: null },
  shape: (inputs) => {
    const { lead, queries, e } = attentionSizes('attention', inputs);
    return [
      { shape: [...lead, queries, e], dtype: 'f32' },
      { shape: [...lead, queries], dtype: 'f32' },
    ];
  },
  kernels: {
    reference: (inputs, options, [y, sums]) =>
      attentionReference(inputs, scaleOf(options, inputs.q.shape.at(-1)!), [y!, sums!]),
    wasm: attentionKernel,
    webgpu: gpuAttention,
  },
  cases: CASES,
  tolerance: { f32: 5e-6 },
  multiplyAdds: (inputs) => {
    const { batches, queries, keys, d, e } = attentionSizes('attention', inputs);
    return batches * queries * keys * (d + e);
  },
});

export const attentionGradient = defineOp<
  Operands & { y: Tensor; sums: Tensor; dy: Tensor },
  AttentionGradientOptions,
  readonly Tensor[]
>({
  name: 'attentionGradient',
  defaults: { scale: null, biasGradient: false },
  shape: ({ q, k, v, bias, mask, y, sums, dy }, { biasGradient }) => {
    const { lead, queries, e } = attentionSizes('attentionGradient', { q, k, v, bias, mask });
    expectFloatsOf([...lead, queries, e], 'attentionGradient', { y, dy }, { q, v });
    expectFloatsOf([...lead, queries], 'attentionGradient', { sums }, { q });
    return [q, k, v, ...(bias !== undefined && biasGradient ? [bias] : [])].map(({ shape }) => ({
      shape,
      dtype: 'f32' as const,
    }));
  },
  kernels: {
    reference: (inputs, options, outputs) =>
      attentionGradientReference(inputs, scaleOf(options, inputs.q.shape.at(-1)!), outputs),
    wasm: attentionGradientKernel,
    webgpu: gpuAttentionGradient,
  },
  cases: CASES.map(({ name, inputs, options }) => {
    const [queries, e] = [inputs.q.shape.at(-2)!, inputs.v.shape.at(-1)!];
    const lead = inputs.q.shape.slice(0, -2);
    return {
      name,
      inputs: {
        ...inputs,
        y: { shape: [...lead, queries, e] },
        // Far enough above the scores that no probability is great.
        sums: { shape: [...lead, queries], fill: [5, 4.5, 5.5] },
        dy: { shape: [...lead, queries, e] },
      },
      options: { ...options, biasGradient: inputs.bias !== undefined },
      gradient: false,
    };
  }),
  // Sums over all queries or keys of terms of either sign.
  tolerance: { f32: 2e-5 },
  multiplyAdds: (inputs) => {
    const { batches, queries, keys, d, e } = attentionSizes('attentionGradient', inputs);
    return batches * queries * keys * (3 * d + 2 * e);
  },
});

/** Throws: ShapeError, naming all shapes, where they do not fit together; DTypeError. */
export function attention(inputs: AttentionInputs, options: Partial<AttentionOptions> = {}): Tensor {
  return attentionWithSums({ ...inputs }, options)[0]!;
}
