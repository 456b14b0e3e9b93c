// Softmax and its logarithm over one axis of [outer, classes, inner] (AssemblyScript). Where inner is one, a thread owns
// whole rows; else it owns runs of positions and walks the classes three times: greatest, sum of exponentials, result. The greatest
// may overlook NaN: the sum does not.
import { exp4, log4 } from '../../devices/wasm/math.as';
import { address, word } from '../../devices/wasm/simd.as';

@inline
function column(x: usize, y: usize, classes: i32, step: usize, logarithm: i32, single: i32): void {
  let most = f32x4.splat(-Infinity);
  let at = x;
  for (let c = 0; c < classes; c++, at += step) most = f32x4.pmax(most, single != 0 ? v128.load32_splat(at) : v128.load(at));
  let sum = f32x4.splat(0);
  at = x;
  let to = y;
  for (let c = 0; c < classes; c++, at += step, to += step) {
    const shifted = f32x4.sub(single != 0 ? v128.load32_splat(at) : v128.load(at), most);
    const e = exp4(shifted);
    sum = f32x4.add(sum, e);
    const kept = logarithm != 0 ? shifted : e;
    if (single != 0) v128.store32_lane(to, kept, 0);
    else v128.store(to, kept);
  }
  const scale = logarithm != 0 ? log4(sum) : f32x4.div(f32x4.splat(1), sum);
  to = y;
  for (let c = 0; c < classes; c++, to += step) {
    const kept = single != 0 ? v128.load32_splat(to) : v128.load(to);
    const result = logarithm != 0 ? f32x4.sub(kept, scale) : f32x4.mul(kept, scale);
    if (single != 0) v128.store32_lane(to, result, 0);
    else v128.store(to, result);
  }
}

@inline
function lanes(v: v128, largest: i32): f32 {
  const a = f32x4.extract_lane(v, 0), b = f32x4.extract_lane(v, 1), c = f32x4.extract_lane(v, 2), d = f32x4.extract_lane(v, 3);
  return largest != 0 ? max(max(a, b), max(c, d)) : a + b + (c + d);
}

/** One contiguous row. */
@inline
function row(x: usize, y: usize, classes: i32, logarithm: i32): void {
  const bytes = <usize>classes << 2;
  const whole = bytes & ~15;
  let most4 = f32x4.splat(-Infinity);
  let at: usize = 0;
  for (; at < whole; at += 16) most4 = f32x4.pmax(most4, v128.load(x + at));
  for (; at < bytes; at += 4) most4 = f32x4.pmax(most4, v128.load32_splat(x + at));
  const most = f32x4.splat(lanes(most4, 1));
  let sum4 = f32x4.splat(0);
  for (at = 0; at < whole; at += 16) {
    const shifted = f32x4.sub(v128.load(x + at), most);
    const e = exp4(shifted);
    sum4 = f32x4.add(sum4, e);
    v128.store(y + at, logarithm != 0 ? shifted : e);
  }
  let sum = lanes(sum4, 0);
  for (; at < bytes; at += 4) {
    const shifted = f32x4.sub(v128.load32_splat(x + at), most);
    const e = exp4(shifted);
    sum += f32x4.extract_lane(e, 0);
    v128.store32_lane(y + at, logarithm != 0 ? shifted : e, 0);
  }
  const scale = logarithm != 0 ? log4(f32x4.splat(sum)) : f32x4.splat(1 / sum);
  for (at = 0; at < whole; at += 16) {
    const kept = v128.load(y + at);
    v128.store(y + at, logarithm != 0 ? f32x4.sub(kept, scale) : f32x4.mul(kept, scale));
  }
  for (; at < bytes; at += 4) {
    const kept = v128.load32_splat(y + at);
    v128.store32_lane(y + at, logarithm != 0 ? f32x4.sub(kept, scale) : f32x4.mul(kept, scale), 0);
  }
}

@inline
function softmaxKernel(args: usize, part: i32, parts: i32, logarithm: i32): void {
  const outer = word(args, 2);
  const classes = word(args, 3);
  const inner = word(args, 4);
  const x = address(args, 0);
  const y = address(args, 1);
  if (inner == 1) {
    const last = <i32>(<i64>outer * (part + 1) / parts);
    for (let o = <i32>(<i64>outer * part / parts); o < last; o++) {
      const offset = <usize>o * <usize>classes << 2;
      row(x + offset, y + offset, classes, logarithm);
    }
    return;
  }
  const step = <usize>inner << 2;
  const vectors = (inner + 3) >> 2;
  const begin = <i32>(<i64>vectors * part / parts) << 2;
  const end = min(inner, <i32>(<i64>vectors * (part + 1) / parts) << 2);
  for (let o = 0; o < outer; o++) {
    const offset = <usize>o * <usize>classes * step;
    let i = begin;
    for (; i + 4 <= end; i += 4) column(x + offset + (<usize>i << 2), y + offset + (<usize>i << 2), classes, step, logarithm, 0);
    for (; i < end; i++) column(x + offset + (<usize>i << 2), y + offset + (<usize>i << 2), classes, step, logarithm, 1);
  }
}

/** args: x, y, outer, classes, inner. */
export function softmax(args: usize, part: i32, parts: i32): void { softmaxKernel(args, part, parts, 0); }
export function log_softmax(args: usize, part: i32, parts: i32): void { softmaxKernel(args, part, parts, 1); }
