// Instance normalization, affine and leaky ReLU over blocked tensors, and its gradient.
//
// A row is one sample's block of 8 channels. Sums run over fixed blocks of voxels (mean and squared deviations of each
// block, joined in float64), so they are exact enough for any volume and do not depend on the number of threads.

import { activate_voxels } from '../../devices/wasm/activation.as';
import { MOMENTS_BYTES, record_moments } from '../../devices/wasm/moments.as';
import { address, madd, word } from '../../devices/wasm/simd.as';

const SUM_BLOCK: i32 = 1024;

/** What leaky ReLU hands back of `dy` where it was given `y`. */
@inline function sloped(dy: v128, y: v128, slope: v128): v128 {
  return v128.bitselect(f32x4.mul(dy, slope), dy, f32x4.lt(y, f32x4.splat(0)));
}

/** A record of moments per block of voxels. args: x, records, rows, voxels. */
export function norm_sums(args: usize, part: i32, parts: i32): void {
  const x = address(args, 0), records = address(args, 1);
  const voxels = word(args, 3);
  const perRow = (voxels + SUM_BLOCK - 1) / SUM_BLOCK;
  const pieces = word(args, 2) * perRow;
  for (let piece = part; piece < pieces; piece += parts) {
    const first = (piece % perRow) * SUM_BLOCK;
    const from = x + (<usize>(piece / perRow) * <usize>voxels + <usize>first << 5);
    record_moments(from, min(SUM_BLOCK, voxels - first), records + <usize>piece * MOMENTS_BYTES);
  }
}

/**
 * Joins the records of each row (Chan's rule) to mean and inverse deviation. args: records, records per row, moments, samples,
 * channels, epsilon.
 */
export function norm_moments(args: usize, part: i32, parts: i32): void {
  const records = address(args, 0), moments = address(args, 2);
  const perRow = word(args, 1), channels = word(args, 4);
  const epsilon = <f64>load<f32>(args, 20);
  const blocks = (channels + 7) >> 3;
  const pairs = word(args, 3) * blocks << 2;
  for (let pair = part; pair < pairs; pair += parts) {
    const row = pair >> 2, lane = (pair & 3) << 1;
    let at = records + <usize>(row * perRow) * MOMENTS_BYTES;
    const end = at + <usize>perRow * MOMENTS_BYTES;
    let mean = f64x2.splat(0), squares = mean;
    let seen: f64 = 0;
    for (; at < end; at += MOMENTS_BYTES) {
      const count = <f64>load<f32>(at, 64);
      const share = count / (seen + count);
      const from = at + (<usize>lane << 2);
      const step = f64x2.sub(f64x2.promote_low_f32x4(v128.load64_zero(from)), mean);
      const between = f64x2.mul(f64x2.mul(step, step), f64x2.splat(seen * share));
      squares = f64x2.add(squares, f64x2.add(f64x2.promote_low_f32x4(v128.load64_zero(from, 32)), between));
      mean = f64x2.add(mean, f64x2.mul(step, f64x2.splat(share)));
      seen += count;
    }
    const inverse = f64x2.div(f64x2.splat(1), f64x2.sqrt(f64x2.add(f64x2.div(squares, f64x2.splat(seen)), f64x2.splat(epsilon))));
    const c = ((row % blocks) << 3) + lane;
    const to = moments + (<usize>(row / blocks * channels + c) << 3);
    if (c < channels) {
      store<f32>(to, <f32>f64x2.extract_lane(mean, 0));
      store<f32>(to, <f32>f64x2.extract_lane(inverse, 0), 4);
    }
    if (c + 1 < channels) {
      store<f32>(to, <f32>f64x2.extract_lane(mean, 1), 8);
      store<f32>(to, <f32>f64x2.extract_lane(inverse, 1), 12);
    }
  }
}

/** Factors y = x * a + b of each row, a[8], b[8]. args: moments, scale or 0, shift or 0, factors, samples, channels. */
export function norm_factors(args: usize, part: i32, parts: i32): void {
  const moments = address(args, 0), scale = address(args, 1), shift = address(args, 2);
  const channels = word(args, 5);
  const blocks = (channels + 7) >> 3;
  const rows = word(args, 4) * blocks;
  for (let row = part; row < rows; row += parts)
    for (let lane = 0; lane < 8; lane++) {
      const to = address(args, 3) + (<usize>row << 6) + (<usize>lane << 2);
      const c = ((row % blocks) << 3) + lane;
      let a: f64 = 0, b: f64 = 0;
      if (c < channels) {
        const moment = moments + (<usize>((row / blocks) * channels + c) << 3);
        a = <f64>load<f32>(moment, 4) * (scale ? <f64>load<f32>(scale + (<usize>c << 2)) : 1);
        b = (shift ? <f64>load<f32>(shift + (<usize>c << 2)) : 0) - <f64>load<f32>(moment) * a;
      }
      store<f32>(to, <f32>a);
      store<f32>(to, <f32>b, 32);
    }
}

