// The runtime's own kernels (AssemblyScript): the barrier between kernel calls, and layout conversion.

const SPINS: i32 = 4000;

/** Waits until all `parts` threads have arrived. `control`: two i32 words, arrivals and generation. */
export function barrier(control: usize, parts: i32): void {
  if (parts == 1) return;
  const generation = atomic.load<i32>(control, 4);
  if (atomic.add<i32>(control, 1) == parts - 1) {
    atomic.store<i32>(control, 0);
    atomic.add<i32>(control, 1, 4);
    atomic.notify(control + 4, -1);
    return;
  }
  for (let spin = 0; spin < SPINS; spin++) {
    if (atomic.load<i32>(control, 4) != generation) return;
  }
  while (atomic.load<i32>(control, 4) == generation) atomic.wait<i32>(control + 4, generation, -1);
}

/** args: from (plain), to (blocked), samples, channels, voxels. */
export function to_blocked(args: usize, part: i32, parts: i32): void {
  const from = <usize>load<u32>(args);
  const to = <usize>load<u32>(args, 4);
  const samples = load<i32>(args, 8);
  const channels = load<i32>(args, 12);
  const voxels = load<i32>(args, 16);
  const blocks = (channels + 7) >> 3;
  const rows = samples * blocks;
  for (let row = 0; row < rows; row++) {
    const sample = row / blocks;
    const first = (row % blocks) << 3;
    const present = min(8, channels - first);
    const source = from + (<usize>(sample * channels + first) * <usize>voxels << 2);
    const target = to + (<usize>row * <usize>voxels << 5);
    const begin = <i32>(<i64>voxels * part / parts);
    const end = <i32>(<i64>voxels * (part + 1) / parts);
    for (let v = begin; v < end; v++) {
      const out = target + (<usize>v << 5);
      let c = 0;
      for (; c < present; c++) store<f32>(out + (<usize>c << 2), load<f32>(source + (<usize>c * <usize>voxels + <usize>v << 2)));
      for (; c < 8; c++) store<f32>(out + (<usize>c << 2), 0);
    }
  }
}

/** args: from (blocked), to (plain), samples, channels, voxels. */
export function to_plain(args: usize, part: i32, parts: i32): void {
  const from = <usize>load<u32>(args);
  const to = <usize>load<u32>(args, 4);
  const samples = load<i32>(args, 8);
  const channels = load<i32>(args, 12);
  const voxels = load<i32>(args, 16);
  const blocks = (channels + 7) >> 3;
  const rows = samples * channels;
  for (let row = 0; row < rows; row++) {
    const sample = row / channels;
    const channel = row % channels;
    const source = from + (<usize>(sample * blocks + (channel >> 3)) * <usize>voxels << 5) + (<usize>(channel & 7) << 2);
    const target = to + (<usize>row * <usize>voxels << 2);
    const begin = <i32>(<i64>voxels * part / parts);
    const end = <i32>(<i64>voxels * (part + 1) / parts);
    for (let v = begin; v < end; v++) store<f32>(target + (<usize>v << 2), load<f32>(source + (<usize>v << 5)));
  }
}
