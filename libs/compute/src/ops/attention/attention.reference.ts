/** Attention and its gradient by the formulas, row by row. */
import type { HostTensor } from '../../op/op.ts';
import { attentionSizes, biasAndMaskOf } from './shapes.ts';

export interface AttentionOperands {
  readonly q: HostTensor;
  readonly k: HostTensor;
  readonly v: HostTensor;
  readonly bias?: HostTensor | undefined;
  readonly mask?: HostTensor | undefined;
}

interface Row {
  readonly batch: number;
  readonly query: number;
  /** Index of the row among all rows. */
  readonly index: number;
  /** Element of the bias where its row begins; nothing without a bias. */
  readonly biasAt: number;
  readonly scores: Float64Array;
}

function eachRow(inputs: AttentionOperands, scale: number, visit: (row: Row) => void): void {
  const { q, k, bias, mask } = inputs;
  const { lead, queries, keys, d } = attentionSizes('attention', inputs);
  const scores = new Float64Array(keys);
  biasAndMaskOf(lead, bias, mask).forEach(([biasOf, maskOf], batch) => {
    for (let query = 0; query < queries; query++) {
      const index = batch * queries + query;
      const biasAt = (biasOf * queries + query) * keys;
      const maskAt = (maskOf * queries + query) * keys;
      for (let key = 0; key < keys; key++) {
        let dot = 0;
        for (let c = 0; c < d; c++) dot += q.data[index * d + c]! * k.data[(batch * keys + key) * d + c]!;
        scores[key] = scale * dot + (bias?.data[biasAt + key] ?? 0) + (mask?.data[maskAt + key] ?? 0);
      }
      visit({ batch, query, index, biasAt, scores });
    }
  });
}

/** y = softmax(scale q kᵀ + bias + mask) v, and per row the logarithm of the sum of exponentials. */
export function attentionReference(
  inputs: AttentionOperands,
  scale: number,
  [y, sums]: readonly [HostTensor, HostTensor],
): void {
  const { keys, e } = attentionSizes('attention', inputs);
  eachRow(inputs, scale, ({ batch, index, scores }) => {
    let most = -Infinity;
    for (const score of scores) most = Number.isNaN(score) ? NaN : Math.max(most, score);
    let total = 0;
    for (const score of scores) total += Math.exp(score - most);
    sums.data[index] = most + Math.log(total);
    for (let c = 0; c < e; c++) {
      let sum = 0;
      for (let key = 0; key < keys; key++)
        sum += (Math.exp(scores[key]! - most) / total) * inputs.v.data[(batch * keys + key) * e + c]!;
      y.data[index * e + c] = sum;
    }
  });
}

/**
 * With P the softmax and dS = P ∘ (dy vᵀ − Σ dy ∘ y per row): dq = scale dS k, dk = scale dSᵀ q, dv = Pᵀ dy, dbias = Σ dS over the
 * batches that read it.
 */
export function attentionGradientReference(
  inputs: AttentionOperands & { readonly y: HostTensor; readonly sums: HostTensor; readonly dy: HostTensor },
  scale: number,
  [dq, dk, dv, dbias]: readonly HostTensor[],
): void {
  const { q, k, v, y, sums, dy } = inputs;
  const { keys, d, e } = attentionSizes('attention', inputs);
  eachRow(inputs, scale, ({ batch, index, biasAt, scores }) => {
    let along = 0;
    for (let c = 0; c < e; c++) along += dy.data[index * e + c]! * y.data[index * e + c]!;
    for (let key = 0; key < keys; key++) {
      const at = batch * keys + key;
      const p = Math.exp(scores[key]! - sums.data[index]!);
      let dp = 0;
      for (let c = 0; c < e; c++) {
        dp += dy.data[index * e + c]! * v.data[at * e + c]!;
        dv!.data[at * e + c]! += p * dy.data[index * e + c]!;
      }
      const ds = p * (dp - along);
      for (let c = 0; c < d; c++) {
        dq!.data[index * d + c]! += scale * ds * k.data[at * d + c]!;
        dk!.data[at * d + c]! += scale * ds * q.data[index * d + c]!;
      }
      if (dbias !== undefined) dbias.data[biasAt + key]! += ds;
    }
  });
}
