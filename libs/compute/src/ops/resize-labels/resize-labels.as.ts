// Label resizing (AssemblyScript). Each thread owns a run of output rows; where the eight neighbors agree nothing is added.

/** args: from, to, channels, nz, ny, nx, mz, my, mx, then per axis: lower indices, steps to the upper, float64 weights of the upper. */
export function resize_labels(args: usize, part: i32, parts: i32): void {
  const from = <usize>load<u32>(args);
  const to = <usize>load<u32>(args, 4);
  const channels = load<i32>(args, 8);
  const nz = load<i32>(args, 12);
  const ny = load<i32>(args, 16);
  const nx = load<i32>(args, 20);
  const mz = load<i32>(args, 24);
  const my = load<i32>(args, 28);
  const mx = load<i32>(args, 32);
  const lz = <usize>load<u32>(args, 36);
  const sz = <usize>load<u32>(args, 40);
  const wz = <usize>load<u32>(args, 44);
  const ly = <usize>load<u32>(args, 48);
  const sy = <usize>load<u32>(args, 52);
  const wy = <usize>load<u32>(args, 56);
  const lx = <usize>load<u32>(args, 60);
  const sx = <usize>load<u32>(args, 64);
  const wx = <usize>load<u32>(args, 68);
  const rows = channels * mz * my;
  for (let row = <i32>(<i64>rows * part / parts), stop = <i32>(<i64>rows * (part + 1) / parts); row < stop; row++) {
    const y = row % my;
    const z = (row / my) % mz;
    const c = row / (my * mz);
    const uz = load<f64>(wz + (<usize>z << 3));
    const uy = load<f64>(wy + (<usize>y << 3));
    const base = from + (<usize>((c * nz + load<i32>(lz + (<usize>z << 2))) * ny + load<i32>(ly + (<usize>y << 2))) * <usize>nx << 2);
    const dy = <usize>(load<i32>(sy + (<usize>y << 2)) * nx) << 2;
    const dz = <usize>(load<i32>(sz + (<usize>z << 2)) * nx * ny) << 2;
    const target = to + (<usize>row * <usize>mx << 2);
    for (let x = 0; x < mx; x++) {
      const ux = load<f64>(wx + (<usize>x << 3));
      const dx = <usize>load<i32>(sx + (<usize>x << 2)) << 2;
      const p = base + (<usize>load<i32>(lx + (<usize>x << 2)) << 2);
      const a0 = load<i32>(p);
      const a1 = load<i32>(p + dx);
      const a2 = load<i32>(p + dy);
      const a3 = load<i32>(p + dy + dx);
      const a4 = load<i32>(p + dz);
      const a5 = load<i32>(p + dz + dx);
      const a6 = load<i32>(p + dz + dy);
      const a7 = load<i32>(p + dz + dy + dx);
      let label = a0;
      if (((a0 ^ a1) | (a0 ^ a2) | (a0 ^ a3) | (a0 ^ a4) | (a0 ^ a5) | (a0 ^ a6) | (a0 ^ a7)) != 0) {
        const w0 = (1 - uz) * (1 - uy) * (1 - ux);
        const w1 = (1 - uz) * (1 - uy) * ux;
        const w2 = (1 - uz) * uy * (1 - ux);
        const w3 = (1 - uz) * uy * ux;
        const w4 = uz * (1 - uy) * (1 - ux);
        const w5 = uz * (1 - uy) * ux;
        const w6 = uz * uy * (1 - ux);
        const w7 = uz * uy * ux;
        let best = i32.MIN_VALUE;
        for (let k = 0; k < 8; k++) {
          const q = k == 0 ? a0 : k == 1 ? a1 : k == 2 ? a2 : k == 3 ? a3 : k == 4 ? a4 : k == 5 ? a5 : k == 6 ? a6 : a7;
          if (q <= best) continue;
          let sum: f64 = 0;
          if (a0 == q) sum += w0;
          if (a1 == q) sum += w1;
          if (a2 == q) sum += w2;
          if (a3 == q) sum += w3;
          if (a4 == q) sum += w4;
          if (a5 == q) sum += w5;
          if (a6 == q) sum += w6;
          if (a7 == q) sum += w7;
          if (sum >= 0.5) best = q;
        }
        label = best == i32.MIN_VALUE ? 0 : best;
      }
      store<i32>(target + (<usize>x << 2), label);
    }
  }
}
