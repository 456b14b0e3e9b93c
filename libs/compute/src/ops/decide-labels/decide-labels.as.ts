// Logits to labels (AssemblyScript). Each thread owns a run of voxels.

/** args: logits, y, channels, voxels, regions, labels of the channels. */
export function decide_labels(args: usize, part: i32, parts: i32): void {
  const logits = <usize>load<u32>(args);
  const y = <usize>load<u32>(args, 4);
  const channels = load<i32>(args, 8);
  const voxels = load<i32>(args, 12);
  const regions = load<i32>(args, 16) != 0;
  const labels = <usize>load<u32>(args, 20);
  for (let v = <i32>(<i64>voxels * part / parts), end = <i32>(<i64>voxels * (part + 1) / parts); v < end; v++) {
    let best: f32 = regions ? 0 : -Infinity;
    let label = 0;
    for (let k = 0; k < channels; k++) {
      const value = load<f32>(logits + ((<usize>k * <usize>voxels + <usize>v) << 2));
      if (value > best) {
        label = load<i32>(labels + (<usize>k << 2));
        if (!regions) best = value;
      }
    }
    store<i32>(y + (<usize>v << 2), label);
  }
}
