// Linear intensity change (AssemblyScript). Each thread owns a run of voxels of every channel.

/** args: x, mask or 0, y, channels, voxels, rows of (low, high, subtract, divide, multiply, add). */
export function rescale_intensity(args: usize, part: i32, parts: i32): void {
  const x = <usize>load<u32>(args);
  const mask = <usize>load<u32>(args, 4);
  const y = <usize>load<u32>(args, 8);
  const channels = load<i32>(args, 12);
  const voxels = load<i32>(args, 16);
  const rows = <usize>load<u32>(args, 20);
  const begin = <i32>(<i64>voxels * part / parts);
  const end = <i32>(<i64>voxels * (part + 1) / parts);
  for (let c = 0; c < channels; c++) {
    const row = rows + <usize>c * 24;
    const low = load<f32>(row);
    const high = load<f32>(row, 4);
    const subtract = load<f32>(row, 8);
    const divide = load<f32>(row, 12);
    const multiply = load<f32>(row, 16);
    const add = load<f32>(row, 20);
    const channel = <usize>c * <usize>voxels << 2;
    let v = begin;
    if (mask == 0) {
      const l = f32x4.splat(low);
      const h = f32x4.splat(high);
      const s = f32x4.splat(subtract);
      const d = f32x4.splat(divide);
      const m = f32x4.splat(multiply);
      const a = f32x4.splat(add);
      for (; v + 4 <= end; v += 4) {
        const at = channel + (<usize>v << 2);
        const clamped = f32x4.min(h, f32x4.max(l, v128.load(x + at)));
        v128.store(y + at, f32x4.add(f32x4.mul(f32x4.div(f32x4.sub(clamped, s), d), m), a));
      }
    }
    for (; v < end; v++) {
      const at = channel + (<usize>v << 2);
      let value = load<f32>(x + at);
      if (mask == 0 || load<u8>(mask + <usize>v) != 0) value = ((min(high, max(low, value)) - subtract) / divide) * multiply + add;
      store<f32>(y + at, value);
    }
  }
}