/** y = leaky(x * a + b). args: x, y, factors, rows, voxels, slope. */
export function norm_apply(args: usize, part: i32, parts: i32): void {
  const x = address(args, 0), y = address(args, 1), factors = address(args, 2);
  const voxels = word(args, 4);
  const slope = v128.load_splat<f32>(args, 20);
  const perRow = (voxels + SUM_BLOCK - 1) / SUM_BLOCK;
  const pieces = word(args, 3) * perRow;
  for (let piece = part; piece < pieces; piece += parts) {
    const row = piece / perRow;
    const first = (piece % perRow) * SUM_BLOCK;
    const shift = <usize>row * <usize>voxels + <usize>first << 5;
    activate_voxels(x + shift, <usize>min(SUM_BLOCK, voxels - first) << 5, factors + (<usize>row << 6), slope, y + shift);
  }
}

/**
 * Factors of the gradient per row, 8 each: mean, inverse, scale, shift.
 * args: scale or 0, shift or 0, moments, factors, samples, channels.
 */
export function norm_gradient_factors(args: usize, part: i32, parts: i32): void {
  if (part != 0) return;
  const scale = address(args, 0), shift = address(args, 1), moments = address(args, 2);
  let to = address(args, 3);
  const samples = word(args, 4), channels = word(args, 5);
  const blocks = (channels + 7) >> 3;
  for (let row = 0; row < samples * blocks; row++) {
    for (let lane = 0; lane < 8; lane++) {
      const c = ((row % blocks) << 3) + lane;
      const there = c < channels;
      const moment = moments + (<usize>((row / blocks) * channels + c) << 3);
      store<f32>(to, there ? load<f32>(moment) : 0);
      store<f32>(to, there ? load<f32>(moment, 4) : 0, 32);
      store<f32>(to, there ? (scale ? load<f32>(scale + (<usize>c << 2)) : 1) : 0, 64);
      store<f32>(to, there && shift != 0 ? load<f32>(shift + (<usize>c << 2)) : 0, 96);
      to += 4;
    }
    to += 96;
  }
}

/** Per block of voxels: sum of g[8] and of g * normal[8], g = dy * activation's slope. args: x, dy, factors, sums, rows, voxels, slope. */
export function norm_gradient_sums(args: usize, part: i32, parts: i32): void {
  const x = address(args, 0), dy = address(args, 1), factors = address(args, 2), sums = address(args, 3);
  const voxels = word(args, 5);
  const slope = v128.load_splat<f32>(args, 24);
  const zero = f32x4.splat(0);
  const perRow = (voxels + SUM_BLOCK - 1) / SUM_BLOCK;
  const pieces = word(args, 4) * perRow;
  for (let piece = part; piece < pieces; piece += parts) {
    const row = piece / perRow;
    const first = (piece % perRow) * SUM_BLOCK;
    const begin = <usize>row * <usize>voxels + <usize>first << 5;
    const end = begin + (<usize>min(SUM_BLOCK, voxels - first) << 5);
    for (let half: usize = 0; half < 32; half += 16) {
      const factor = factors + (<usize>row << 7) + half;
      const mean = v128.load(factor), inverse = v128.load(factor, 32), scale = v128.load(factor, 64), shift = v128.load(factor, 96);
      // Two chains of sums hide the latency of an addition.
      let direct = zero, byNormal = zero, direct2 = zero, byNormal2 = zero;
      const pairs = begin + ((end - begin) & ~63);
      let at = begin + half;
      for (; at < pairs; at += 64) {
        const normal = f32x4.mul(f32x4.sub(v128.load(x + at), mean), inverse);
        const g = sloped(v128.load(dy + at), madd(normal, scale, shift), slope);
        direct = f32x4.add(direct, g);
        byNormal = madd(g, normal, byNormal);
        const normal2 = f32x4.mul(f32x4.sub(v128.load(x + at, 32), mean), inverse);
        const g2 = sloped(v128.load(dy + at, 32), madd(normal2, scale, shift), slope);
        direct2 = f32x4.add(direct2, g2);
        byNormal2 = madd(g2, normal2, byNormal2);
      }
      if (at < end) {
        const normal = f32x4.mul(f32x4.sub(v128.load(x + at), mean), inverse);
        const g = sloped(v128.load(dy + at), madd(normal, scale, shift), slope);
        direct = f32x4.add(direct, g);
        byNormal = madd(g, normal, byNormal);
      }
      const to = sums + (<usize>piece << 6) + half;
      v128.store(to, f32x4.add(direct, direct2));
      v128.store(to, f32x4.add(byNormal, byNormal2), 32);
    }
  }
}

