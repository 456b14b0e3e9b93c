// The gradient of attention (AssemblyScript). Probabilities come again from scores and the sums that forward kept. An item is a
// unit (batches that add into one part of the bias' gradient; one batch where there is none) and a range of its keys. It owns dk
// and dv there, and a part of its own of dq, so threads never add into the same place; parts are summed afterwards in their order.
import { exp4 } from '../../devices/wasm/math.as';
import { address, madd, word } from '../../devices/wasm/simd.as';
import { small_product } from '../matmul/product.as';
import { lanesSum, score1, score4 } from './rows.as';

const QUERIES: i32 = 32;
const KEYS: i32 = 64;
const ROW: usize = 256; // bytes of a row of scores

/** args: y, dy, result, rows, length. result[row] = Σ y · dy. */
export function attention_row_dots(args: usize, part: i32, parts: i32): void {
  const rows = word(args, 3);
  const length = word(args, 4);
  const bytes = <usize>length << 2;
  const whole = bytes & ~15;
  const last = <i32>(<i64>rows * (part + 1) / parts);
  for (let row = <i32>(<i64>rows * part / parts); row < last; row++) {
    const y = address(args, 0) + <usize>row * bytes;
    const dy = address(args, 1) + <usize>row * bytes;
    let sum4 = f32x4.splat(0);
    let at: usize = 0;
    for (; at < whole; at += 16) sum4 = madd(v128.load(y + at), v128.load(dy + at), sum4);
    let sum = lanesSum(sum4);
    for (; at < bytes; at += 4) sum += load<f32>(y + at) * load<f32>(dy + at);
    store<f32>(address(args, 2) + (<usize>row << 2), sum);
  }
}

/**
 * scores -> probabilities, dp -> gradients of the scores, both in place; these also go to the bias' gradient where there is one
 * (`add`: on top of what is there).
 */
function gradient_row(
  scores: usize, dp: usize, bias: usize, mask: usize, keys: i32, scale: v128, sum: f32, dot: f32, dbias: usize, add: bool,
): void {
  const bytes = <usize>keys << 2;
  const whole = bytes & ~15;
  const sum4 = f32x4.splat(sum);
  const dot4 = f32x4.splat(dot);
  let at: usize = 0;
  for (; at < whole; at += 16) {
    const p = exp4(f32x4.sub(score4(scores, bias, mask, at, scale), sum4));
    const ds = f32x4.mul(p, f32x4.sub(v128.load(dp + at), dot4));
    v128.store(scores + at, p);
    v128.store(dp + at, ds);
    if (dbias != 0) v128.store(dbias + at, add ? f32x4.add(v128.load(dbias + at), ds) : ds);
  }
  for (; at < bytes; at += 4) {
    const p = exp4(f32x4.sub(score1(scores, bias, mask, at, scale), sum4));
    const ds = f32x4.extract_lane(f32x4.mul(p, f32x4.sub(v128.load32_splat(dp + at), dot4)), 0);
    v128.store32_lane(scores + at, p, 0);
    store<f32>(dp + at, ds);
    if (dbias != 0) store<f32>(dbias + at, add ? load<f32>(dbias + at) + ds : ds);
  }
}

/** Rows of `length` numbers out of rows padded to `paddedBytes`, times `scale`. */
@inline
function writeRows(from: usize, paddedBytes: usize, to: usize, rows: i32, length: i32, scale: f32): void {
  for (let row = 0; row < rows; row++, from += paddedBytes) {
    for (let c = 0; c < length; c++, to += 4) store<f32>(to, load<f32>(from + (<usize>c << 2)) * scale);
  }
}

/**
 * args: 0 q, dy, sums, dots of the rows; 4 packed: keys by 8 keys, values by 8 keys, queries by 8 columns, dy by 8 columns, keys by
 * 8 columns; 9 bias or 0, mask or 0; 11 dk, dv, parts of dq [batches, chunks, queries, padded d], parts of dbias [units, queries,
 * keys] or 0; 15 scratch, its bytes per thread; 17 units, chunks per unit, queries, keys, d, e, scale; 24 per unit where its batches
 * begin in the next list (one more at its end), 25 per place (batch, matrix of the bias, of the mask).
 */
