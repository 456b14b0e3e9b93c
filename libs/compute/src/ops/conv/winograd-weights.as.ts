// Winograd's transform of weights, G g Gᵀ per depth tap, and its adjoint Gᵀ u G, which turns transformed sums into a weight gradient.
// Transformed weights are stored [position][output block][depth tap][input channel][8 outputs].

import { address, madd, word } from '../../devices/wasm/simd.as';
import { INNER, OUTER } from './winograd-tiles.as';

/** Row i of G applied to (a, b, c). */
@inline function expand(m: i32, i: i32, a: v128, b: v128, c: v128): v128 {
  if (m == 4) {
    if (i == 0) return a;
    if (i == 5) return c;
    if (i < 3) return f32x4.mul(madd(b, f32x4.splat(i == 1 ? INNER : -INNER), madd(c, f32x4.splat(0.5), a)), f32x4.splat(-2 / <f32>3));
    return f32x4.mul(madd(b, f32x4.splat(i == 3 ? OUTER : -OUTER), madd(c, f32x4.splat(2), a)), f32x4.splat(1 / <f32>6));
  }
  if (i == 0) return a;
  if (i == 3) return c;
  const outer = f32x4.add(a, c);
  return f32x4.mul(i == 1 ? f32x4.add(outer, b) : f32x4.sub(outer, b), f32x4.splat(0.5));
}

/** Four weights of consecutive outputs; fewer where they end. */
@inline function gather(from: usize, stride: usize, present: i32): v128 {
  let v = v128.load32_zero(from);
  if (present > 1) v = v128.load32_lane(from + stride, v, 1);
  if (present > 2) v = v128.load32_lane(from + 2 * stride, v, 2);
  if (present > 3) v = v128.load32_lane(from + 3 * stride, v, 3);
  return v;
}

/** Tap (y, x) of a z-position: the tap itself (q = 1), or row `z` of F(q, 3)'s G over the three depth taps (`slice` bytes apart). */
@inline function depthGather(from: usize, outputStride: usize, present: i32, q: i32, z: i32, slice: usize): v128 {
  const a = gather(from, outputStride, present);
  if (q == 1 || z == 0) return a;
  const c = gather(from + 2 * slice, outputStride, present);
  if (z == q + 1) return c;
  return expand(q, z, a, gather(from + slice, outputStride, present), c);
}

/**
 * args: 0 weight, 1 transformed, 2 outputs, 3 inputs, 4 padded inputs, 5 output stride, 6 input stride (elements), 7 flip the taps,
 * 8 depth taps, 9 m, 10 bytes from position to position, 11 q: 1, or where depth is transformed too (three taps to q + 2 z-positions) 2 or 4.
 */
export function winograd_weights(args: usize, part: i32, parts: i32): void {
  const weight = address(args, 0), transformed = address(args, 1);
  const outputs = word(args, 2), inputs = word(args, 3), padded = word(args, 4);
  const outputStride = <usize>word(args, 5) << 2, inputStride = <usize>word(args, 6) << 2;
  const flip = word(args, 7) != 0;
  const taps = word(args, 8), m = word(args, 9);
  const stride = <usize>word(args, 10);
  const q = word(args, 11);
  const inDepth = q > 1;
  const depth = inDepth ? q + 2 : taps;
  const positions = (m + 2) * (m + 2);
  const chunks = padded >> 3;
  const pieces = ((outputs + 7) >> 3) * depth * chunks;
  const zero = f32x4.splat(0);
  // Taps in reading order, or backwards.
  const next = <usize>(flip ? -4 : 4);
  const slice = <usize>(flip ? -36 : 36);
  for (let piece = part; piece < pieces; piece += parts) {
    const first = (piece % chunks) << 3;
    const kd = (piece / chunks) % depth;
    const block = piece / (chunks * depth);
    const begin = weight + (flip ? <usize>(taps * 36 - 4) : 0) + (inDepth ? 0 : <usize>kd * slice);
    for (let i = first; i < first + 8; i++)
      for (let half = 0; half < 2; half++) {
        const o = (block << 3) + (half << 2);
        const present = i < inputs ? min(4, outputs - o) : 0;
        let to = transformed + (<usize>half << 4);
        to += inDepth ? <usize>(kd * positions) * stride + (<usize>(block * padded + i) << 5) : <usize>((block * depth + kd) * padded + i) << 5;
        if (present <= 0) {
          for (let p = 0; p < positions; p++) {
            v128.store(to, zero);
            to += stride;
          }
          continue;
        }
        const at = begin + <usize>o * outputStride + <usize>i * inputStride;
        const g0 = depthGather(at, outputStride, present, q, kd, slice), g1 = depthGather(at + next, outputStride, present, q, kd, slice);
        const g2 = depthGather(at + 2 * next, outputStride, present, q, kd, slice), g3 = depthGather(at + 3 * next, outputStride, present, q, kd, slice);
        const g4 = depthGather(at + 4 * next, outputStride, present, q, kd, slice), g5 = depthGather(at + 5 * next, outputStride, present, q, kd, slice);
        const g6 = depthGather(at + 6 * next, outputStride, present, q, kd, slice), g7 = depthGather(at + 7 * next, outputStride, present, q, kd, slice);
        const g8 = depthGather(at + 8 * next, outputStride, present, q, kd, slice);
        for (let row = 0; row < m + 2; row++) {
          const a = expand(m, row, g0, g3, g6), b = expand(m, row, g1, g4, g7), c = expand(m, row, g2, g5, g8);
          for (let column = 0; column < m + 2; column++) {
            v128.store(to, expand(m, column, a, b, c));
            to += stride;
          }
        }
      }
  }
}

