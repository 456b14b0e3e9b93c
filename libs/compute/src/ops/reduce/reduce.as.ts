// Reductions (AssemblyScript). Rows are cut into fixed blocks, threads share the blocks, block results join in order: the
// same bits for any number of threads. Sums run in four float lanes per 1024 elements and in doubles beyond.
import { address, word } from '../../devices/wasm/simd.as';

const SUM: i32 = 0;
const MAX: i32 = 1;
const MIN: i32 = 2;
/** Floats summed before the sum moves to a double. */
const CHUNK: i32 = 1024;

@inline
function join(op: i32, a: v128, b: v128): v128 {
  return op == SUM ? f32x4.add(a, b) : op == MAX ? f32x4.max(a, b) : f32x4.min(a, b);
}
@inline
function joinOne(op: i32, a: f64, b: f64): f64 {
  return op == SUM ? a + b : op == MAX ? max(a, b) : min(a, b);
}
@inline
function nothing(op: i32): f64 {
  return op == SUM ? 0 : op == MAX ? -Infinity : Infinity;
}

@inline
function reduceRun(op: i32, x: usize, length: i32): f64 {
  let total = nothing(op);
  for (let from = 0; from < length; from += CHUNK) {
    const stop = min(length, from + CHUNK);
    let a = f32x4.splat(<f32>nothing(op));
    let b = a;
    let k = from;
    for (; k + 8 <= stop; k += 8) {
      a = join(op, a, v128.load(x + (<usize>k << 2)));
      b = join(op, b, v128.load(x + (<usize>k << 2), 16));
    }
    a = join(op, a, b);
    let chunk = joinOne(op, joinOne(op, f32x4.extract_lane(a, 0), f32x4.extract_lane(a, 1)), joinOne(op, f32x4.extract_lane(a, 2), f32x4.extract_lane(a, 3)));
    for (; k < stop; k++) chunk = joinOne(op, chunk, load<f32>(x + (<usize>k << 2)));
    total = joinOne(op, total, chunk);
  }
  return total;
}

/** args: x, partial results (f64 per row and block), rows, row length, block length. */
@inline
function rowsKernel(op: i32, args: usize, part: i32, parts: i32): void {
  const length = word(args, 3);
  const block = word(args, 4);
  const blocks = (length + block - 1) / block;
  const items = word(args, 2) * blocks;
  const begin = <i32>(<i64>items * part / parts);
  const end = <i32>(<i64>items * (part + 1) / parts);
  for (let item = begin; item < end; item++) {
    const row = item / blocks;
    const from = (item - row * blocks) * block;
    const start = address(args, 0) + (<usize>row * <usize>length + <usize>from << 2);
    store<f64>(address(args, 1) + (<usize>item << 3), reduceRun(op, start, min(block, length - from)));
  }
}

/** args: partial results, y, rows, blocks, scale. */
@inline
function finishKernel(op: i32, args: usize, part: i32, parts: i32): void {
  const rows = word(args, 2);
  const blocks = word(args, 3);
  const scale = <f64>load<f32>(args, 16);
  const end = <i32>(<i64>rows * (part + 1) / parts);
  for (let row = <i32>(<i64>rows * part / parts); row < end; row++) {
    let total = nothing(op);
    const from = address(args, 0) + (<usize>row * <usize>blocks << 3);
    for (let k = 0; k < blocks; k++) total = joinOne(op, total, load<f64>(from + (<usize>k << 3)));
    store<f32>(address(args, 1) + (<usize>row << 2), <f32>(op == SUM ? total / scale : total));
  }
}

/** args: x [outer, reduced, inner], y [outer, inner], outer, reduced, inner, divisor. Threads share (outer, runs of inner). */
@inline
function middleKernel(op: i32, args: usize, part: i32, parts: i32): void {
  const outer = word(args, 2);
  const reduced = word(args, 3);
  const inner = word(args, 4);
  const scale = load<f32>(args, 20);
  const run = 256;
  const runs = (inner + run - 1) / run;
  const items = outer * runs;
  const last = <i32>(<i64>items * (part + 1) / parts);
  for (let item = <i32>(<i64>items * part / parts); item < last; item++) {
    const o = item / runs;
    const begin = (item - o * runs) * run;
    const end = min(inner, begin + run);
    const x = address(args, 0) + (<usize>o * <usize>reduced * <usize>inner << 2);
    const y = address(args, 1) + (<usize>o * <usize>inner << 2);
    const step = <usize>inner << 2;
    let i = begin;
    for (; i + 4 <= end; i += 4) {
      let total = f32x4.splat(<f32>nothing(op));
      for (let from = 0; from < reduced; from += 64) {
        let sum = f32x4.splat(<f32>nothing(op));
        const stop = min(reduced, from + 64);
        let at = x + <usize>from * step + (<usize>i << 2);
        for (let r = from; r < stop; r++, at += step) sum = join(op, sum, v128.load(at));
        total = join(op, total, sum);
      }
      v128.store(y + (<usize>i << 2), op == SUM ? f32x4.div(total, f32x4.splat(scale)) : total);
    }
    for (; i < end; i++) {
      let total = nothing(op);
      for (let r = 0; r < reduced; r++) total = joinOne(op, total, load<f32>(x + <usize>r * step + (<usize>i << 2)));
      store<f32>(y + (<usize>i << 2), <f32>(op == SUM ? total / scale : total));
    }
  }
}

export function reduce_rows_sum(args: usize, part: i32, parts: i32): void { rowsKernel(SUM, args, part, parts); }
export function reduce_rows_max(args: usize, part: i32, parts: i32): void { rowsKernel(MAX, args, part, parts); }
export function reduce_rows_min(args: usize, part: i32, parts: i32): void { rowsKernel(MIN, args, part, parts); }
export function reduce_finish_sum(args: usize, part: i32, parts: i32): void { finishKernel(SUM, args, part, parts); }
export function reduce_finish_max(args: usize, part: i32, parts: i32): void { finishKernel(MAX, args, part, parts); }
export function reduce_finish_min(args: usize, part: i32, parts: i32): void { finishKernel(MIN, args, part, parts); }
export function reduce_middle_sum(args: usize, part: i32, parts: i32): void { middleKernel(SUM, args, part, parts); }
export function reduce_middle_max(args: usize, part: i32, parts: i32): void { middleKernel(MAX, args, part, parts); }
export function reduce_middle_min(args: usize, part: i32, parts: i32): void { middleKernel(MIN, args, part, parts); }
