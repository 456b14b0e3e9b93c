/** y = A B: dA = dy Bᵀ, dB = Aᵀ dy, each read transposed rather than moved; broadcast batches are summed. */
import { defineGradient, type GradientRule } from '../../autograd/gradient.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { sumTo } from '../pointwise/pointwise.gradient.ts';
import { matmul } from './matmul.ts';

export const matmulGradient: GradientRule = defineGradient(
  matmul,
  ({ inputs: { a, b }, dy, options: { transposeA, transposeB }, wants }) => {
    const ofA = (): Tensor =>
      transposeA
        ? matmul({ a: b, b: dy }, { transposeA: transposeB, transposeB: true })
        : matmul({ a: dy, b }, { transposeB: !transposeB });
    const ofB = (): Tensor =>
      transposeB
        ? matmul({ a: dy, b: a }, { transposeA: true, transposeB: transposeA })
        : matmul({ a, b: dy }, { transposeA: !transposeA });
    return { a: wants('a') ? sumTo(ofA(), a.shape) : undefined, b: wants('b') ? sumTo(ofB(), b.shape) : undefined };
  },
);
