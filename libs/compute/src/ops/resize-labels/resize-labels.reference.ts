/** Eight neighbors and their weights; the weights of equal labels are added in array order. */
import type { ReferenceKernel } from '../../op/op.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { ResizeLabelsOptions } from './resize-labels.ts';

/** Per output index: the lower of its two input indices (the upper is one more) and the weight of the upper. */
export function axisWeights(
  n: number,
  m: number,
  nearest: boolean,
): { readonly low: Int32Array; readonly weight: Float64Array } {
  const low = new Int32Array(m);
  const weight = new Float64Array(m);
  for (let i = 0; i < m; i++) {
    const t = (i + 0.5) * (n / m) - 0.5;
    if (nearest) low[i] = Math.min(n - 1, Math.max(0, Math.floor(t + 0.5)));
    else {
      const inside = Math.min(n - 1, Math.max(0, t));
      low[i] = Math.floor(inside);
      weight[i] = inside - low[i]!;
    }
  }
  return { low, weight };
}

export const reference: ReferenceKernel<{ x: Tensor }, ResizeLabelsOptions> = ({ x }, { shape, separateAxis }, [y]) => {
  const [channels, nz, ny, nx] = x.shape as [number, number, number, number];
  const tables = [nz, ny, nx].map((n, axis) => axisWeights(n, shape[axis]!, axis === separateAxis));
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
                  const { low, weight } = tables[axis]!;
                  const upper = [dz, dy, dx][axis]!;
                  share *= upper ? weight[o]! : 1 - weight[o]!;
                  return low[o]! + upper;
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
