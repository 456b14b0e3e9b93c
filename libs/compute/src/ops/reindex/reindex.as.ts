// Moves voxels by offset tables (AssemblyScript). Each thread owns a run of output rows.

// @ts-ignore: decorator
@inline
function move<T>(args: usize, part: i32, parts: i32): void {
  const from = <usize>load<u32>(args);
  const to = <usize>load<u32>(args, 4);
  const channels = load<i32>(args, 8);
  const voxels = load<i32>(args, 12);
  const oz = load<i32>(args, 16);
  const oy = load<i32>(args, 20);
  const ox = load<i32>(args, 24);
  const tz = <usize>load<u32>(args, 28);
  const ty = <usize>load<u32>(args, 32);
  const tx = <usize>load<u32>(args, 36);
  const start = load<i32>(args, 40);
  const end = load<i32>(args, 44);
  const fill = sizeof<T>() == 1 ? <T>load<u8>(args, 48) : load<T>(args, 48);
  const align = alignof<T>();
  const size = <usize>1 << align;
  const rows = channels * oz * oy;
  for (let row = <i32>(<i64>rows * part / parts), stop = <i32>(<i64>rows * (part + 1) / parts); row < stop; row++) {
    const c = row / (oz * oy);
    const z = (row / oy) % oz;
    const i = load<i32>(tz + (<usize>z << 2));
    const j = load<i32>(ty + (<usize>(row - (row / oy) * oy) << 2));
    const target = to + (<usize>row * <usize>ox << align);
    if (i < 0 || j < 0) {
      for (let x = 0; x < ox; x++) store<T>(target + (<usize>x << align), fill);
      continue;
    }
    const source = from + ((<usize>c * <usize>voxels + <usize>(i + j)) << align);
    for (let x = 0; x < start; x++) store<T>(target + (<usize>x << align), fill);
    if (end > start) memory.copy(target + (<usize>start << align), source + (<usize>load<i32>(tx + (<usize>start << 2)) << align), <usize>(end - start) * size);
    for (let x = end; x < ox; x++) {
      const k = load<i32>(tx + (<usize>x << 2));
      store<T>(target + (<usize>x << align), k < 0 ? fill : load<T>(source + (<usize>k << align)));
    }
  }
}

/** args: from, to, channels, voxels per channel, oz, oy, ox, offsets z, offsets y, offsets x, run start, run end, fill. */
export function reindex_32(args: usize, part: i32, parts: i32): void {
  move<u32>(args, part, parts);
}

/** As reindex_32, for single bytes. */
export function reindex_u8(args: usize, part: i32, parts: i32): void {
  move<u8>(args, part, parts);
}
