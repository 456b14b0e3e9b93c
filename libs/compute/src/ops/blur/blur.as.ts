// Separable convolution (AssemblyScript). A plane is done along x (line with its ends filled in), then along y (rows added
// up, four columns at a time); another pass adds up planes along z.

/** args: from, to, voxels. */
export function blur_copy(args: usize, part: i32, parts: i32): void {
  const voxels = load<i32>(args, 8);
  const begin = <usize>(<i64>voxels * part / parts) << 2;
  const end = <usize>(<i64>voxels * (part + 1) / parts) << 2;
  memory.copy(<usize>load<u32>(args, 4) + begin, <usize>load<u32>(args) + begin, end - begin);
}

/** to[0 … n) = Σ taps[k] · rows at from + table[first + k] · stride; four at a time, the rest one by one. */
// @ts-ignore: decorator
@inline
function addRows(from: usize, stride: usize, table: usize, taps: usize, count: i32, to: usize, n: i32): void {
  let v = 0;
  for (; v + 8 <= n; v += 8) {
    const at = <usize>v << 2;
    let a = f32x4.splat(0);
    let b = f32x4.splat(0);
    for (let k = 0; k < count; k++) {
      const row = load<i32>(table + (<usize>k << 2));
      if (row < 0) continue;
      const tap = v128.load32_splat(taps + (<usize>k << 2));
      const p = from + <usize>row * stride + at;
      a = f32x4.add(a, f32x4.mul(tap, v128.load(p)));
      b = f32x4.add(b, f32x4.mul(tap, v128.load(p, 16)));
    }
    v128.store(to + at, a);
    v128.store(to + at, b, 16);
  }
  for (; v < n; v++) {
    const at = <usize>v << 2;
    let sum: f32 = 0;
    for (let k = 0; k < count; k++) {
      const row = load<i32>(table + (<usize>k << 2));
      if (row >= 0) sum += load<f32>(taps + (<usize>k << 2)) * load<f32>(from + <usize>row * stride + at);
    }
    store<f32>(to + at, sum);
  }
}

/** args: from, to, work, work bytes per part, nz, ny, nx, then for y and x: count, taps, table. */
export function blur_planes(args: usize, part: i32, parts: i32): void {
  const from = <usize>load<u32>(args);
  const to = <usize>load<u32>(args, 4);
  const nz = load<i32>(args, 16);
  const ny = load<i32>(args, 20);
  const nx = load<i32>(args, 24);
  const county = load<i32>(args, 28);
  const tapsy = <usize>load<u32>(args, 32);
  const tabley = <usize>load<u32>(args, 36);
  const countx = load<i32>(args, 40);
  const tapsx = <usize>load<u32>(args, 44);
  const tablex = <usize>load<u32>(args, 48);
  const plane = <usize>load<u32>(args, 8) + <usize>load<u32>(args, 12) * <usize>part;
  const stride = <usize>nx << 2;
  const line = plane + <usize>ny * stride;
  const reach = countx >> 1;
  const single = county == 1 && load<f32>(tapsy) == 1;
  for (let z = <i32>(<i64>nz * part / parts), stop = <i32>(<i64>nz * (part + 1) / parts); z < stop; z++) {
    const source = from + <usize>(z * ny) * stride;
    const target = to + <usize>(z * ny) * stride;
    for (let y = 0; y < ny; y++) {
      const row = source + <usize>y * stride;
      const done = (single ? target : plane) + <usize>y * stride;
      for (let k = 0; k < reach; k++) {
        const left = load<i32>(tablex + (<usize>k << 2));
        const right = load<i32>(tablex + (<usize>(reach + nx + k) << 2));
        store<f32>(line + (<usize>k << 2), left < 0 ? 0 : load<f32>(row + (<usize>left << 2)));
        store<f32>(line + (<usize>(reach + nx + k) << 2), right < 0 ? 0 : load<f32>(row + (<usize>right << 2)));
      }
      memory.copy(line + (<usize>reach << 2), row, stride);
      let x = 0;
      for (; x + 8 <= nx; x += 8) {
        let p = line + (<usize>x << 2);
        let a = f32x4.splat(0);
        let b = f32x4.splat(0);
        for (let k = 0; k < countx; k++, p += 4) {
          const tap = v128.load32_splat(tapsx + (<usize>k << 2));
          a = f32x4.add(a, f32x4.mul(tap, v128.load(p)));
          b = f32x4.add(b, f32x4.mul(tap, v128.load(p, 16)));
        }
        v128.store(done + (<usize>x << 2), a);
        v128.store(done + (<usize>x << 2), b, 16);
      }
      for (; x < nx; x++) {
        let sum: f32 = 0;
        for (let k = 0; k < countx; k++) sum += load<f32>(tapsx + (<usize>k << 2)) * load<f32>(line + (<usize>(x + k) << 2));
        store<f32>(done + (<usize>x << 2), sum);
      }
    }
    if (single) continue;
    for (let y = 0; y < ny; y++) addRows(plane, stride, tabley + (<usize>y << 2), tapsy, county, target + <usize>y * stride, nx);
  }
}

/** args: from, to, nz, ny, nx, count, taps, table. Each thread owns a run of rows. */
export function blur_depth(args: usize, part: i32, parts: i32): void {
  const from = <usize>load<u32>(args);
  const to = <usize>load<u32>(args, 4);
  const nz = load<i32>(args, 8);
  const ny = load<i32>(args, 12);
  const nx = load<i32>(args, 16);
  const count = load<i32>(args, 20);
  const taps = <usize>load<u32>(args, 24);
  const table = <usize>load<u32>(args, 28);
  const plane = <usize>(ny * nx) << 2;
  const rows = nz * ny;
  for (let row = <i32>(<i64>rows * part / parts), stop = <i32>(<i64>rows * (part + 1) / parts); row < stop; row++) {
    const z = row / ny;
    const offset = <usize>((row % ny) * nx) << 2;
    addRows(from + offset, plane, table + (<usize>z << 2), taps, count, to + (<usize>z * plane) + offset, nx);
  }
}
