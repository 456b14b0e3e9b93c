// Position of the greatest class (AssemblyScript). A thread owns runs of positions; classes are walked once. NaN is the
// greatest; among equals the first wins.
import { address, word } from '../../devices/wasm/simd.as';

@inline
function column(x: usize, classes: i32, step: usize, single: i32): v128 {
  let best = single != 0 ? v128.load32_splat(x) : v128.load(x);
  let where = i32x4.splat(0);
  let at = x + step;
  for (let c = 1; c < classes; c++, at += step) {
    const value = single != 0 ? v128.load32_splat(at) : v128.load(at);
    const better = v128.or(f32x4.gt(value, best), v128.and(f32x4.ne(value, value), f32x4.eq(best, best)));
    best = v128.bitselect(value, best, better);
    where = v128.bitselect(i32x4.splat(c), where, better);
  }
  return where;
}

/** args: x, y, outer, classes, inner. */
export function argmax(args: usize, part: i32, parts: i32): void {
  const outer = word(args, 2);
  const classes = word(args, 3);
  const inner = word(args, 4);
  const step = <usize>inner << 2;
  const vectors = (inner + 3) >> 2;
  const wide = vectors >= parts;
  const begin = wide ? <i32>(<i64>vectors * part / parts) << 2 : 0;
  const end = wide ? min(inner, <i32>(<i64>vectors * (part + 1) / parts) << 2) : inner;
  const first = wide ? 0 : <i32>(<i64>outer * part / parts);
  const last = wide ? outer : <i32>(<i64>outer * (part + 1) / parts);
  for (let o = first; o < last; o++) {
    const x = address(args, 0) + <usize>o * <usize>classes * step;
    const y = address(args, 1) + <usize>o * step;
    let i = begin;
    for (; i + 4 <= end; i += 4) v128.store(y + (<usize>i << 2), column(x + (<usize>i << 2), classes, step, 0));
    for (; i < end; i++) v128.store32_lane(y + (<usize>i << 2), column(x + (<usize>i << 2), classes, step, 1), 0);
  }
}

/** args: labels, y [outer, classes, inner], outer, classes, inner. */
export function one_hot(args: usize, part: i32, parts: i32): void {
  const classes = word(args, 3);
  const inner = word(args, 4);
  const rows = word(args, 2) * classes;
  const one = f32x4.splat(1);
  const begin = <i32>(<i64>inner * part / parts);
  const end = <i32>(<i64>inner * (part + 1) / parts);
  for (let row = 0; row < rows; row++) {
    const c = i32x4.splat(row % classes);
    const from = address(args, 0) + (<usize>(row / classes) * <usize>inner << 2);
    const to = address(args, 1) + (<usize>row * <usize>inner << 2);
    let i = begin;
    for (; i + 4 <= end; i += 4) v128.store(to + (<usize>i << 2), v128.and(one, i32x4.eq(v128.load(from + (<usize>i << 2)), c)));
    for (; i < end; i++) v128.store32_lane(to + (<usize>i << 2), v128.and(one, i32x4.eq(v128.load32_splat(from + (<usize>i << 2)), c)), 0);
  }
}
