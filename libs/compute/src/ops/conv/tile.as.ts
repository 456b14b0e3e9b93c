// The one inner loop of all convolutions: 4 voxels x 8 output channels in registers.
//
// One step of k per iteration: 2 weight loads, 4 splats, 8 multiply-adds. Older V8 reorders an unrolled body until it
// spills, so the loop stays rolled; four input pointers instead of one with offsets cost nothing and let the voxels lie
// anywhere (strides, row ends, channel counts known only at run time).

import { madd } from '../../devices/wasm/simd.as';

/**
 * y[v] = bias + sum over runs r, over k: x[v][offsets[r] + k] * w[r][k], 8 channels each.
 * `offsets`: `runs` byte offsets, added to each of x0..x3; `runBytes`: 4 bytes per k; `w`: 32 bytes per k, runs one after the other.
 */
export function conv_tile(
  x0: usize, x1: usize, x2: usize, x3: usize,
  offsets: usize, runs: i32, runBytes: usize,
  w: usize, bias: usize,
  y0: usize, y1: usize, y2: usize, y3: usize,
): void {
  const low = v128.load(bias);
  const high = v128.load(bias, 16);
  let a00 = low, a01 = high, a10 = low, a11 = high, a20 = low, a21 = high, a30 = low, a31 = high;
  const last = offsets + (<usize>runs << 2);
  for (let at = offsets; at < last; at += 4) {
    const shift = <usize>load<u32>(at);
    let p0 = x0 + shift, p1 = x1 + shift, p2 = x2 + shift, p3 = x3 + shift;
    const end = p0 + runBytes;
    do {
      const w0 = v128.load(w);
      const w1 = v128.load(w, 16);
      const b0 = v128.load_splat<f32>(p0);
      a00 = madd(b0, w0, a00);
      a01 = madd(b0, w1, a01);
      const b1 = v128.load_splat<f32>(p1);
      a10 = madd(b1, w0, a10);
      a11 = madd(b1, w1, a11);
      const b2 = v128.load_splat<f32>(p2);
      a20 = madd(b2, w0, a20);
      a21 = madd(b2, w1, a21);
      const b3 = v128.load_splat<f32>(p3);
      a30 = madd(b3, w0, a30);
      a31 = madd(b3, w1, a31);
      p0 += 4; p1 += 4; p2 += 4; p3 += 4; w += 32;
    } while (p0 < end);
  }
  v128.store(y0, a00); v128.store(y0, a01, 16);
  v128.store(y1, a10); v128.store(y1, a11, 16);
  v128.store(y2, a20); v128.store(y2, a21, 16);
  v128.store(y3, a30); v128.store(y3, a31, 16);
}

/**
 * The product of Winograd's transforms at one position: for every four tiles, sum over depth taps, blocks of input channels and
 * their 8 channels of x[tap][block][tile][8] * w[tap][block][8][8 out]. `to`: four tiles of 8 outputs, `toStep` bytes after the last four.
 */
export function conv_panel(x: usize, taps: i32, tapBytes: usize, blocks: i32, blockBytes: usize, w: usize, to: usize, toStep: usize, tiles: i32): void {
  const zero = f32x4.splat(0);
  for (let tile = 0; tile < tiles; tile += 4) {
    let a00 = zero, a01 = zero, a10 = zero, a11 = zero, a20 = zero, a21 = zero, a30 = zero, a31 = zero;
    let at = w;
    for (let tap = 0; tap < taps; tap++) {
      let block = x + <usize>tap * tapBytes;
      for (let b = 0; b < blocks; b++) {
        let p = block;
        const end = p + 32;
        do {
          const w0 = v128.load(at);
          const w1 = v128.load(at, 16);
          const b0 = v128.load_splat<f32>(p);
          a00 = madd(b0, w0, a00);
          a01 = madd(b0, w1, a01);
          const b1 = v128.load_splat<f32>(p, 32);
          a10 = madd(b1, w0, a10);
          a11 = madd(b1, w1, a11);
          const b2 = v128.load_splat<f32>(p, 64);
          a20 = madd(b2, w0, a20);
          a21 = madd(b2, w1, a21);
          const b3 = v128.load_splat<f32>(p, 96);
          a30 = madd(b3, w0, a30);
          a31 = madd(b3, w1, a31);
          p += 4; at += 32;
        } while (p < end);
        block += blockBytes;
      }
    }
    v128.store(to, a00); v128.store(to, a01, 16);
    v128.store(to, a10, 32); v128.store(to, a11, 48);
    v128.store(to, a20, 64); v128.store(to, a21, 80);
    v128.store(to, a30, 96); v128.store(to, a31, 112);
    x += 128;
    to += toStep;
  }
}

/**
 * The outer-product tile of weight gradients: sum[c][8] (+)= sum over t: x[t][c] * y[t][8] for 4 input channels.
 * The sum of one call starts at zero and is added to memory at the end (`add`), so that long sums are sums of block sums.
 */
export function conv_outer_tile(x: usize, xStride: usize, y: usize, yStride: usize, count: i32, sum: usize, add: bool): void {
  let a00 = f32x4.splat(0), a01 = a00, a10 = a00, a11 = a00, a20 = a00, a21 = a00, a30 = a00, a31 = a00;
  const end = y + <usize>count * yStride;
  while (y < end) {
    const w0 = v128.load(y);
    const w1 = v128.load(y, 16);
    const b0 = v128.load_splat<f32>(x);
    a00 = madd(b0, w0, a00);
    a01 = madd(b0, w1, a01);
    const b1 = v128.load_splat<f32>(x, 4);
    a10 = madd(b1, w0, a10);
    a11 = madd(b1, w1, a11);
    const b2 = v128.load_splat<f32>(x, 8);
    a20 = madd(b2, w0, a20);
    a21 = madd(b2, w1, a21);
    const b3 = v128.load_splat<f32>(x, 12);
    a30 = madd(b3, w0, a30);
    a31 = madd(b3, w1, a31);
    x += xStride;
    y += yStride;
  }
  if (add) {
    a00 = f32x4.add(a00, v128.load(sum)); a01 = f32x4.add(a01, v128.load(sum, 16));
    a10 = f32x4.add(a10, v128.load(sum, 32)); a11 = f32x4.add(a11, v128.load(sum, 48));
    a20 = f32x4.add(a20, v128.load(sum, 64)); a21 = f32x4.add(a21, v128.load(sum, 80));
    a30 = f32x4.add(a30, v128.load(sum, 96)); a31 = f32x4.add(a31, v128.load(sum, 112));
  }
  v128.store(sum, a00); v128.store(sum, a01, 16);
  v128.store(sum, a10, 32); v128.store(sum, a11, 48);
  v128.store(sum, a20, 64); v128.store(sum, a21, 80);
  v128.store(sum, a30, 96); v128.store(sum, a31, 112);
}
