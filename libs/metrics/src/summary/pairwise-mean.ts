/** Means to the last bit as NumPy has them: whether one model's mean is above another's may hang on that bit. */

/** NumPy's `mean`: pairwise summation. NaN if there is nothing, or a value is NaN. */
export function pairwiseMean(values: readonly number[]): number {
  return values.length === 0 ? Number.NaN : pairwiseSum(values, 0, values.length) / values.length;
}

/** NumPy's `nanmean`: a NaN adds 0 in its place and is not counted. */
export function meanOfNumbers(values: readonly number[]): number {
  const count = values.reduce((n, value) => n + (Number.isNaN(value) ? 0 : 1), 0);
  const zeroed = values.map((value) => (Number.isNaN(value) ? 0 : value));
  return count === 0 ? Number.NaN : pairwiseSum(zeroed, 0, zeroed.length) / count;
}

/** Up to this many values are added by eight accumulators, more in two halves. */
const BLOCK = 128;

function pairwiseSum(values: readonly number[], start: number, count: number): number {
  if (count < 8) {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += values[start + i]!;
    return sum;
  }
  if (count > BLOCK) {
    const half = Math.floor(count / 16) * 8;
    return pairwiseSum(values, start, half) + pairwiseSum(values, start + half, count - half);
  }
  const r = values.slice(start, start + 8) as [number, number, number, number, number, number, number, number];
  const whole = count - (count % 8);
  for (let i = 8; i < whole; i++) r[i % 8]! += values[start + i]!;
  let sum = r[0] + r[1] + (r[2] + r[3]) + (r[4] + r[5] + (r[6] + r[7]));
  for (let i = whole; i < count; i++) sum += values[start + i]!;
  return sum;
}
