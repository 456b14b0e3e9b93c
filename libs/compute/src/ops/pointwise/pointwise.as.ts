// Pointwise kernels (AssemblyScript). A thread owns one contiguous run of the output; four elements at a time. Broadcast
// inputs are walked row by row: within a row each input either advances or stands still.
import { erf4, exp4, log4, sigmoid4, sizePower4, tanh4 } from '../../devices/wasm/math.as';
import { address, word } from '../../devices/wasm/simd.as';

const ADD: i32 = 0;
const SUB: i32 = 1;
const MUL: i32 = 2;
const DIV: i32 = 3;
const MINIMUM: i32 = 4;
const MAXIMUM: i32 = 5;
const LESS: i32 = 6;
const EQUAL: i32 = 7;
const POW: i32 = 8;
const RELU_GRADIENT: i32 = 10;
const LEAKY_RELU_GRADIENT: i32 = 11;
const SIGMOID_GRADIENT: i32 = 12;
const TANH_GRADIENT: i32 = 13;
const GELU_GRADIENT: i32 = 14;
const ABS_GRADIENT: i32 = 15;
const CLAMP_GRADIENT: i32 = 16;
const NEG: i32 = 20;
const EXP: i32 = 21;
const LOG: i32 = 22;
const SQRT: i32 = 23;
const SQUARE: i32 = 24;
const ABS: i32 = 25;
const RELU: i32 = 26;
const LEAKY_RELU: i32 = 27;
const SIGMOID: i32 = 28;
const TANH: i32 = 29;
const GELU: i32 = 30;
const CLAMP: i32 = 31;
const SCALE_OFFSET: i32 = 32;
const POWER: i32 = 33;

@inline
function one(): v128 {
  return f32x4.splat(1);
}

/** a^b: |a|^b with the sign rules for whole and other exponents; a zero has a sign too. */
@inline
function pow4(a: v128, b: v128): v128 {
  const size = sizePower4(a, b);
  const whole = f32x4.eq(f32x4.floor(b), b);
  const half = f32x4.mul(b, f32x4.splat(0.5));
  const odd = v128.and(whole, f32x4.ne(f32x4.floor(half), half));
  let y = v128.bitselect(f32x4.neg(size), size, v128.and(i32x4.shr_s(a, 31), odd));
  const negative = v128.and(f32x4.lt(a, f32x4.splat(0)), f32x4.gt(a, f32x4.splat(-Infinity)));
  y = v128.bitselect(f32x4.splat(NaN), y, v128.andnot(negative, whole));
  return v128.bitselect(one(), y, f32x4.eq(b, f32x4.splat(0)));
}

@inline
function binary(op: i32, a: v128, b: v128, p: v128, q: v128): v128 {
  if (op == ADD) return f32x4.add(a, b);
  if (op == SUB) return f32x4.sub(a, b);
  if (op == MUL) return f32x4.mul(a, b);
  if (op == DIV) return f32x4.div(a, b);
  if (op == MINIMUM) return f32x4.min(a, b);
  if (op == MAXIMUM) return f32x4.max(a, b);
  if (op == LESS) return v128.and(f32x4.lt(a, b), one());
  if (op == EQUAL) return v128.and(f32x4.eq(a, b), one());
  if (op == POW) return pow4(a, b);
  // gradients: a is what the forward kernel kept, b is dy; where a is no number, dy passes
  if (op == RELU_GRADIENT) return v128.andnot(b, f32x4.le(a, f32x4.splat(0)));
  if (op == LEAKY_RELU_GRADIENT) return v128.bitselect(b, f32x4.mul(b, p), f32x4.gt(a, f32x4.splat(0)));
  if (op == SIGMOID_GRADIENT) return f32x4.mul(b, f32x4.mul(a, f32x4.sub(one(), a)));
  if (op == TANH_GRADIENT) return f32x4.mul(b, f32x4.sub(one(), f32x4.mul(a, a)));
  if (op == GELU_GRADIENT) {
    const cdf = f32x4.mul(f32x4.splat(0.5), f32x4.add(one(), erf4(f32x4.mul(a, f32x4.splat(0.7071067811865476)))));
    const pdf = f32x4.mul(f32x4.splat(0.3989422804014327), exp4(f32x4.mul(f32x4.splat(-0.5), f32x4.mul(a, a))));
    return f32x4.mul(b, f32x4.add(cdf, f32x4.mul(a, pdf)));
  }
  if (op == ABS_GRADIENT) {
    const sign = v128.bitselect(f32x4.neg(b), b, f32x4.lt(a, f32x4.splat(0)));
    return v128.and(sign, f32x4.ne(a, f32x4.splat(0)));
  }
  return v128.andnot(b, v128.or(f32x4.lt(a, p), f32x4.gt(a, q))); // CLAMP_GRADIENT
}