export function attention_gradient(args: usize, part: i32, parts: i32): void {
  const bias = address(args, 9);
  const mask = address(args, 10);
  const chunks = word(args, 18);
  const queries = word(args, 19);
  const keys = word(args, 20);
  const d = word(args, 21);
  const e = word(args, 22);
  const scale = v128.load32_splat(args, 92);
  const factor = load<f32>(args, 92);
  const starts = address(args, 24);
  const places = address(args, 25);
  const dBytes = <usize>((d + 7) >> 3) << 5;
  const eBytes = <usize>((e + 7) >> 3) << 5;
  const keyPanels = <usize>((keys + 7) >> 3);
  const scores = address(args, 15) + <usize>part * <usize>word(args, 16);
  const dp = scores + <usize>QUERIES * ROW;
  const dk = dp + <usize>QUERIES * ROW;
  const dv = dk + <usize>KEYS * dBytes;
  const matrix = <usize>queries * <usize>keys;
  const blocks = (keys + KEYS - 1) / KEYS;
  const items = word(args, 17) * chunks;
  const last = <i32>(<i64>items * (part + 1) / parts);
  for (let item = <i32>(<i64>items * part / parts); item < last; item++) {
    const unit = item / chunks;
    const chunk = item - unit * chunks;
    const firstBlock = blocks * chunk / chunks;
    const lastBlock = blocks * (chunk + 1) / chunks;
    const begin = word(starts, unit);
    const end = word(starts, unit + 1);
    for (let place = begin; place < end; place++) {
      const batch = <usize>word(places, place * 3);
      const q = address(args, 0) + (batch * <usize>queries * <usize>d << 2);
      const dy = address(args, 1) + (batch * <usize>queries * <usize>e << 2);
      const sums = address(args, 2) + (batch * <usize>queries << 2);
      const dots = address(args, 3) + (batch * <usize>queries << 2);
      const keysByKeys = address(args, 4) + (batch * keyPanels * <usize>d << 5);
      const valuesByKeys = address(args, 5) + (batch * keyPanels * <usize>e << 5);
      const queriesPacked = address(args, 6) + batch * dBytes * <usize>queries;
      const dyPacked = address(args, 7) + batch * eBytes * <usize>queries;
      const keysPacked = address(args, 8) + batch * dBytes * <usize>keys;
      const dq = address(args, 13) + (batch * <usize>chunks + <usize>chunk) * <usize>((queries + 3) & ~3) * dBytes;
      const biasAt = bias == 0 ? 0 : bias + (<usize>word(places, place * 3 + 1) * matrix << 2);
      const maskAt = mask == 0 ? 0 : mask + (<usize>word(places, place * 3 + 2) * matrix << 2);
      const dbias = address(args, 14) == 0 ? 0 : address(args, 14) + (<usize>unit * matrix << 2);
      for (let block = firstBlock; block < lastBlock; block++) {
        const key = block * KEYS;
        const count = min(KEYS, keys - key);
        for (let query = 0; query < queries; query += QUERIES) {
          const rows = min(QUERIES, queries - query);
          const row = <usize>query;
          small_product(q + (row * <usize>d << 2), <usize>d << 2, 4, rows, keysByKeys + (<usize>key * <usize>d << 2), <usize>d << 5, count, d, scores, ROW, false);
          small_product(dy + (row * <usize>e << 2), <usize>e << 2, 4, rows, valuesByKeys + (<usize>key * <usize>e << 2), <usize>e << 5, count, e, dp, ROW, false);
          for (let r = 0; r < rows; r++) {
            const at = (row + <usize>r) * <usize>keys + <usize>key << 2;
            gradient_row(
              scores + <usize>r * ROW, dp + <usize>r * ROW, biasAt == 0 ? 0 : biasAt + at, maskAt == 0 ? 0 : maskAt + at, count, scale,
              load<f32>(sums + (row + <usize>r << 2)), load<f32>(dots + (row + <usize>r << 2)), dbias == 0 ? 0 : dbias + at, place > begin,
            );
          }
          small_product(scores, 4, ROW, count, dyPacked + (row << 5), <usize>queries << 5, e, rows, dv, eBytes, query > 0);
          small_product(dp, 4, ROW, count, queriesPacked + (row << 5), <usize>queries << 5, d, rows, dk, dBytes, query > 0);
          small_product(dp, ROW, 4, rows, keysPacked + (<usize>key << 5), <usize>keys << 5, d, count, dq + row * dBytes, dBytes, block > firstBlock);
        }
        const to = batch * <usize>keys + <usize>key;
        writeRows(dk, dBytes, address(args, 11) + (to * <usize>d << 2), count, d, factor);
        writeRows(dv, eBytes, address(args, 12) + (to * <usize>e << 2), count, e, 1);
      }
    }
  }
}

/** args: parts of dq, dq, batches, chunks, queries, d, scale. */
export function attention_query_gradient(args: usize, part: i32, parts: i32): void {
  const chunks = word(args, 3);
  const queries = word(args, 4);
  const d = word(args, 5);
  const scale = load<f32>(args, 24);
  const dBytes = <usize>((d + 7) >> 3) << 5;
  const chunkBytes = <usize>((queries + 3) & ~3) * dBytes;
  const rows = word(args, 2) * queries;
  const last = <i32>(<i64>rows * (part + 1) / parts);
  for (let row = <i32>(<i64>rows * part / parts); row < last; row++) {
    const batch = row / queries;
    const from = address(args, 0) + <usize>(batch * chunks) * chunkBytes + <usize>(row - batch * queries) * dBytes;
    const to = address(args, 1) + (<usize>row * <usize>d << 2);
    for (let c = 0; c < d; c++) {
      let sum: f32 = 0;
      for (let chunk = 0; chunk < chunks; chunk++) sum += load<f32>(from + <usize>chunk * chunkBytes + (<usize>c << 2));
      store<f32>(to + (<usize>c << 2), sum * scale);
    }
  }
}

/** args: parts [matrices, groups, elements], sums [matrices, elements], matrices, groups, elements. */
export function attention_bias_gradient(args: usize, part: i32, parts: i32): void {
  const groups = word(args, 3);
  const elements = word(args, 4);
  const begin = <i32>(<i64>elements * part / parts);
  const end = <i32>(<i64>elements * (part + 1) / parts);
  for (let matrix = 0; matrix < word(args, 2); matrix++) {
    const from = address(args, 0) + (<usize>(matrix * groups) * <usize>elements << 2);
    const to = address(args, 1) + (<usize>matrix * <usize>elements << 2);
    for (let at = begin; at < end; at++) {
      let sum: f32 = 0;
      for (let group = 0; group < groups; group++) sum += load<f32>(from + (<usize>group * <usize>elements + <usize>at << 2));
      store<f32>(to + (<usize>at << 2), sum);
    }
  }
}
