// The mean of the greatest elements (AssemblyScript): the threshold is found digit by digit over a histogram of the float
// bits, by one thread; the gradient is shared.
import { address, word } from '../../devices/wasm/simd.as';

/** Bits that order as the floats do. */
@inline
function ordered(bits: u32): u32 {
  return bits & 0x80000000 ? ~bits : bits | 0x80000000;
}
@inline
function floatOf(order: u32): f32 {
  return reinterpret<f32>(order & 0x80000000 ? order & 0x7fffffff : ~order);
}

/** args: x, mean, [threshold, share of ties], histogram (2048 words), elements, count. */
export function top_mean(args: usize, part: i32, parts: i32): void {
  if (part != 0) return;
  const x = address(args, 0);
  const histogram = address(args, 3);
  const elements = word(args, 4);
  const count = word(args, 5);
  let prefix: u32 = 0;
  let mask: u32 = 0;
  let left = count;
  for (let digit = 0; digit < 3; digit++) {
    const shift = digit == 0 ? 21 : digit == 1 ? 10 : 0;
    const low: u32 = digit == 2 ? 1023 : 2047;
    memory.fill(histogram, 0, 8192);
    for (let k = 0; k < elements; k++) {
      const order = ordered(load<u32>(x + (<usize>k << 2)));
      if ((order & mask) == prefix) {
        const slot = histogram + (<usize>(order >> shift & low) << 2);
        store<u32>(slot, load<u32>(slot) + 1);
      }
    }
    let value = <i32>low;
    for (; value > 0; value--) {
      const there = load<i32>(histogram + (<usize>value << 2));
      if (there >= left) break;
      left -= there;
    }
    prefix |= <u32>value << shift;
    mask |= low << shift;
  }
  const threshold = floatOf(prefix);
  let sum: f64 = 0;
  let ties = 0;
  for (let k = 0; k < elements; k++) {
    const value = load<f32>(x + (<usize>k << 2));
    if (ordered(reinterpret<u32>(value)) > prefix) sum += <f64>value;
    else if (reinterpret<u32>(value) == reinterpret<u32>(threshold)) ties++;
  }
  store<f32>(address(args, 1), <f32>((sum + <f64>left * <f64>threshold) / <f64>count));
  store<f32>(address(args, 2), threshold);
  store<f32>(address(args, 2), <f32>left / <f32>ties, 4);
}

/** args: x, [threshold, share of ties], dy, dx, elements, count. */
export function top_mean_gradient(args: usize, part: i32, parts: i32): void {
  const threshold = v128.load32_splat(address(args, 1));
  const each = load<f32>(address(args, 2)) / <f32>word(args, 5);
  const above = f32x4.splat(each);
  const tied = f32x4.splat(each * load<f32>(address(args, 1), 4));
  const vectors = (word(args, 4) + 3) >> 2;
  const end = <usize>(<i64>vectors * (part + 1) / parts) << 4;
  for (let at = <usize>(<i64>vectors * part / parts) << 4; at < end; at += 16) {
    const x = v128.load(address(args, 0) + at);
    v128.store(address(args, 3) + at, v128.or(v128.and(above, f32x4.gt(x, threshold)), v128.and(tied, f32x4.eq(x, threshold))));
  }
}