/**
 * Joins the sums; writes dscale and dshift, and leaves in the sums of each row's first block what the last pass needs:
 * dx = scale * inverse * g + p + normal * q. args: sums, factors, dscale, dshift, gradient of the moments or 0, samples, channels, voxels.
 */
export function norm_gradient_join(args: usize, part: i32, parts: i32): void {
  const sums = address(args, 0), factors = address(args, 1), dscale = address(args, 2), dshift = address(args, 3), dmoments = address(args, 4);
  const samples = word(args, 5), channels = word(args, 6), voxels = word(args, 7);
  const blocks = (channels + 7) >> 3;
  const perRow = (voxels + SUM_BLOCK - 1) / SUM_BLOCK;
  for (let c = part; c < blocks << 3; c += parts) {
    let allDirect: f64 = 0, allNormal: f64 = 0;
    for (let sample = 0; sample < samples; sample++) {
      const row = sample * blocks + (c >> 3);
      const first = sums + (<usize>(row * perRow) << 6) + (<usize>(c & 7) << 2);
      let direct: f64 = 0, byNormal: f64 = 0;
      for (let k = 0; k < perRow; k++) {
        direct += <f64>load<f32>(first + (<usize>k << 6));
        byNormal += <f64>load<f32>(first + (<usize>k << 6), 32);
      }
      allDirect += direct;
      allNormal += byNormal;
      const factor = factors + (<usize>row << 7) + (<usize>(c & 7) << 2);
      const inverse = <f64>load<f32>(factor, 32);
      const outer = inverse * <f64>load<f32>(factor, 64);
      let p = -outer * direct, q = -outer * byNormal;
      if (dmoments != 0 && c < channels) {
        const moment = dmoments + (<usize>(sample * channels + c) << 3);
        p += <f64>load<f32>(moment);
        q -= <f64>load<f32>(moment, 4) * inverse * inverse;
      }
      store<f32>(first, <f32>(p / <f64>voxels));
      store<f32>(first, <f32>(q / <f64>voxels), 32);
    }
    if (c < channels) {
      store<f32>(dscale + (<usize>c << 2), <f32>allNormal);
      store<f32>(dshift + (<usize>c << 2), <f32>allDirect);
    }
  }
}

/** dx = scale * inverse * g + p + normal * q. args: x, dy, dx, factors, sums, rows, voxels, slope. */
export function norm_gradient_apply(args: usize, part: i32, parts: i32): void {
  const x = address(args, 0), dy = address(args, 1), dx = address(args, 2), factors = address(args, 3), sums = address(args, 4);
  const voxels = word(args, 6);
  const slope = v128.load_splat<f32>(args, 28);
  const perRow = (voxels + SUM_BLOCK - 1) / SUM_BLOCK;
  const pieces = word(args, 5) * perRow;
  for (let piece = part; piece < pieces; piece += parts) {
    const row = piece / perRow;
    const first = (piece % perRow) * SUM_BLOCK;
    const begin = <usize>row * <usize>voxels + <usize>first << 5;
    const end = begin + (<usize>min(SUM_BLOCK, voxels - first) << 5);
    for (let half: usize = 0; half < 32; half += 16) {
      const factor = factors + (<usize>row << 7) + half;
      const sum = sums + (<usize>(row * perRow) << 6) + half;
      const mean = v128.load(factor), inverse = v128.load(factor, 32), scale = v128.load(factor, 64), shift = v128.load(factor, 96);
      const p = v128.load(sum), q = v128.load(sum, 32);
      const outer = f32x4.mul(scale, inverse);
      for (let at = begin + half; at < end; at += 32) {
        const normal = f32x4.mul(f32x4.sub(v128.load(x + at), mean), inverse);
        const g = sloped(v128.load(dy + at), madd(normal, scale, shift), slope);
        v128.store(dx + at, madd(outer, g, madd(normal, q, p)));
      }
    }
  }
}