@inline
function unary(op: i32, x: v128, p: v128, q: v128): v128 {
  if (op == NEG) return f32x4.neg(x);
  if (op == EXP) return exp4(x);
  if (op == LOG) return log4(x);
  if (op == SQRT) return f32x4.sqrt(x);
  if (op == SQUARE) return f32x4.mul(x, x);
  if (op == ABS) return f32x4.abs(x);
  if (op == RELU) return f32x4.pmax(x, f32x4.splat(0));
  if (op == LEAKY_RELU) return v128.bitselect(f32x4.mul(x, p), x, f32x4.lt(x, f32x4.splat(0)));
  if (op == SIGMOID) return sigmoid4(x);
  if (op == TANH) return tanh4(x);
  if (op == GELU) return f32x4.mul(f32x4.mul(f32x4.splat(0.5), x), f32x4.add(one(), erf4(f32x4.mul(x, f32x4.splat(0.7071067811865476)))));
  if (op == CLAMP) return f32x4.min(f32x4.max(x, p), q); // a bound that is no number counts too
  if (op == SCALE_OFFSET) return f32x4.add(f32x4.mul(x, p), q);
  return pow4(x, p); // POWER
}

/** args: x, y, elements, p, q (buffers are padded to 16 bytes). */
@inline
function unaryRun(op: i32, args: usize, part: i32, parts: i32): void {
  const x = address(args, 0);
  const y = address(args, 1);
  const vectors = (word(args, 2) + 3) >> 2;
  const p = v128.load32_splat(args, 12);
  const q = v128.load32_splat(args, 16);
  const begin = <usize>(<i64>vectors * part / parts) << 4;
  const end = <usize>(<i64>vectors * (part + 1) / parts) << 4;
  for (let at = begin; at < end; at += 16) v128.store(y + at, unary(op, v128.load(x + at), p, q));
}

/** One row of `length` elements; `aStep` and `bStep` are 0 or 1. */
@inline
function row(op: i32, a: usize, aStep: i32, b: usize, bStep: i32, y: usize, length: i32, p: v128, q: v128): void {
  const whole = <usize>(length & ~3) << 2;
  const bytes = <usize>length << 2;
  let at: usize = 0;
  if (aStep == 0) {
    const fixed = v128.load32_splat(a);
    for (; at < whole; at += 16) v128.store(y + at, binary(op, fixed, bStep == 0 ? v128.load32_splat(b) : v128.load(b + at), p, q));
  } else if (bStep == 0) {
    const fixed = v128.load32_splat(b);
    for (; at < whole; at += 16) v128.store(y + at, binary(op, v128.load(a + at), fixed, p, q));
  } else {
    for (; at < whole; at += 16) v128.store(y + at, binary(op, v128.load(a + at), v128.load(b + at), p, q));
  }
  const am: usize = aStep == 0 ? 0 : ~0;
  const bm: usize = bStep == 0 ? 0 : ~0;
  for (; at < bytes; at += 4) store<f32>(y + at, f32x4.extract_lane(binary(op, v128.load32_splat(a + (at & am)), v128.load32_splat(b + (at & bm)), p, q), 0));
}

/**
 * args: a, b, y, elements, row length, aStep, bStep, rank of the rows, (size, a stride, b stride) per axis of the rows
 * (slowest first, strides in elements), p, q.
 */
