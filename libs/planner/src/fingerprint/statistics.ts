/** Order statistics as NumPy computes them. */

/** Median: the mean of the two middle values of an even number. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/** Percentile with linear interpolation; interpolates from the nearer neighbor, which decides the last bit. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (percent / 100) * (sorted.length - 1);
  const below = sorted[Math.floor(at)]!;
  const above = sorted[Math.min(Math.floor(at) + 1, sorted.length - 1)]!;
  const t = at - Math.floor(at);
  return t >= 0.5 ? above - (above - below) * (1 - t) : below + (above - below) * t;
}

/** Rounds to the nearest whole number, halves to the even one, as Python's `round`. */
export function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}
