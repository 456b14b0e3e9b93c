/** Linear interpolation along one axis, pixel edges aligned, clamped to the input. */

/** Per output index: the lower of its two input indices (the upper is one more) and the weight of the upper. */
export function linearWeights(n: number, m: number): { readonly low: Int32Array; readonly weight: Float64Array } {
  const low = new Int32Array(m);
  const weight = new Float64Array(m);
  for (let i = 0; i < m; i++) {
    const inside = Math.min(n - 1, Math.max(0, (i + 0.5) * (n / m) - 0.5));
    low[i] = Math.floor(inside);
    weight[i] = inside - low[i]!;
  }
  return { low, weight };
}