@inline
function binaryRun(op: i32, args: usize, part: i32, parts: i32): void {
  const a = address(args, 0);
  const b = address(args, 1);
  const y = address(args, 2);
  const total = word(args, 3);
  const length = word(args, 4);
  const aStep = word(args, 5);
  const bStep = word(args, 6);
  const rank = word(args, 7);
  const axes = address(args, 8);
  const p = v128.load32_splat(args, 36);
  const q = v128.load32_splat(args, 40);
  const vectors = (total + 3) >> 2;
  let at = <i32>(<i64>vectors * part / parts) << 2;
  const end = min(total, <i32>(<i64>vectors * (part + 1) / parts) << 2);
  while (at < end) {
    let rest = at / length;
    const within = at - rest * length;
    let ao = 0;
    let bo = 0;
    for (let axis = rank - 1; axis >= 0; axis--) {
      const size = word(axes, axis * 3);
      const quotient = rest / size;
      const index = rest - quotient * size;
      rest = quotient;
      ao += index * word(axes, axis * 3 + 1);
      bo += index * word(axes, axis * 3 + 2);
    }
    const run = min(length - within, end - at);
    row(op, a + (<usize>(ao + within * aStep) << 2), aStep, b + (<usize>(bo + within * bStep) << 2), bStep, y + (<usize>at << 2), run, p, q);
    at += run;
  }
}

/**
 * A blocked input with one value per channel in the other: row r (sample, block) of a meets the 8 values of row r % wrap of b.
 * args: a, b, y, rows, voxels per row, wrap, p, q, swapped (b is the left operand).
 */
@inline
function channelRun(op: i32, args: usize, part: i32, parts: i32): void {
  const a = address(args, 0);
  const b = address(args, 1);
  const y = address(args, 2);
  const rows = word(args, 3);
  const voxels = word(args, 4);
  const wrap = word(args, 5);
  const p = v128.load32_splat(args, 24);
  const q = v128.load32_splat(args, 28);
  const swapped = word(args, 8);
  const begin = <i32>(<i64>voxels * part / parts);
  const end = <i32>(<i64>voxels * (part + 1) / parts);
  for (let r = 0; r < rows; r++) {
    const at = b + (<usize>(r % wrap) << 5);
    const low = v128.load(at);
    const high = v128.load(at, 16);
    let from = a + (<usize>r * <usize>voxels + <usize>begin << 5);
    let to = y + (<usize>r * <usize>voxels + <usize>begin << 5);
    const stop = a + (<usize>r * <usize>voxels + <usize>end << 5);
    if (swapped != 0) {
      for (; from < stop; from += 32, to += 32) {
        v128.store(to, binary(op, low, v128.load(from), p, q));
        v128.store(to, binary(op, high, v128.load(from, 16), p, q), 16);
      }
    } else {
      for (; from < stop; from += 32, to += 32) {
        v128.store(to, binary(op, v128.load(from), low, p, q));
        v128.store(to, binary(op, v128.load(from, 16), high, p, q), 16);
      }
    }
  }
}

/** Sets the padding channels of a blocked tensor to zero. args: y, samples, blocks, voxels, channels present in the last block. */
export function zero_padding(args: usize, part: i32, parts: i32): void {
  const samples = word(args, 1);
  const blocks = word(args, 2);
  const voxels = word(args, 3);
  const present = word(args, 4);
  const begin = <i32>(<i64>voxels * part / parts);
  const end = <i32>(<i64>voxels * (part + 1) / parts);
  for (let sample = 0; sample < samples; sample++) {
    const block = address(args, 0) + (<usize>((sample + 1) * blocks - 1) * <usize>voxels << 5);
    for (let v = begin; v < end; v++) {
      const at = block + (<usize>v << 5);
      for (let c = present; c < 8; c++) store<f32>(at + (<usize>c << 2), 0);
    }
  }
}

/** args: condition (f32, true where not 0), a, b, y, elements. */
export function pointwise_select(args: usize, part: i32, parts: i32): void {
  const vectors = (word(args, 4) + 3) >> 2;
  const begin = <usize>(<i64>vectors * part / parts) << 4;
  const end = <usize>(<i64>vectors * (part + 1) / parts) << 4;
  const zero = f32x4.splat(0);
  for (let at = begin; at < end; at += 16) {
    const chosen = f32x4.ne(v128.load(address(args, 0) + at), zero);
    v128.store(address(args, 3) + at, v128.bitselect(v128.load(address(args, 1) + at), v128.load(address(args, 2) + at), chosen));
  }
}

