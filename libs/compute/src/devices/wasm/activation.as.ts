// What a normalization does to each number once its moments are known: a factor and an offset per channel, then leaky ReLU.

import { madd } from './simd.as';

/** to = leaky(from · a + b) for `bytes` of voxels of 8 channels; `factors`: a[8], b[8]. */
export function activate_voxels(from: usize, bytes: usize, factors: usize, slope: v128, to: usize): void {
  const aLow = v128.load(factors), aHigh = v128.load(factors, 16), bLow = v128.load(factors, 32), bHigh = v128.load(factors, 48);
  const zero = f32x4.splat(0);
  for (const end = from + bytes; from < end; from += 32) {
    const low = madd(v128.load(from), aLow, bLow), high = madd(v128.load(from, 16), aHigh, bHigh);
    v128.store(to, v128.bitselect(f32x4.mul(low, slope), low, f32x4.lt(low, zero)));
    v128.store(to, v128.bitselect(f32x4.mul(high, slope), high, f32x4.lt(high, zero)), 16);
    to += 32;
  }
}
