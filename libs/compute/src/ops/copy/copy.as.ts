// Copies between strided views (AssemblyScript): slices, pads, flips, permutations, joins. Threads share the rows evenly.
import { address, word } from '../../devices/wasm/simd.as';

/** args: from, to, bytes. */
export function copy_bytes(args: usize, part: i32, parts: i32): void {
  const chunks = (word(args, 2) + 63) >> 6;
  const begin = <i32>(<i64>chunks * part / parts) << 6;
  const end = min(word(args, 2), <i32>(<i64>chunks * (part + 1) / parts) << 6);
  if (end > begin) memory.copy(address(args, 1) + begin, address(args, 0) + begin, end - begin);
}

/** args: to, bytes, the byte or word pattern (as a 4-byte word). */
export function fill_words(args: usize, part: i32, parts: i32): void {
  const to = address(args, 0);
  const vectors = (word(args, 1) + 15) >> 4;
  const value = v128.load32_splat(args, 8);
  const begin = <usize>(<i64>vectors * part / parts) << 4;
  const end = <usize>(<i64>vectors * (part + 1) / parts) << 4;
  for (let at = begin; at < end; at += 16) v128.store(to + at, value);
}

/** Transposes a 4 x 4 tile: rows `step` bytes apart in `from` become columns. */
@inline
function tile(from: usize, fromStep: isize, to: usize, toStep: isize): void {
  const a = v128.load(from);
  const b = v128.load(from + fromStep);
  const c = v128.load(from + 2 * fromStep);
  const d = v128.load(from + 3 * fromStep);
  const ab = v128.shuffle<i32>(a, b, 0, 4, 1, 5);
  const ab2 = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
  const cd = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
  const cd2 = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<i64>(ab, cd, 0, 2));
  v128.store(to + toStep, v128.shuffle<i64>(ab, cd, 1, 3));
  v128.store(to + 2 * toStep, v128.shuffle<i64>(ab2, cd2, 0, 2));
  v128.store(to + 3 * toStep, v128.shuffle<i64>(ab2, cd2, 1, 3));
}

/** to[i][j] = from[j][i] for i < rows, j < columns; along i `from` is contiguous, along j `to` is. Row steps in bytes. */
@inline
function transposePlane(from: usize, fromRow: isize, to: usize, toRow: isize, rows: i32, columns: i32): void {
  let i = 0;
  for (; i + 4 <= rows; i += 4) {
    let j = 0;
    for (; j + 4 <= columns; j += 4) tile(from + j * fromRow + (i << 2), fromRow, to + i * toRow + (j << 2), toRow);
    for (; j < columns; j++) for (let k = 0; k < 4; k++) store<u32>(to + (i + k) * toRow + (j << 2), load<u32>(from + j * fromRow + (i + k << 2)));
  }
  for (; i < rows; i++) for (let j = 0; j < columns; j++) store<u32>(to + i * toRow + (j << 2), load<u32>(from + j * fromRow + (i << 2)));
}

/**
 * args: from, to, bytes per element (1, 4 or 32), rank, (size, from stride, to stride) per axis, slowest first, strides in
 * bytes (they may be negative). The last axis is the row.
 * Rows: contiguous on both sides are copied whole; 4-byte planes whose axes change places go through 4 x 4 tiles.
 */
export function copy_strided(args: usize, part: i32, parts: i32): void {
  const from = address(args, 0);
  const to = address(args, 1);
  const bytes = word(args, 2);
  const rank = word(args, 3);
  const axes = address(args, 4);
  const last = axes + <usize>(rank - 1) * 12;
  const length = load<i32>(last);
  const fromStep = <isize>load<i32>(last, 4);
  const toStep = <isize>load<i32>(last, 8);
  const turned = bytes == 4 && rank > 1 && toStep == 4 && load<i32>(last - 12, 4) == 4 && fromStep != 4;
  const outer = turned ? rank - 2 : rank - 1;
  const planeRows = turned ? load<i32>(last - 12) : 1;
  const planeTo = turned ? <isize>load<i32>(last - 12, 8) : 0;
  let rows = 1;
  for (let axis = 0; axis < outer; axis++) rows *= word(axes, axis * 3);
  // Few outer rows: share what is inside them instead.
  const wide = rows < parts * 4 ;
  const beginRow = wide ? 0 : <i32>(<i64>rows * part / parts);
  const endRow = wide ? rows : <i32>(<i64>rows * (part + 1) / parts);
  const inside = turned ? planeRows : length;
  const begin = wide ? <i32>(<i64>inside * part / parts) : 0;
  const end = wide ? <i32>(<i64>inside * (part + 1) / parts) : inside;
  if (end <= begin) return;
  for (let r = beginRow; r < endRow; r++) {
    let rest = r;
    let source = from;
    let target = to;
    for (let axis = outer - 1; axis >= 0; axis--) {
      const size = word(axes, axis * 3);
      const quotient = rest / size;
      const index = rest - quotient * size;
      rest = quotient;
      source += <isize>index * <isize>word(axes, axis * 3 + 1);
      target += <isize>index * <isize>word(axes, axis * 3 + 2);
    }
    if (turned) {
      transposePlane(source + (begin << 2), fromStep, target + begin * planeTo, planeTo, end - begin, length);
      continue;
    }
    source += begin * fromStep;
    target += begin * toStep;
    const count = end - begin;
    if (fromStep == bytes && toStep == bytes) memory.copy(target, source, <usize>count * bytes);
    else if (bytes == 4) for (let k = 0; k < count; k++, source += fromStep, target += toStep) store<u32>(target, load<u32>(source));
    else if (bytes == 1) for (let k = 0; k < count; k++, source += fromStep, target += toStep) store<u8>(target, load<u8>(source));
    else
      for (let k = 0; k < count; k++, source += fromStep, target += toStep) {
        v128.store(target, v128.load(source));
        v128.store(target, v128.load(source, 16), 16);
      }
  }
}
