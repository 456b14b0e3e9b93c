// Percentiles (AssemblyScript), one thread: counts of the upper half of the order-preserving bits find the bin of a rank,
// counts of the lower half within that bin find the number.

// @ts-ignore: decorator
@inline
function orderOf(value: f32): u32 {
  const bits = reinterpret<u32>(value);
  return bits & 0x80000000 ? ~bits : bits | 0x80000000;
}

// @ts-ignore: decorator
@inline
function valueOf(order: u32): f32 {
  return reinterpret<f32>(order & 0x80000000 ? order & 0x7fffffff : ~order);
}

/** The number of rank `rank` (from 0): `upper` holds counts by upper half; `lower` is scratch. */
function select(channel: usize, mask: usize, voxels: i32, upper: usize, lower: usize, rank: i32): f32 {
  let left = rank;
  let bin: u32 = 0;
  while (left >= load<i32>(upper + (<usize>bin << 2))) {
    left -= load<i32>(upper + (<usize>bin << 2));
    bin++;
  }
  memory.fill(lower, 0, 262144);
  for (let v = 0; v < voxels; v++) {
    if (mask != 0 && load<u8>(mask + <usize>v) == 0) continue;
    const order = orderOf(load<f32>(channel + (<usize>v << 2)));
    if (order >> 16 != bin) continue;
    const at = lower + (<usize>(order & 0xffff) << 2);
    store<i32>(at, load<i32>(at) + 1);
  }
  let low: u32 = 0;
  while (left >= load<i32>(lower + (<usize>low << 2))) {
    left -= load<i32>(lower + (<usize>low << 2));
    low++;
  }
  return valueOf((bin << 16) | low);
}

/** args: x, mask or 0, y, work (two tables of 65536 counts), channels, voxels, count, shares f64. */
export function percentiles(args: usize, part: i32, parts: i32): void {
  if (part != 0) return;
  const x = <usize>load<u32>(args);
  const mask = <usize>load<u32>(args, 4);
  const y = <usize>load<u32>(args, 8);
  const upper = <usize>load<u32>(args, 12);
  const channels = load<i32>(args, 16);
  const voxels = load<i32>(args, 20);
  const count = load<i32>(args, 24);
  const shares = <usize>load<u32>(args, 28);
  for (let c = 0; c < channels; c++) {
    const channel = x + (<usize>c * <usize>voxels << 2);
    memory.fill(upper, 0, 262144);
    let all = 0;
    for (let v = 0; v < voxels; v++) {
      if (mask != 0 && load<u8>(mask + <usize>v) == 0) continue;
      const at = upper + (<usize>(orderOf(load<f32>(channel + (<usize>v << 2))) >> 16) << 2);
      store<i32>(at, load<i32>(at) + 1);
      all++;
    }
    for (let k = 0; k < count; k++) {
      const to = y + (<usize>(c * count + k) << 2);
      if (all == 0) {
        store<f32>(to, 0);
        continue;
      }
      const rank = load<f64>(shares + (<usize>k << 3)) * <f64>(all - 1);
      const low = <i32>rank;
      const a = select(channel, mask, voxels, upper, upper + 262144, low);
      const b = rank > <f64>low ? select(channel, mask, voxels, upper, upper + 262144, min(all - 1, low + 1)) : a;
      store<f32>(to, <f32>(<f64>a + (<f64>b - <f64>a) * (rank - <f64>low)));
    }
  }
}
