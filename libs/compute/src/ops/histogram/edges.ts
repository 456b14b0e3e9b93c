/** Where the bins of a histogram begin and end. */

/**
 * The `bins + 1` edges of equal bins from `low` to `high`, rounded to float32, as numpy.histogram_bin_edges gives them for float32
 * data. Bounds that are equal are moved apart by a half on either side.
 */
export function histogramEdges({
  bins,
  low,
  high,
}: {
  readonly bins: number;
  readonly low: number;
  readonly high: number;
}): Float32Array {
  const [first, last] = low === high ? [low - 0.5, high + 0.5] : [low, high];
  const step = (last - first) / bins;
  return Float32Array.from({ length: bins + 1 }, (_, k) => (k === bins ? last : k * step + first));
}
