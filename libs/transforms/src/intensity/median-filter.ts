/**
 * Median of a box around every voxel: the window slides along a row and only what enters and leaves it is looked at.
 * Source: Huang, Yang & Tang, "A fast two-dimensional median filtering algorithm", 1979, on ranks instead of gray levels.
 */
import { hostIntensity, perChannel } from '../contract/host.ts';
import type { Transform } from '../contract/transform.ts';
import { TransformError } from '../errors.ts';

/** The window along one axis, and what lies beyond the ends: the last voxel, or the image mirrored at its face. */
export interface MedianWindow {
  /** Voxels along z, y, x. Of an even window one more lies before the voxel than behind it. */
  readonly size: readonly number[];
  readonly boundary: 'edge' | 'symmetric';
}

/** Of an even number of voxels the greater of the middle two, as SciPy takes it. `channel` [z, y, x]. */
export function medianFilter(
  channel: Float64Array,
  shape: readonly [number, number, number],
  { size, boundary }: MedianWindow,
): Float64Array {
  const [nz, ny, nx] = shape;
  const [depth, height, width] = size as [number, number, number];
  const sources = shape.map((n, axis) => sourcesOf(n, size[axis]!, boundary)) as [Int32Array, Int32Array, Int32Array];
  const { ranks, values } = ranksOf(channel);
  const window = new RankWindow(values.length, Math.floor((depth * height * width) / 2));
  const rows = new Int32Array(depth * height);
  const result = new Float64Array(channel.length);
  for (let z = 0; z < nz; z++)
    for (let y = 0; y < ny; y++) {
      for (let a = 0, row = 0; a < depth; a++)
        for (let b = 0; b < height; b++) rows[row++] = (sources[0][z + a]! * ny + sources[1][y + b]!) * nx;
      const column = (k: number, change: (rank: number) => void): void => {
        const from = sources[2][k]!;
        for (const row of rows) change(ranks[row + from]!);
      };
      for (let k = 0; k < width - 1; k++) column(k, window.add);
      for (let x = 0; x < nx; x++) {
        column(x + width - 1, window.add);
        result[(z * ny + y) * nx + x] = values[window.middle()]!;
        column(x, window.remove);
      }
      for (let k = nx; k < nx + width - 1; k++) column(k, window.remove);
    }
  return result;
}

/** Index of every voxel that windows of this size touch, from the first before the image to the last behind it. */
function sourcesOf(n: number, size: number, boundary: MedianWindow['boundary']): Int32Array {
  return Int32Array.from({ length: n + size - 1 }, (_, k) => {
    const i = k - (size >> 1);
    if (boundary === 'edge') return Math.min(n - 1, Math.max(0, i));
    const folded = ((i % (2 * n)) + 2 * n) % (2 * n);
    return folded < n ? folded : 2 * n - 1 - folded;
  });
}

/** The distinct values in order, and for each voxel which of them it has. What is not a number comes last. */
function ranksOf(channel: Float64Array): { readonly ranks: Int32Array; readonly values: Float64Array } {
  const sorted = channel.slice().sort();
  const values = sorted.filter((value, k) => value !== sorted[k - 1]);
  const ranks = Int32Array.from(channel, (value) => {
    if (Number.isNaN(value)) return values.length - 1;
    let [low, high] = [0, values.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (values[middle]! < value) low = middle + 1;
      else high = middle;
    }
    return low;
  });
  return { ranks, values };
}

/** Counts of ranks, with a bit for each that is there and a bit for each word of such bits, so that gaps are leapt over. */
class RankWindow {
  private readonly counts: Uint16Array;
  private readonly levels: Int32Array[] = [];
  private readonly target: number;
  /** Where the middle was last, and how many lie below it. */
  private rank = 0;
  private below = 0;

  /** `target`: how many lie below the middle of a full window. */
  constructor(ranks: number, target: number) {
    this.counts = new Uint16Array(ranks);
    this.target = target;
    for (let n = ranks; n > 1 || this.levels.length === 0; n = Math.ceil(n / 32))
      this.levels.push(new Int32Array(Math.ceil(n / 32)));
  }

  readonly add = (rank: number): void => {
    if (rank < this.rank) this.below++;
    if (this.counts[rank]!++ > 0) return;
    let at = rank;
    for (const level of this.levels) {
      const word = at >> 5;
      const before = level[word]!;
      level[word] = before | (1 << (at & 31));
      if (before !== 0) return;
      at = word;
    }
  };

  readonly remove = (rank: number): void => {
    if (rank < this.rank) this.below--;
    if (--this.counts[rank]! > 0) return;
    let at = rank;
    for (const level of this.levels) {
      const word = at >> 5;
      const after = level[word]! & ~(1 << (at & 31));
      level[word] = after;
      if (after !== 0) return;
      at = word;
    }
  };

  /** The rank that `target` others lie below. */
  middle(): number {
    while (this.below > this.target) {
      this.rank = this.previous(this.rank);
      this.below -= this.counts[this.rank]!;
    }
    while (this.below + this.counts[this.rank]! <= this.target) {
      this.below += this.counts[this.rank]!;
      this.rank = this.next(this.rank);
    }
    return this.rank;
  }

  /** The next greater rank that is there. */
  private next(rank: number): number {
    let at = rank + 1;
    let k = 0;
    for (; ; k++, at = (at >> 5) + 1) {
      const bits = (this.levels[k]![at >> 5] ?? 0) & (-1 << (at & 31));
      if (bits === 0) continue;
      at = (at & ~31) + trailingZeros(bits);
      break;
    }
    for (k--; k >= 0; k--) at = at * 32 + trailingZeros(this.levels[k]![at]!);
    return at;
  }

  /** The next smaller rank that is there. */
  private previous(rank: number): number {
    let at = rank - 1;
    let k = 0;
    for (; ; k++, at = (at >> 5) - 1) {
      const bits = (this.levels[k]![at >> 5] ?? 0) & (-1 >>> (31 - (at & 31)));
      if (bits === 0) continue;
      at = (at & ~31) + 31 - Math.clz32(bits);
      break;
    }
    for (k--; k >= 0; k--) at = at * 32 + 31 - Math.clz32(this.levels[k]![at]!);
    return at;
  }
}

const trailingZeros = (bits: number): number => 31 - Math.clz32(bits & -bits);

export interface MedianParameters {
  /** Voxels on either side along z, y, x. */
  readonly radius: readonly number[];
}
export const medianApplication = hostIntensity<MedianParameters>('median', (voxels, { radius }) => {
  const [, ...space] = voxels.shape;
  const size = radius.map((r) => 2 * r + 1);
  return perChannel(voxels, (channel) => medianFilter(channel, space, { size, boundary: 'edge' }));
});
/** Median of a box, edges continued. Throws: TransformError unless the radius is whole and at least 0. */
export const median = (radius: number | readonly number[] = 1): Transform<MedianParameters> => {
  const three = typeof radius === 'number' ? [radius, radius, radius] : radius;
  if (three.length !== 3 || !three.every((r) => Number.isInteger(r) && r >= 0 && r <= 16))
    throw new TransformError(
      `median: the radius is one whole number from 0 to 16, or three along z, y, x; came ${JSON.stringify(radius)}.`,
      { radius },
    );
  return { ...medianApplication, measures: false, sample: () => ({ radius: three }) };
};