/** Row j of Gᵀ applied to the m + 2 vectors u0…u5 (F2: u0…u3). */
@inline function contract(m: i32, j: i32, u0: v128, u1: v128, u2: v128, u3: v128, u4: v128, u5: v128): v128 {
  if (m == 4) {
    if (j == 0) return madd(f32x4.add(u3, u4), f32x4.splat(1 / <f32>6), madd(f32x4.add(u1, u2), f32x4.splat(-2 / <f32>3), u0));
    if (j == 1) return madd(f32x4.sub(u3, u4), f32x4.splat(OUTER / 6), f32x4.mul(f32x4.sub(u1, u2), f32x4.splat(INNER * (-2 / <f32>3))));
    return madd(f32x4.sub(f32x4.add(u3, u4), f32x4.add(u1, u2)), f32x4.splat(1 / <f32>3), u5);
  }
  const half = f32x4.splat(0.5);
  if (j == 0) return madd(f32x4.add(u1, u2), half, u0);
  if (j == 1) return f32x4.mul(f32x4.sub(u1, u2), half);
  return madd(f32x4.add(u1, u2), half, u3);
}

/**
 * Gᵀ u G into the plain gradient [out][in][kz][3][3]. A piece is 8 × 8 channels: what lies far apart in the sums, position by
 * position and lane by lane, is added up into the thread's scratch first.
 * args: 0 transformed sums, 1 gradient, 2 outputs, 3 inputs, 4 padded inputs, 5 depth taps, 6 m, 7 bytes from position to position,
 * 8 scratch, 9 scratch bytes per thread, 10 q as in winograd_weights, 11 lanes, 12 bytes of a lane's sums.
 */
export function winograd_weight_gradient(args: usize, part: i32, parts: i32): void {
  const sums = address(args, 0);
  const outputs = word(args, 2), inputs = word(args, 3), padded = word(args, 4), depth = word(args, 5), m = word(args, 6);
  const scratch = address(args, 8) + <usize>part * <usize>word(args, 9);
  const q = word(args, 10);
  const inDepth = q > 1;
  const layers = inDepth ? 1 : depth;
  const positions = (inDepth ? q + 2 : 1) * (m + 2) * (m + 2);
  const groups = padded >> 3;
  const pieces = ((outputs + 7) >> 3) * layers * groups;
  const staged = scratch + 288;
  for (let piece = part; piece < pieces; piece += parts) {
    addLanes(args, sums + (<usize>piece << 8), positions, staged);
    const first = (piece % groups) << 3;
    const layer = (piece / groups) % layers;
    const block = piece / (groups * layers);
    const present = min(8, inputs - first);
    for (let i = 0; i < present; i++)
      for (let half = 0; half < 2; half++) {
        const o = (block << 3) + (half << 2);
        if (o >= outputs) continue;
        const from = staged + (<usize>i << 5) + (<usize>half << 4);
        const endTap = inDepth ? depth : layer + 1;
        for (let kd = layer; kd < endTap; kd++) contractTile(args, from, o, first + i, kd, q, scratch);
      }
  }
}

