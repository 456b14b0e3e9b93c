// Attention (AssemblyScript). A thread owns blocks of 32 queries of one batch and walks the keys 128 at a time: scores, running
// maximum and sum of exponentials per row, and what was summed of the values so far, scaled down where the maximum grew.
import { exp4, log4 } from '../../devices/wasm/math.as';
import { address, word } from '../../devices/wasm/simd.as';
import { small_product } from '../matmul/product.as';
import { lanesMax, lanesSum, score1, score4 } from './rows.as';

const QUERIES: i32 = 32;
const KEYS: i32 = 128;
const ROW: usize = 512; // bytes of a row of scores

/** exp(x) of one number. */
@inline
function expOf(x: f32): f32 {
  return f32x4.extract_lane(exp4(f32x4.splat(x)), 0);
}

/**
 * Scores to exponentials, in place, below the running maximum of the row; scales the row's sum of values by what it grew. The maximum
 * may overlook NaN: the sum does not.
 */
function fold_row(scores: usize, bias: usize, mask: usize, keys: i32, scale: v128, state: usize, values: usize, valueBytes: usize): void {
  const bytes = <usize>keys << 2;
  const whole = bytes & ~15;
  let most4 = f32x4.splat(-Infinity);
  let at: usize = 0;
  for (; at < whole; at += 16) {
    const s = score4(scores, bias, mask, at, scale);
    most4 = f32x4.pmax(most4, s);
    v128.store(scores + at, s);
  }
  for (; at < bytes; at += 4) {
    const s = score1(scores, bias, mask, at, scale);
    most4 = f32x4.pmax(most4, s);
    v128.store32_lane(scores + at, s, 0);
  }
  const before = load<f32>(state);
  const most = max(before, lanesMax(most4));
  // Where nothing has been seen yet, -inf minus -inf must not become NaN.
  const shift = most == -Infinity ? <f32>0 : most;
  const shift4 = f32x4.splat(shift);
  let sum4 = f32x4.splat(0);
  for (at = 0; at < whole; at += 16) {
    const e = exp4(f32x4.sub(v128.load(scores + at), shift4));
    sum4 = f32x4.add(sum4, e);
    v128.store(scores + at, e);
  }
  let sum = lanesSum(sum4);
  for (; at < bytes; at += 4) {
    const e = exp4(f32x4.sub(v128.load32_splat(scores + at), shift4));
    sum += f32x4.extract_lane(e, 0);
    v128.store32_lane(scores + at, e, 0);
  }
  const shrink = expOf(before - shift);
  store<f32>(state, most);
  store<f32>(state + 4, load<f32>(state + 4) * shrink + sum);
  if (before != most) {
    const shrink4 = f32x4.splat(shrink);
    for (at = 0; at < valueBytes; at += 16) v128.store(values + at, f32x4.mul(v128.load(values + at), shrink4));
  }
}

/** Per row: values divided by the sum; the logarithm of the sum of exponentials. */
@inline
function finishRow(values: usize, state: usize, y: usize, e: i32, sums: usize): void {
  const total = load<f32>(state + 4);
  // A row that saw nothing is NaN, as softmax of nothing is.
  const inverse: f32 = load<f32>(state) == -Infinity ? NaN : 1 / total;
  for (let c = 0; c < e; c++) store<f32>(y + (<usize>c << 2), load<f32>(values + (<usize>c << 2)) * inverse);
  store<f32>(sums, load<f32>(state) + f32x4.extract_lane(log4(f32x4.splat(total)), 0));
}

/**
 * args: q, packed keys [batches, panels of 8 keys, d, 8], packed values [batches, panels of 8, keys, 8], bias or 0, mask or 0, y,
 * sums, scratch, its bytes per thread, batches, queries, keys, d, e, scale, per batch (matrix of the bias, of the mask).
 */
export function attention(args: usize, part: i32, parts: i32): void {
  const bias = address(args, 3);
  const mask = address(args, 4);
  const scores = address(args, 7) + <usize>part * <usize>word(args, 8);
  const queries = word(args, 10);
  const keys = word(args, 11);
  const d = word(args, 12);
  const e = word(args, 13);
  const scale = v128.load32_splat(args, 56);
  const table = address(args, 15);
  const valueBytes = <usize>((e + 7) >> 3) << 5;
  const values = scores + <usize>QUERIES * ROW;
  const states = values + <usize>QUERIES * valueBytes;
  const keyBytes = <usize>((keys + 7) >> 3) * <usize>d << 5;
  const blocks = (queries + QUERIES - 1) / QUERIES;
  const items = word(args, 9) * blocks;
  const last = <i32>(<i64>items * (part + 1) / parts);
  for (let item = <i32>(<i64>items * part / parts); item < last; item++) {
    const batch = item / blocks;
    const first = (item - batch * blocks) * QUERIES;
    const rows = min(QUERIES, queries - first);
    const row = <usize>batch * <usize>queries + <usize>first;
    const q = address(args, 0) + (row * <usize>d << 2);
    const k = address(args, 1) + <usize>batch * keyBytes;
    const v = address(args, 2) + <usize>batch * valueBytes * <usize>keys;
    const matrix = <usize>queries * <usize>keys;
    const biasAt = bias == 0 ? 0 : bias + (<usize>word(table, batch * 2) * matrix + <usize>first * <usize>keys << 2);
    const maskAt = mask == 0 ? 0 : mask + (<usize>word(table, batch * 2 + 1) * matrix + <usize>first * <usize>keys << 2);
    memory.fill(values, 0, <usize>QUERIES * valueBytes);
    for (let r = 0; r < rows; r++) {
      store<f32>(states + (<usize>r << 3), -Infinity);
      store<f32>(states + (<usize>r << 3), 0, 4);
    }
    for (let from = 0; from < keys; from += KEYS) {
      const count = min(KEYS, keys - from);
      small_product(q, <usize>d << 2, 4, rows, k + (<usize>from * <usize>d << 2), <usize>d << 5, count, d, scores, ROW, false);
      for (let r = 0; r < rows; r++) {
        const along = <usize>(r * keys + from) << 2;
        fold_row(
          scores + <usize>r * ROW, biasAt == 0 ? 0 : biasAt + along, maskAt == 0 ? 0 : maskAt + along, count, scale,
          states + (<usize>r << 3), values + <usize>r * valueBytes, valueBytes,
        );
      }
      small_product(scores, ROW, 4, rows, v + (<usize>from << 5), <usize>keys << 5, e, count, values, valueBytes, true);
    }
    for (let r = 0; r < rows; r++)
      finishRow(
        values + <usize>r * valueBytes, states + (<usize>r << 3),
        address(args, 5) + ((row + <usize>r) * <usize>e << 2), e, address(args, 6) + (row + <usize>r << 2),
      );
  }
}
