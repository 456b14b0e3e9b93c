// Linear expansion (AssemblyScript): per output plane two coarse planes are mixed, their rows widened, then rows mixed.

/** args: from, to, work, work bytes per part, sz, sy, sx, oz, oy, ox, then per axis: lower indices, weights of the upper. */
export function expand_linear(args: usize, part: i32, parts: i32): void {
  const from = <usize>load<u32>(args);
  const to = <usize>load<u32>(args, 4);
  const sz = load<i32>(args, 16);
  const sy = load<i32>(args, 20);
  const sx = load<i32>(args, 24);
  const oz = load<i32>(args, 28);
  const oy = load<i32>(args, 32);
  const ox = load<i32>(args, 36);
  const lz = <usize>load<u32>(args, 40);
  const wz = <usize>load<u32>(args, 44);
  const ly = <usize>load<u32>(args, 48);
  const wy = <usize>load<u32>(args, 52);
  const lx = <usize>load<u32>(args, 56);
  const wx = <usize>load<u32>(args, 60);
  const mixed = <usize>load<u32>(args, 8) + <usize>load<u32>(args, 12) * <usize>part;
  const plane = sy * sx;
  const wide = mixed + ((<usize>plane + 4) << 2);
  const row = <usize>ox << 2;
  for (let z = <i32>(<i64>oz * part / parts), stop = <i32>(<i64>oz * (part + 1) / parts); z < stop; z++) {
    const low = load<i32>(lz + (<usize>z << 2));
    const w = load<f32>(wz + (<usize>z << 2));
    const a = from + (<usize>(low * plane) << 2);
    const b = from + (<usize>(min(low + 1, sz - 1) * plane) << 2);
    for (let v = 0; v < plane; v++) {
      const at = <usize>v << 2;
      const near = load<f32>(a + at);
      store<f32>(mixed + at, near + w * (load<f32>(b + at) - near));
    }
    for (let y = 0; y < sy; y++) {
      const source = mixed + (<usize>(y * sx) << 2);
      const target = wide + <usize>y * row;
      for (let x = 0; x < ox; x++) {
        const k = load<i32>(lx + (<usize>x << 2));
        const near = load<f32>(source + (<usize>k << 2));
        const far = load<f32>(source + (<usize>min(k + 1, sx - 1) << 2));
        store<f32>(target + (<usize>x << 2), near + load<f32>(wx + (<usize>x << 2)) * (far - near));
      }
    }
    for (let y = 0; y < oy; y++) {
      const k = load<i32>(ly + (<usize>y << 2));
      const u = load<f32>(wy + (<usize>y << 2));
      const near = wide + <usize>k * row;
      const far = wide + <usize>min(k + 1, sy - 1) * row;
      const target = to + <usize>(z * oy + y) * row;
      let x = 0;
      for (; x + 4 <= ox; x += 4) {
        const at = <usize>x << 2;
        const p = v128.load(near + at);
        v128.store(target + at, f32x4.add(p, f32x4.mul(f32x4.splat(u), f32x4.sub(v128.load(far + at), p))));
      }
      for (; x < ox; x++) {
        const at = <usize>x << 2;
        const p = load<f32>(near + at);
        store<f32>(target + at, p + u * (load<f32>(far + at) - p));
      }
    }
  }
}
