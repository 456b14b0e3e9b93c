// The running decision over channels (AssemblyScript). Each thread owns a run of voxels.

/** args: one channel, best f32, y i32, voxels, label of the channel, first, regions. */
export function keep_greatest(args: usize, part: i32, parts: i32): void {
  const one = <usize>load<u32>(args);
  const best = <usize>load<u32>(args, 4);
  const y = <usize>load<u32>(args, 8);
  const voxels = load<i32>(args, 12);
  const label = load<i32>(args, 16);
  const first = load<i32>(args, 20) != 0;
  const regions = load<i32>(args, 24) != 0;
  for (let v = <i32>(<i64>voxels * part / parts), end = <i32>(<i64>voxels * (part + 1) / parts); v < end; v++) {
    const at = <usize>v << 2;
    const value = load<f32>(one + at);
    if (first) {
      store<f32>(best + at, regions ? 0 : -Infinity);
      store<i32>(y + at, 0);
    }
    if (value > load<f32>(best + at)) {
      store<i32>(y + at, label);
      if (!regions) store<f32>(best + at, value);
    }
  }
}
