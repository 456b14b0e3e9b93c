/** One pass over voxels: range, finiteness, distinct values, a fingerprint to find copies. */
import type { VoxelArray } from '@voxelwise/volume';
import { crc32 } from '../bytes/crc32.ts';
import { bytesOf } from '../voxels/stored-type.ts';

export interface VoxelFacts {
  readonly count: number;
  /** Over finite values; Infinity and -Infinity if there are none. */
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly standardDeviation: number;
  readonly nan: number;
  readonly infinite: number;
  readonly isWhole: boolean;
  /** First fractional value and its place. */
  readonly firstFraction: { readonly index: number; readonly value: number } | undefined;
  /** The most that a value is away from a whole number. */
  readonly largestFraction: number;
  /** Some values from all over the image, less the mean, in standard deviations: alike for copies that were only rescaled. */
  readonly profile: Float32Array;
  /** Voxels per distinct value, up to `mostDistinct` values; undefined when there are more. */
  readonly values: ReadonlyMap<number, number> | undefined;
  /** Equal for equal voxels whatever their type; different otherwise, but for one chance in 2^64. */
  readonly fingerprint: string;
}

/** `mostDistinct`: give up counting values beyond this many. */
export function voxelFacts(
  voxels: VoxelArray,
  { mostDistinct = 1024 }: { readonly mostDistinct?: number } = {},
): VoxelFacts {
  let [min, max, sum, squares, nan, infinite, largestFraction] = [Infinity, -Infinity, 0, 0, 0, 0, 0];
  let firstFraction: VoxelFacts['firstFraction'];
  let values: Map<number, number> | undefined = new Map();
  let [previous, run] = [NaN, 0];
  const flush = (): void => {
    if (run > 0 && values) values.set(previous, (values.get(previous) ?? 0) + run);
    if (values && values.size > mostDistinct) values = undefined;
    run = 0;
  };
  for (let i = 0; i < voxels.length; i++) {
    const v = voxels[i]!;
    if (v - v !== 0) {
      if (v !== v) nan++;
      else infinite++;
      continue;
    }
    if (v < min) min = v;
    if (v > max) max = v;
    sum += v;
    squares += v * v;
    if (v !== Math.round(v)) {
      firstFraction ??= { index: i, value: v };
      largestFraction = Math.max(largestFraction, Math.abs(v - Math.round(v)));
    }
    if (v === previous) run++;
    else {
      flush();
      [previous, run] = [v, 1];
    }
  }
  flush();
  const finite = voxels.length - nan - infinite;
  const mean = finite > 0 ? sum / finite : NaN;
  const standardDeviation = finite > 0 ? Math.sqrt(Math.max(0, squares / finite - mean * mean)) : NaN;
  return {
    count: voxels.length,
    min,
    max,
    nan,
    infinite,
    firstFraction,
    values,
    mean,
    standardDeviation,
    largestFraction,
    profile: profile(voxels, mean, standardDeviation),
    isWhole: firstFraction === undefined && nan === 0 && infinite === 0,
    fingerprint: fingerprint(voxels),
  };
}

/** Numbers of a profile: two different images agree in none of them but by chance. */
const PROFILE = 512;

function profile(voxels: VoxelArray, mean: number, standardDeviation: number): Float32Array {
  const count = Math.min(PROFILE, voxels.length);
  return Float32Array.from(
    { length: count },
    (_, i) => (voxels[Math.floor(((i + 0.5) * voxels.length) / count)]! - mean) / standardDeviation,
  );
}

/** Two checksums of the values as float32: one of their order, one of their amounts. */
function fingerprint(voxels: VoxelArray): string {
  const step = 1 << 16;
  let crc = 0;
  let mixed = 0x9e3779b9;
  for (let at = 0; at < voxels.length; at += step) {
    const part = Float32Array.from(voxels.subarray(at, Math.min(voxels.length, at + step)));
    crc = crc32(bytesOf(part), crc);
    const words = new Uint32Array(part.buffer);
    for (let i = 0; i < words.length; i++) mixed = (Math.imul(mixed ^ words[i]!, 0x85ebca6b) + 0x6d2b79f5) | 0;
  }
  return `${voxels.length}-${crc.toString(16)}-${(mixed >>> 0).toString(16)}`;
}
