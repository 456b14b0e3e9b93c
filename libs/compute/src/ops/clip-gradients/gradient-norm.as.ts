// Norm of many tensors: partial sums over fixed blocks in double precision, then one thread adds them in order.

const BLOCK: i32 = 4096;

/** args: list* of (pointer, elements), tensors, partial sums (f64). Blocks go round the threads. */
export function norm_partial(args: usize, part: i32, parts: i32): void {
  const list = <usize>load<u32>(args);
  const tensors = load<i32>(args, 4);
  const partial = <usize>load<u32>(args, 8);
  let block = 0;
  for (let t = 0; t < tensors; t++) {
    const data = <usize>load<u32>(list + (<usize>t << 3));
    const elements = load<i32>(list + (<usize>t << 3), 4);
    for (let begin = 0; begin < elements; begin += BLOCK, block++) {
      if (block % parts != part) continue;
      const end = min(begin + BLOCK, elements);
      let sum = f64x2.splat(0);
      let at = begin;
      for (; at + 4 <= end; at += 4) {
        const x = v128.load(data + (<usize>at << 2));
        const low = f64x2.promote_low_f32x4(x);
        const high = f64x2.promote_low_f32x4(i8x16.shuffle(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
        sum = f64x2.add(sum, f64x2.add(f64x2.mul(low, low), f64x2.mul(high, high)));
      }
      let total = f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
      for (; at < end; at++) {
        const x = <f64>load<f32>(data + (<usize>at << 2));
        total += x * x;
      }
      store<f64>(partial + (<usize>block << 3), total);
    }
  }
}

/** args: partial sums (f64), blocks, limit, norm*, scale*. */
export function norm_finish(args: usize, part: i32, parts: i32): void {
  if (part != 0) return;
  const partial = <usize>load<u32>(args);
  const blocks = load<i32>(args, 4);
  const limit = <f64>load<f32>(args, 8);
  let sum: f64 = 0;
  for (let b = 0; b < blocks; b++) sum += load<f64>(partial + (<usize>b << 3));
  const norm = sqrt(sum);
  store<f32>(<usize>load<u32>(args, 12), <f32>norm);
  const factor: f32 = norm <= limit - 1e-6 ? 1 : <f32>(limit / (norm + 1e-6));
  store<f32>(<usize>load<u32>(args, 16), isFinite(norm) ? factor : 0);
}