/** 256 bytes of each position, summed over the lanes in order. */
function addLanes(args: usize, from: usize, positions: i32, to: usize): void {
  const stride = <usize>word(args, 7), laneBytes = <usize>word(args, 12);
  const end = <usize>word(args, 11) * laneBytes;
  for (let position = 0; position < positions; position++) {
    for (let at: usize = 0; at < 256; at += 16) {
      let sum = v128.load(from + at);
      for (let lane = laneBytes; lane < end; lane += laneBytes) sum = f32x4.add(sum, v128.load(from + at + lane));
      v128.store(to + at, sum);
    }
    from += stride;
    to += 256;
  }
}

/** The gradient of one depth tap for input i and four outputs, o…: `from`, 256 bytes from position to position. */
function contractTile(args: usize, from: usize, o: i32, i: i32, kd: i32, q: i32, scratch: usize): void {
  const outputs = word(args, 2), inputs = word(args, 3), depth = word(args, 5), m = word(args, 6);
  const side = m + 2;
  const row = <usize>side << 8, next = <usize>(side * side) << 8;
  const step = <usize>(inputs * depth * 9) << 2;
  // Down the columns of the tile: three vectors each, into the thread's scratch.
  for (let column = 0; column < side; column++) {
    let at = from + (<usize>column << 8);
    const u0 = depthSum(at, q, kd, next); at += row;
    const u1 = depthSum(at, q, kd, next); at += row;
    const u2 = depthSum(at, q, kd, next); at += row;
    const u3 = depthSum(at, q, kd, next); at += row;
    let u4 = u3, u5 = u3;
    if (m == 4) {
      u4 = depthSum(at, q, kd, next);
      u5 = depthSum(at + row, q, kd, next);
    }
    const to = scratch + (<usize>column << 4);
    v128.store(to, contract(m, 0, u0, u1, u2, u3, u4, u5));
    v128.store(to, contract(m, 1, u0, u1, u2, u3, u4, u5), 96);
    v128.store(to, contract(m, 2, u0, u1, u2, u3, u4, u5), 192);
  }
  for (let ky = 0; ky < 3; ky++) {
    const at = scratch + <usize>(ky * 96);
    const u0 = v128.load(at), u1 = v128.load(at, 16), u2 = v128.load(at, 32), u3 = v128.load(at, 48), u4 = v128.load(at, 64), u5 = v128.load(at, 80);
    const a = contract(m, 0, u0, u1, u2, u3, u4, u5), b = contract(m, 1, u0, u1, u2, u3, u4, u5), c = contract(m, 2, u0, u1, u2, u3, u4, u5);
    const to = address(args, 1) + (<usize>(((o * inputs + i) * depth + kd) * 9 + ky * 3) << 2);
    store3(to, f32x4.extract_lane(a, 0), f32x4.extract_lane(b, 0), f32x4.extract_lane(c, 0));
    if (o + 1 < outputs) store3(to + step, f32x4.extract_lane(a, 1), f32x4.extract_lane(b, 1), f32x4.extract_lane(c, 1));
    if (o + 2 < outputs) store3(to + 2 * step, f32x4.extract_lane(a, 2), f32x4.extract_lane(b, 2), f32x4.extract_lane(c, 2));
    if (o + 3 < outputs) store3(to + 3 * step, f32x4.extract_lane(a, 3), f32x4.extract_lane(b, 3), f32x4.extract_lane(c, 3));
  }
}

/** A sum of one plane position; where depth is transformed row `kd` of F(q, 3)'s Gᵀ over its z-positions (`next` bytes apart). */
@inline function depthSum(at: usize, q: i32, kd: i32, next: usize): v128 {
  const u0 = v128.load(at);
  if (q == 1) return u0;
  const u1 = v128.load(at + next), u2 = v128.load(at + 2 * next), u3 = v128.load(at + 3 * next);
  if (q == 2) return contract(2, kd, u0, u1, u2, u3, u1, u2);
  return contract(4, kd, u0, u1, u2, u3, v128.load(at + 4 * next), v128.load(at + 5 * next));
}

@inline function store3(to: usize, a: f32, b: f32, c: f32): void {
  store<f32>(to, a);
  store<f32>(to, b, 4);
  store<f32>(to, c, 8);
}
