/** Eight neighbors and their weights; the weights of equal labels are added in array order. */
import type { ReferenceKernel } from '../../op/op.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { ResizeLabelsOptions } from './resize-labels.ts';

/** Where an output index reads along one axis. */
export interface LabelSteps {
  /** The lower of two input indices. */
  readonly low: Int32Array;
  /** How far the upper is: 0 beyond an edge, and where it has no weight. */
  readonly step: Int32Array;
  /** Weight of the upper. */
  readonly weight: Float64Array;
}

/**
 * Beyond an edge both indices are the edge's, yet its share stays in two parts: that is how SciPy adds them up, and ties
 * at one half depend on the last bit.
 */
export function labelSteps(n: number, m: number, nearest: boolean): LabelSteps {
  const [low, step, weight] = [new Int32Array(m), new Int32Array(m), new Float64Array(m)];
  const inside = (k: number): number => Math.min(n - 1, Math.max(0, k));
  for (let i = 0; i < m; i++) {
    const t = (i + 0.5) * (n / m) - 0.5;
    const k = Math.floor(nearest ? t + 0.5 : t);
    low[i] = inside(k);
    weight[i] = nearest ? 0 : t - k;
    step[i] = weight[i]! > 0 ? inside(k + 1) - low[i]! : 0;
  }
  return { low, step, weight };
}

export const reference: ReferenceKernel<{ x: Tensor }, ResizeLabelsOptions> = ({ x }, { shape, separateAxis }, [y]) => {
  const [channels, nz, ny, nx] = x.shape as [number, number, number, number];
  const tables = [nz, ny, nx].map((n, axis) => labelSteps(n, shape[axis]!, axis === separateAxis));
  let at = 0;
  for (let c = 0; c < channels; c++)
    for (let z = 0; z < shape[0]; z++)
      for (let y_ = 0; y_ < shape[1]; y_++)
        for (let x_ = 0; x_ < shape[2]; x_++) {
          const sums = new Map<number, number>();
          for (const dz of [0, 1])
            for (const dy of [0, 1])
              for (const dx of [0, 1]) {
                let share = 1;
                const index = [z, y_, x_].map((o, axis) => {
                  const { low, step, weight } = tables[axis]!;
                  const upper = [dz, dy, dx][axis]!;
                  share *= upper ? weight[o]! : 1 - weight[o]!;
                  return low[o]! + upper * step[o]!;
                });
                if (share === 0) continue;
                const label = x.data[((c * nz + index[0]!) * ny + index[1]!) * nx + index[2]!]!;
                sums.set(label, (sums.get(label) ?? 0) + share);
              }
          let best = Number.NEGATIVE_INFINITY;
          for (const [label, sum] of sums) if (sum >= 0.5 && label > best) best = label;
          y!.data[at++] = Number.isFinite(best) ? best : 0;
        }
};
