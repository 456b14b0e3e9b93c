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

/** Turns four rows of four words, `fromStep` bytes apart, into four columns, `toStep` bytes apart. */
// @ts-ignore: decorator
@inline
function turn(from: usize, fromStep: usize, to: usize, toStep: usize): void {
  const a = v128.load(from);
  const b = v128.load(from + fromStep);
  const c = v128.load(from + 2 * fromStep);
  const d = v128.load(from + 3 * fromStep);
  const low = v128.shuffle<i32>(a, b, 0, 4, 1, 5);
  const high = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
  const low2 = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
  const high2 = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<i64>(low, low2, 0, 2));
  v128.store(to + toStep, v128.shuffle<i64>(low, low2, 1, 3));
  v128.store(to + 2 * toStep, v128.shuffle<i64>(high, high2, 0, 2));
  v128.store(to + 3 * toStep, v128.shuffle<i64>(high, high2, 1, 3));
}

/** args: from (plain), to (blocked), samples, channels, voxels. Whole blocks go four voxels at a time through registers. */
export function to_blocked(args: usize, part: i32, parts: i32): void {
  const from = <usize>load<u32>(args);
  const to = <usize>load<u32>(args, 4);
  const samples = load<i32>(args, 8);
  const channels = load<i32>(args, 12);
  const voxels = load<i32>(args, 16);
  const blocks = (channels + 7) >> 3;
  const rows = samples * blocks;
  const step = <usize>voxels << 2;
  for (let row = 0; row < rows; row++) {
    const sample = row / blocks;
    const first = (row % blocks) << 3;
    const present = min(8, channels - first);
    const source = from + <usize>(sample * channels + first) * step;
    const target = to + (<usize>row * <usize>voxels << 5);
    const end = <i32>(<i64>voxels * (part + 1) / parts);
    let v = <i32>(<i64>voxels * part / parts);
    if (present == 8) {
      for (; v + 4 <= end; v += 4) {
        const in4 = source + (<usize>v << 2);
        const out = target + (<usize>v << 5);
        turn(in4, step, out, 32);
        turn(in4 + 4 * step, step, out + 16, 32);
      }
    }
    for (; v < end; v++) {
      const out = target + (<usize>v << 5);
      let c = 0;
      for (; c < present; c++) store<f32>(out + (<usize>c << 2), load<f32>(source + <usize>c * step + (<usize>v << 2)));
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
  const rows = samples * blocks;
  const step = <usize>voxels << 2;
  for (let row = 0; row < rows; row++) {
    const sample = row / blocks;
    const first = (row % blocks) << 3;
    const present = min(8, channels - first);
    const source = from + (<usize>row * <usize>voxels << 5);
    const target = to + <usize>(sample * channels + first) * step;
    const end = <i32>(<i64>voxels * (part + 1) / parts);
    let v = <i32>(<i64>voxels * part / parts);
    if (present == 8) {
      for (; v + 4 <= end; v += 4) {
        const out = target + (<usize>v << 2);
        const in4 = source + (<usize>v << 5);
        turn(in4, 32, out, step);
        turn(in4 + 16, 32, out + 4 * step, step);
      }
    }
    for (; v < end; v++) {
      for (let c = 0; c < present; c++) store<f32>(target + <usize>c * step + (<usize>v << 2), load<f32>(source + (<usize>v << 5) + (<usize>c << 2)));
    }
  }
}
