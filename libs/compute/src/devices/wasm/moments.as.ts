// Mean and variance of blocked tensors: a record per run of voxels, taken where the voxels were just written or in a pass of their own.
//
// A record is mean[8], sum of squared deviations[8], number of voxels: 80 bytes with padding. Its runs are fixed by the sizes, never by the
// threads, and are joined in order by Chan's rule in float64 (norm_moments). Sources: Chan, Golub and LeVeque 1983, two passes with correction.

import { madd } from './simd.as';

export const MOMENTS_BYTES: usize = 80;

/** The record of `voxels` voxels of 8 channels at `from`. Two chains of sums per channel hide the latency of an addition. */
export function record_moments(from: usize, voxels: i32, to: usize): void {
  const end = from + (<usize>voxels << 5);
  const pairs = from + (<usize>(voxels & ~1) << 5);
  const zero = f32x4.splat(0);
  const share = f32x4.splat(1 / <f32>voxels);
  let low = zero, high = zero, low2 = zero, high2 = zero;
  let at = from;
  for (; at < pairs; at += 64) {
    low = f32x4.add(low, v128.load(at));
    high = f32x4.add(high, v128.load(at, 16));
    low2 = f32x4.add(low2, v128.load(at, 32));
    high2 = f32x4.add(high2, v128.load(at, 48));
  }
  if (at < end) {
    low = f32x4.add(low, v128.load(at));
    high = f32x4.add(high, v128.load(at, 16));
  }
  const meanLow = f32x4.mul(f32x4.add(low, low2), share), meanHigh = f32x4.mul(f32x4.add(high, high2), share);
  // What the rounded mean leaves over corrects mean and squares.
  let restLow = zero, restHigh = zero, squaresLow = zero, squaresHigh = zero, squaresLow2 = zero, squaresHigh2 = zero;
  for (at = from; at < pairs; at += 64) {
    const a = f32x4.sub(v128.load(at), meanLow), b = f32x4.sub(v128.load(at, 16), meanHigh);
    squaresLow = madd(a, a, squaresLow);
    squaresHigh = madd(b, b, squaresHigh);
    const c = f32x4.sub(v128.load(at, 32), meanLow), d = f32x4.sub(v128.load(at, 48), meanHigh);
    squaresLow2 = madd(c, c, squaresLow2);
    squaresHigh2 = madd(d, d, squaresHigh2);
    restLow = f32x4.add(restLow, f32x4.add(a, c));
    restHigh = f32x4.add(restHigh, f32x4.add(b, d));
  }
  if (at < end) {
    const a = f32x4.sub(v128.load(at), meanLow), b = f32x4.sub(v128.load(at, 16), meanHigh);
    squaresLow = madd(a, a, squaresLow);
    squaresHigh = madd(b, b, squaresHigh);
    restLow = f32x4.add(restLow, a);
    restHigh = f32x4.add(restHigh, b);
  }
  const stepLow = f32x4.mul(restLow, share), stepHigh = f32x4.mul(restHigh, share);
  v128.store(to, f32x4.add(meanLow, stepLow));
  v128.store(to, f32x4.add(meanHigh, stepHigh), 16);
  v128.store(to, f32x4.sub(f32x4.add(squaresLow, squaresLow2), f32x4.mul(restLow, stepLow)), 32);
  v128.store(to, f32x4.sub(f32x4.add(squaresHigh, squaresHigh2), f32x4.mul(restHigh, stepHigh)), 48);
  store<f32>(to, <f32>voxels, 64);
}
