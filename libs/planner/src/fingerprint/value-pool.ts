/**
 * A multiset of float32 values with exact mean, spread, extremes and percentiles.
 *
 * Values are counted by their bits: a hundred million samples of a CT take a few thousand slots. When there are more
 * different values than the pool may hold, it keeps a histogram of the upper 16 bits and asks to see the values once
 * more, to count the lower 16 bits of just those bins that hold a wanted rank. Either way the results are exact.
 */
import { FingerprintError } from '../errors.ts';
import type { IntensityProperties } from './fingerprint.ts';

const BINS = 65_536;
const QUANTILES = { percentile_00_5: 0.005, median: 0.5, percentile_99_5: 0.995 } as const;

export class ValuePool {
  readonly #maxSlots: number;
  /** The value's bits and how often it came; a slot with count 0 is free. Gone once the pool has overflowed. */
  #slots: { keys: Uint32Array; counts: Float64Array } | undefined = makeSlots(1024);
  #distinct = 0;
  #upper: Float64Array | undefined;
  #lower: Map<number, Float64Array> | undefined;
  #count = 0;
  #mean = 0;
  #squares = 0;
  #min = Infinity;
  #max = -Infinity;

  /** `maxBytes`: memory this pool may take before it needs a second look. */
  constructor(maxBytes: number) {
    this.#maxSlots = Math.max(1024, 2 ** Math.floor(Math.log2(maxBytes / 12)));
  }

  get count(): number {
    return this.#count;
  }

  /** Whether every value must be added once more, through `addAgain`, before `properties` can answer. */
  get needsSecondPass(): boolean {
    return this.#upper !== undefined && this.#lower === undefined;
  }

  /** Adds `times` copies of a finite value, rounded to float32. */
  add(value: number, times: number): void {
    this.#count += times;
    const away = value - this.#mean;
    this.#mean += (away * times) / this.#count;
    this.#squares += times * away * (value - this.#mean);
    if (value < this.#min) this.#min = value;
    if (value > this.#max) this.#max = value;
    const key = orderedBits(value);
    if (this.#upper !== undefined) this.#upper[key >>> 16]! += times;
    else this.#insert(key, times);
  }

  /** Opens the second pass: reserves counters for the bins that hold a wanted rank. */
  startSecondPass(): void {
    const bins = this.#ranks().map((rank) => binOf(this.#upper!, rank).bin);
    this.#lower = new Map(bins.map((bin) => [bin, new Float64Array(BINS)]));
  }

  /** The same values as given to `add`, once more, in any order. */
  addAgain(value: number, times: number): void {
    const key = orderedBits(value);
    const counts = this.#lower!.get(key >>> 16);
    if (counts !== undefined) counts[key & 0xffff]! += times;
  }

  /** Throws: FingerprintError if the pool is empty. */
  properties(): IntensityProperties {
    if (this.#count === 0)
      throw new FingerprintError(
        'fingerprint: no case has a foreground voxel, so there are no intensities to measure. Check the labels.',
        {},
      );
    const rank = this.#rankReader();
    const quantile = (q: number): number => {
      const at = q * (this.#count - 1);
      const below = rank(Math.floor(at));
      const above = rank(Math.min(Math.floor(at) + 1, this.#count - 1));
      return below + (above - below) * (at - Math.floor(at));
    };
    return {
      max: this.#max,
      mean: this.#mean,
      median: quantile(QUANTILES.median),
      min: this.#min,
      percentile_00_5: quantile(QUANTILES.percentile_00_5),
      percentile_99_5: quantile(QUANTILES.percentile_99_5),
      std: Math.sqrt(this.#squares / this.#count),
    };
  }

  #insert(key: number, times: number): void {
    const { keys, counts } = this.#slots!;
    const mask = keys.length - 1;
    let slot = (Math.imul(key, 0x9e3779b1) >>> 8) & mask;
    while (counts[slot] !== 0 && keys[slot] !== key) slot = (slot + 1) & mask;
    if (counts[slot] === 0) {
      keys[slot] = key;
      this.#distinct++;
    }
    counts[slot]! += times;
    if (2 * this.#distinct > keys.length) this.#grow();
  }

  #grow(): void {
    const { keys, counts } = this.#slots!;
    const full = 2 * keys.length > this.#maxSlots;
    this.#slots = full ? undefined : makeSlots(2 * keys.length);
    if (full) this.#upper = new Float64Array(BINS);
    this.#distinct = 0;
    for (let i = 0; i < keys.length; i++) {
      if (counts[i] === 0) continue;
      if (full) this.#upper![keys[i]! >>> 16]! += counts[i]!;
      else this.#insert(keys[i]!, counts[i]!);
    }
  }

  /** The ranks the percentiles are interpolated between. */
  #ranks(): number[] {
    return Object.values(QUANTILES).flatMap((q) => {
      const at = Math.floor(q * (this.#count - 1));
      return [at, Math.min(at + 1, this.#count - 1)];
    });
  }

  /** A function from a rank (0 is the smallest) to its value. */
  #rankReader(): (rank: number) => number {
    if (this.#slots !== undefined) {
      const { keys, counts } = this.#slots;
      const used = [...keys.keys()].filter((i) => counts[i] !== 0);
      const order = Uint32Array.from(used).sort((a, b) => keys[a]! - keys[b]!);
      return (rank) => {
        let i = 0;
        for (let below = counts[order[0]!]!; below <= rank; below += counts[order[i]!]!) i++;
        return fromOrderedBits(keys[order[i]!]!);
      };
    }
    if (this.#lower === undefined)
      throw new FingerprintError(
        'fingerprint: the value pool overflowed and was not shown the values a second time.',
        {},
      );
    return (rank) => {
      const { bin, below } = binOf(this.#upper!, rank);
      return fromOrderedBits(((bin << 16) >>> 0) + binOf(this.#lower!.get(bin)!, rank - below).bin);
    };
  }
}

function makeSlots(size: number): { keys: Uint32Array; counts: Float64Array } {
  return { keys: new Uint32Array(size), counts: new Float64Array(size) };
}

/** The bin that holds a rank, and how many values lie in the bins below it. */
function binOf(counts: Float64Array, rank: number): { bin: number; below: number } {
  let below = 0;
  let bin = 0;
  while (below + counts[bin]! <= rank) below += counts[bin++]!;
  return { bin, below };
}

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** Float32 bits as a whole number that grows with the value; the two zeros are one. */
function orderedBits(value: number): number {
  float[0] = value === 0 ? 0 : value;
  const word = bits[0]!;
  return (word & 0x80000000 ? ~word : word | 0x80000000) >>> 0;
}

function fromOrderedBits(key: number): number {
  bits[0] = key & 0x80000000 ? key & 0x7fffffff : ~key;
  return float[0]!;
}