export function pointwise_add(args: usize, part: i32, parts: i32): void { binaryRun(ADD, args, part, parts); }
export function pointwise_sub(args: usize, part: i32, parts: i32): void { binaryRun(SUB, args, part, parts); }
export function pointwise_mul(args: usize, part: i32, parts: i32): void { binaryRun(MUL, args, part, parts); }
export function pointwise_div(args: usize, part: i32, parts: i32): void { binaryRun(DIV, args, part, parts); }
export function pointwise_minimum(args: usize, part: i32, parts: i32): void { binaryRun(MINIMUM, args, part, parts); }
export function pointwise_maximum(args: usize, part: i32, parts: i32): void { binaryRun(MAXIMUM, args, part, parts); }
export function pointwise_less(args: usize, part: i32, parts: i32): void { binaryRun(LESS, args, part, parts); }
export function pointwise_equal(args: usize, part: i32, parts: i32): void { binaryRun(EQUAL, args, part, parts); }
export function pointwise_pow(args: usize, part: i32, parts: i32): void { binaryRun(POW, args, part, parts); }
export function pointwise_relu_gradient(args: usize, part: i32, parts: i32): void { binaryRun(RELU_GRADIENT, args, part, parts); }
export function pointwise_leaky_relu_gradient(args: usize, part: i32, parts: i32): void { binaryRun(LEAKY_RELU_GRADIENT, args, part, parts); }
export function pointwise_sigmoid_gradient(args: usize, part: i32, parts: i32): void { binaryRun(SIGMOID_GRADIENT, args, part, parts); }
export function pointwise_tanh_gradient(args: usize, part: i32, parts: i32): void { binaryRun(TANH_GRADIENT, args, part, parts); }
export function pointwise_gelu_gradient(args: usize, part: i32, parts: i32): void { binaryRun(GELU_GRADIENT, args, part, parts); }
export function pointwise_abs_gradient(args: usize, part: i32, parts: i32): void { binaryRun(ABS_GRADIENT, args, part, parts); }
export function pointwise_clamp_gradient(args: usize, part: i32, parts: i32): void { binaryRun(CLAMP_GRADIENT, args, part, parts); }
export function channels_add(args: usize, part: i32, parts: i32): void { channelRun(ADD, args, part, parts); }
export function channels_sub(args: usize, part: i32, parts: i32): void { channelRun(SUB, args, part, parts); }
export function channels_mul(args: usize, part: i32, parts: i32): void { channelRun(MUL, args, part, parts); }
export function channels_div(args: usize, part: i32, parts: i32): void { channelRun(DIV, args, part, parts); }
export function pointwise_neg(args: usize, part: i32, parts: i32): void { unaryRun(NEG, args, part, parts); }
export function pointwise_exp(args: usize, part: i32, parts: i32): void { unaryRun(EXP, args, part, parts); }
export function pointwise_log(args: usize, part: i32, parts: i32): void { unaryRun(LOG, args, part, parts); }
export function pointwise_sqrt(args: usize, part: i32, parts: i32): void { unaryRun(SQRT, args, part, parts); }
export function pointwise_square(args: usize, part: i32, parts: i32): void { unaryRun(SQUARE, args, part, parts); }
export function pointwise_abs(args: usize, part: i32, parts: i32): void { unaryRun(ABS, args, part, parts); }
export function pointwise_relu(args: usize, part: i32, parts: i32): void { unaryRun(RELU, args, part, parts); }
export function pointwise_leaky_relu(args: usize, part: i32, parts: i32): void { unaryRun(LEAKY_RELU, args, part, parts); }
export function pointwise_sigmoid(args: usize, part: i32, parts: i32): void { unaryRun(SIGMOID, args, part, parts); }
export function pointwise_tanh(args: usize, part: i32, parts: i32): void { unaryRun(TANH, args, part, parts); }
export function pointwise_gelu(args: usize, part: i32, parts: i32): void { unaryRun(GELU, args, part, parts); }
export function pointwise_clamp(args: usize, part: i32, parts: i32): void { unaryRun(CLAMP, args, part, parts); }
export function pointwise_scale_offset(args: usize, part: i32, parts: i32): void { unaryRun(SCALE_OFFSET, args, part, parts); }
export function pointwise_power(args: usize, part: i32, parts: i32): void { unaryRun(POWER, args, part, parts); }
