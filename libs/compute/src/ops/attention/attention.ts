/**
 * Scaled dot-product attention: softmax(scale · q kᵀ) v, composed of matmul and softmax, so it runs wherever they do.
 * Queries go through in pieces whose scores are given up and computed again on the way back: the whole queries × keys matrix
 * never exists at once.
 *
 * Shape: q f32 [..., queries, d], k [..., keys, d], v [..., keys, e] -> [..., queries, e]; leading axes are batches and heads.
 * Source: Vaswani et al., "Attention is all you need", 2017; Rabe & Staats, "Self-attention does not need O(n²) memory", 2021.
 */
import { checkpoint } from '../../autograd/checkpoint.ts';
import { ShapeError } from '../../errors.ts';
import { describe } from '../../tensor/spec.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { concat } from '../concat/concat.ts';
import { matmul } from '../matmul/matmul.ts';
import { scaleOffset } from '../pointwise/pointwise.ts';
import { slice } from '../slice/slice.ts';
import { softmax } from '../softmax/softmax.ts';

export interface AttentionOptions {
  /** Default: 1 / sqrt(d). */
  readonly scale?: number;
  /** Queries whose scores exist at once. */
  readonly queriesAtOnce?: number;
}

/** Throws: ShapeError, naming all three shapes, where they do not fit together. */
export function attention(
  { q, k, v }: { readonly q: Tensor; readonly k: Tensor; readonly v: Tensor },
  { scale, queriesAtOnce = 512 }: AttentionOptions = {},
): Tensor {
  const rank = q.shape.length;
  const sameBatch = [k, v].every(
    ({ shape }) => shape.length === rank && q.shape.slice(0, -2).every((n, axis) => n === shape[axis]),
  );
  if (rank < 2 || !sameBatch || q.shape.at(-1) !== k.shape.at(-1) || k.shape.at(-2) !== v.shape.at(-2))
    throw new ShapeError(
      `attention: q is [..., queries, d], k [..., keys, d], v [..., keys, e] with the same leading axes; came ${describe(q)}, ${describe(k)}, ${describe(v)}.`,
      { q: q.shape, k: k.shape, v: v.shape },
    );
  if (!Number.isInteger(queriesAtOnce) || queriesAtOnce < 1)
    throw new ShapeError(`attention: queriesAtOnce is a whole number from 1 on, came ${queriesAtOnce}.`, {
      queriesAtOnce,
    });
  const factor = scale ?? 1 / Math.sqrt(q.shape.at(-1)!);
  const queries = q.shape.at(-2)!;
  const piece = (from: number, count: number): Tensor =>
    checkpoint(
      (all, keys, values) => {
        const start = all.shape.map((_, axis) => (axis === rank - 2 ? from : 0));
        const size = all.shape.map((n, axis) => (axis === rank - 2 ? count : n));
        const some = count === queries ? all : slice({ x: all }, { start, size });
        const scores = scaleOffset({ x: matmul({ a: some, b: keys }, { transposeB: true }) }, { scale: factor });
        return matmul({ a: softmax({ x: scores }, { axis: rank - 1 }), b: values });
      },
      [q, k, v],
    );
  const pieces = Array.from({ length: Math.ceil(queries / queriesAtOnce) }, (_, n) =>
    piece(n * queriesAtOnce, Math.min(queriesAtOnce, queries - n * queriesAtOnce)),
  );
  return join(pieces, rank - 2);
}

/** By halves: every row is copied a few times, not once per piece. */
function join(pieces: readonly Tensor[], axis: number): Tensor {
  if (pieces.length === 1) return pieces[0]!;
  const half = pieces.length >> 1;
  return concat({ a: join(pieces.slice(0, half), axis), b: join(pieces.slice(half), axis) }, { axis });
}
