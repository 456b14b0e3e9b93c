// Contrast about the mean (AssemblyScript). Each thread owns a run of voxels of every channel.

/** args: x, y, statistics f32 [C][6], channels, voxels, preserve range, rows of (on, factor). */
export function contrast(args: usize, part: i32, parts: i32): void {
  const x = <usize>load<u32>(args);
  const y = <usize>load<u32>(args, 4);
  const table = <usize>load<u32>(args, 8);
  const channels = load<i32>(args, 12);
  const voxels = load<i32>(args, 16);
  const preserve = load<i32>(args, 20) != 0;
  const rows = <usize>load<u32>(args, 24);
  const begin = <i32>(<i64>voxels * part / parts);
  const end = <i32>(<i64>voxels * (part + 1) / parts);
  for (let c = 0; c < channels; c++) {
    const own = table + <usize>c * 24;
    const channel = <usize>c * <usize>voxels << 2;
    if (load<i32>(rows + (<usize>c << 3)) == 0) {
      memory.copy(y + channel + (<usize>begin << 2), x + channel + (<usize>begin << 2), <usize>(end - begin) << 2);
      continue;
    }
    const factor = load<f32>(rows + (<usize>c << 3), 4);
    const mean = load<f32>(own, 12);
    const low: f32 = preserve ? load<f32>(own, 4) : -Infinity;
    const high: f32 = preserve ? load<f32>(own, 8) : Infinity;
    const f = f32x4.splat(factor);
    const m = f32x4.splat(mean);
    const l = f32x4.splat(low);
    const h = f32x4.splat(high);
    let v = begin;
    for (; v + 4 <= end; v += 4) {
      const at = channel + (<usize>v << 2);
      v128.store(y + at, f32x4.min(h, f32x4.max(l, f32x4.add(f32x4.mul(f32x4.sub(v128.load(x + at), m), f), m))));
    }
    for (; v < end; v++) {
      const at = channel + (<usize>v << 2);
      store<f32>(y + at, min(high, max(low, (load<f32>(x + at) - mean) * factor + mean)));
    }
  }
}
