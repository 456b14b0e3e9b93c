// Statistics per channel (AssemblyScript): fixed blocks are summed in float64 about the channel's first value, then joined.

/** The channel's first value; 0 where it is not finite: a mask may leave it out. */
// @ts-ignore: decorator
@inline
function shiftOf(channel: usize): f64 {
  const first = load<f32>(channel);
  return isFinite(first) ? <f64>first : 0;
}

/** args: x, mask or 0, sums f64 [C][blocks][5] (count, sum, sum of squares, min, max), channels, voxels, block. */
export function statistics_blocks(args: usize, part: i32, parts: i32): void {
  const x = <usize>load<u32>(args);
  const mask = <usize>load<u32>(args, 4);
  const sums = <usize>load<u32>(args, 8);
  const channels = load<i32>(args, 12);
  const voxels = load<i32>(args, 16);
  const block = load<i32>(args, 20);
  const blocks = (voxels + block - 1) / block;
  const all = channels * blocks;
  for (let k = <i32>(<i64>all * part / parts), stop = <i32>(<i64>all * (part + 1) / parts); k < stop; k++) {
    const channel = x + (<usize>(k / blocks) * <usize>voxels << 2);
    const first = (k % blocks) * block;
    const end = min(voxels, first + block);
    const shift = shiftOf(channel);
    let count: f64 = 0;
    let sum: f64 = 0;
    let squares: f64 = 0;
    let low: f32 = Infinity;
    let high: f32 = -Infinity;
    if (mask == 0) {
      const shifts = f64x2.splat(shift);
      let sums2 = f64x2.splat(0);
      let sums3 = f64x2.splat(0);
      let squares2 = f64x2.splat(0);
      let squares3 = f64x2.splat(0);
      let lows = f32x4.splat(Infinity);
      let highs = f32x4.splat(-Infinity);
      let v = first;
      for (; v + 4 <= end; v += 4) {
        const four = v128.load(channel + (<usize>v << 2));
        lows = f32x4.min(lows, four);
        highs = f32x4.max(highs, four);
        const a = f64x2.sub(f64x2.promote_low_f32x4(four), shifts);
        const b = f64x2.sub(f64x2.promote_low_f32x4(i32x4.shuffle(four, four, 2, 3, 2, 3)), shifts);
        sums2 = f64x2.add(sums2, a);
        sums3 = f64x2.add(sums3, b);
        squares2 = f64x2.add(squares2, f64x2.mul(a, a));
        squares3 = f64x2.add(squares3, f64x2.mul(b, b));
      }
      count = <f64>(end - first);
      sum = f64x2.extract_lane(sums2, 0) + f64x2.extract_lane(sums2, 1) + (f64x2.extract_lane(sums3, 0) + f64x2.extract_lane(sums3, 1));
      squares = f64x2.extract_lane(squares2, 0) + f64x2.extract_lane(squares2, 1) + (f64x2.extract_lane(squares3, 0) + f64x2.extract_lane(squares3, 1));
      low = min(min(f32x4.extract_lane(lows, 0), f32x4.extract_lane(lows, 1)), min(f32x4.extract_lane(lows, 2), f32x4.extract_lane(lows, 3)));
      high = max(max(f32x4.extract_lane(highs, 0), f32x4.extract_lane(highs, 1)), max(f32x4.extract_lane(highs, 2), f32x4.extract_lane(highs, 3)));
      for (; v < end; v++) {
        const value = load<f32>(channel + (<usize>v << 2));
        const d = <f64>value - shift;
        sum += d;
        squares += d * d;
        low = min(low, value);
        high = max(high, value);
      }
    } else {
      for (let v = first; v < end; v++) {
        if (load<u8>(mask + <usize>v) == 0) continue;
        const value = load<f32>(channel + (<usize>v << 2));
        const d = <f64>value - shift;
        count += 1;
        sum += d;
        squares += d * d;
        low = min(low, value);
        high = max(high, value);
      }
    }
    const to = sums + <usize>k * 40;
    store<f64>(to, count);
    store<f64>(to, sum, 8);
    store<f64>(to, squares, 16);
    store<f64>(to, <f64>low, 24);
    store<f64>(to, <f64>high, 32);
  }
}

/** args: x, sums, y f32 [C][6], channels, voxels, block. One thread joins. */
export function statistics_total(args: usize, part: i32, parts: i32): void {
  if (part != 0) return;
  const x = <usize>load<u32>(args);
  const sums = <usize>load<u32>(args, 4);
  const y = <usize>load<u32>(args, 8);
  const channels = load<i32>(args, 12);
  const voxels = load<i32>(args, 16);
  const block = load<i32>(args, 20);
  const blocks = (voxels + block - 1) / block;
  for (let c = 0; c < channels; c++) {
    let count: f64 = 0;
    let sum: f64 = 0;
    let squares: f64 = 0;
    let low: f64 = Infinity;
    let high: f64 = -Infinity;
    for (let b = 0; b < blocks; b++) {
      const from = sums + <usize>(c * blocks + b) * 40;
      count += load<f64>(from);
      sum += load<f64>(from, 8);
      squares += load<f64>(from, 16);
      low = min(low, load<f64>(from, 24));
      high = max(high, load<f64>(from, 32));
    }
    const to = y + <usize>c * 24;
    if (count == 0) {
      memory.fill(to, 0, 24);
      continue;
    }
    const mean = sum / count;
    const rest = max<f64>(0, squares - sum * mean);
    store<f32>(to, <f32>count);
    store<f32>(to, <f32>low, 4);
    store<f32>(to, <f32>high, 8);
    store<f32>(to, <f32>(mean + shiftOf(x + (<usize>c * <usize>voxels << 2))), 12);
    store<f32>(to, <f32>Math.sqrt(rest / count), 16);
    store<f32>(to, count > 1 ? <f32>Math.sqrt(rest / (count - 1)) : 0, 20);
  }
}
