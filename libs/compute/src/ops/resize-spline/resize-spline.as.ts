// Resizing by splines (AssemblyScript), float64. `planes` resizes every slice in its plane: rows first (eight rows side by
// side, transposed on the way), then columns (sixteen side by side). `depth` goes along z, sixteen columns side by side.
// A block holds w lines as [n + 4][w]: two rows of coefficients beyond either end are all that an evaluation touches.
// Constant continuation beyond the ends has closed sums, so nothing is padded.

const POLE: f64 = -0.2679491924311227;

// @ts-ignore: decorator
@inline
function rowAt(block: usize, w: i32, row: i32): usize {
  return block + (<usize>(row * w) << 3);
}

/** Samples in rows 2 … n+1 become cubic B-spline coefficients; rows 0, 1, n+2, n+3 are made. */
function prefilter(block: usize, n: i32, w: i32): void {
  const pole = f64x2.splat(POLE);
  const gain = f64x2.splat(6);
  const steady = f64x2.splat(6 / (1 - POLE));
  const bytes = <usize>w << 3;
  for (let at: usize = 0; at < bytes; at += 16) {
    const first = rowAt(block, w, 2) + at;
    const last = rowAt(block, w, n + 1) + at;
    const before = f64x2.mul(steady, v128.load(first));
    const after = f64x2.mul(steady, v128.load(last));
    let run = before;
    v128.store(first, run);
    for (let p = first + bytes; p <= last; p += bytes) {
      run = f64x2.add(f64x2.mul(gain, v128.load(p)), f64x2.mul(pole, run));
      v128.store(p, run);
    }
    // Causal values beyond the end: after + (run - after) · pole^j; their anticausal sum is closed.
    const still = f64x2.mul(after, f64x2.splat(-POLE / (1 - POLE)));
    const fading = f64x2.mul(f64x2.sub(run, after), f64x2.splat(-POLE / (1 - POLE * POLE)));
    v128.store(last + bytes, f64x2.add(still, f64x2.mul(fading, pole)));
    v128.store(last + 2 * bytes, f64x2.add(still, f64x2.mul(fading, f64x2.splat(POLE * POLE))));
    let c = f64x2.add(still, fading);
    v128.store(last, c);
    for (let p = last - bytes; p >= first; p -= bytes) {
      c = f64x2.mul(pole, f64x2.sub(c, v128.load(p)));
      v128.store(p, c);
    }
    c = f64x2.mul(pole, f64x2.sub(c, before));
    v128.store(first - bytes, c);
    v128.store(first - 2 * bytes, f64x2.mul(pole, f64x2.sub(c, before)));
  }
}

/** Resizes the w lines of a block from n to m; results go to `out`, rows `stride` bytes apart. Overwrites the block. */
function resizeBlock(block: usize, n: i32, m: i32, order: i32, w: i32, out: usize, stride: usize): void {
  const bytes = <usize>w << 3;
  if (n == m) {
    for (let i = 0; i < m; i++) memory.copy(out + <usize>i * stride, rowAt(block, w, i + 2), bytes);
    return;
  }
  if (order == 3) prefilter(block, n, w);
  const scale = <f64>n / <f64>m;
  for (let i = 0; i < m; i++) {
    const t = (<f64>i + 0.5) * scale - 0.5;
    const to = out + <usize>i * stride;
    if (order == 0) {
      const k = min(n - 1, max(0, <i32>Math.floor(t + 0.5)));
      memory.copy(to, rowAt(block, w, k + 2), bytes);
    } else if (order == 1) {
      const inside = min(<f64>(n - 1), max(<f64>0, t));
      const k = min(<i32>inside, max(0, n - 2));
      const u = f64x2.splat(inside - <f64>k);
      const v = f64x2.splat(1 - (inside - <f64>k));
      const p = rowAt(block, w, k + 2);
      const q = n > 1 ? p + bytes : p;
      for (let at: usize = 0; at < bytes; at += 16)
        v128.store(to + at, f64x2.add(f64x2.mul(v128.load(p + at), v), f64x2.mul(v128.load(q + at), u)));
    } else {
      const floor = Math.floor(t);
      const u = t - floor;
      const v = 1 - u;
      const w0 = f64x2.splat((v * v * v) / 6);
      const w1 = f64x2.splat((4 - 6 * u * u + 3 * u * u * u) / 6);
      const w2 = f64x2.splat((4 - 6 * v * v + 3 * v * v * v) / 6);
      const w3 = f64x2.splat((u * u * u) / 6);
      const p = rowAt(block, w, <i32>floor + 1);
      for (let at: usize = 0; at < bytes; at += 16) {
        const a = p + at;
        v128.store(
          to + at,
          f64x2.add(
            f64x2.add(f64x2.mul(v128.load(a), w0), f64x2.mul(v128.load(a + bytes), w1)),
            f64x2.add(f64x2.mul(v128.load(a + 2 * bytes), w2), f64x2.mul(v128.load(a + 3 * bytes), w3)),
          ),
        );
      }
    }
  }
}

/**
 * args: from f32 [nz][ny][nx], mid f64 [nz][my][wide], ranges f64 [nz][2], scratch, scratch bytes per part,
 * nz, ny, nx, my, mx, wide, order, clip each plane. Scratch: block, turned block [mx][8], plane [ny][wide].
 */
export function resize_spline_planes(args: usize, part: i32, parts: i32): void {
  const from = <usize>load<u32>(args);
  const mid = <usize>load<u32>(args, 4);
  const ranges = <usize>load<u32>(args, 8);
  const nz = load<i32>(args, 20);
  const ny = load<i32>(args, 24);
  const nx = load<i32>(args, 28);
  const my = load<i32>(args, 32);
  const mx = load<i32>(args, 36);
  const wide = load<i32>(args, 40);
  const order = load<i32>(args, 44);
  const clip = load<i32>(args, 48) != 0;
  const block = <usize>load<u32>(args, 12) + <usize>load<u32>(args, 16) * <usize>part;
  const turned = block + (<usize>(max(nx, ny) + 4) << 7);
  const plane = turned + (<usize>mx << 6);
  const stride = <usize>wide << 3;
  for (let z = <i32>(<i64>nz * part / parts), end = <i32>(<i64>nz * (part + 1) / parts); z < end; z++) {
    const slice = from + (<usize>z * <usize>(ny * nx) << 2);
    let low = Infinity;
    let high = -Infinity;
    for (let y = 0; y < ny; y += 8) {
      const rows = min(8, ny - y);
      for (let r = 0; r < rows; r++) {
        let source = slice + (<usize>((y + r) * nx) << 2);
        let to = block + 128 + (<usize>r << 3);
        for (let x = 0; x < nx; x++, source += 4, to += 64) {
          const value = <f64>load<f32>(source);
          low = min(low, value);
          high = max(high, value);
          store<f64>(to, value);
        }
      }
      resizeBlock(block, nx, mx, order, 8, turned, 64);
      for (let r = 0; r < rows; r++) {
        let source = turned + (<usize>r << 3);
        let to = plane + <usize>(y + r) * stride;
        for (let x = 0; x < mx; x++, source += 64, to += 8) store<f64>(to, load<f64>(source));
      }
    }
    store<f64>(ranges + (<usize>z << 4), low);
    store<f64>(ranges + (<usize>z << 4), high, 8);
    const target = mid + <usize>z * <usize>my * stride;
    for (let x: usize = 0; x < stride; x += 128) {
      for (let y = 0; y < ny; y++) memory.copy(block + (<usize>(y + 2) << 7), plane + <usize>y * stride + x, 128);
      resizeBlock(block, ny, my, order, 16, target + x, stride);
    }
    if (!clip) continue;
    // Not pmin and pmax: NaN stays, in a voxel as in the range.
    const least = f64x2.splat(low);
    const most = f64x2.splat(high);
    const stop = target + <usize>my * stride;
    for (let at = target; at < stop; at += 16) v128.store(at, f64x2.min(most, f64x2.max(least, v128.load(at))));
  }
}

/** args: mid f64 [nz][my][wide], to f32 [mz][my][mx], ranges f64 [nz][2], scratch, scratch bytes per part, nz, mz, my, mx, wide, order, clip to all ranges. */
export function resize_spline_depth(args: usize, part: i32, parts: i32): void {
  const mid = <usize>load<u32>(args);
  const to = <usize>load<u32>(args, 4);
  const ranges = <usize>load<u32>(args, 8);
  const nz = load<i32>(args, 20);
  const mz = load<i32>(args, 24);
  const my = load<i32>(args, 28);
  const mx = load<i32>(args, 32);
  const wide = load<i32>(args, 36);
  const order = load<i32>(args, 40);
  let low = -Infinity;
  let high = Infinity;
  if (load<i32>(args, 44) != 0) {
    low = Infinity;
    high = -Infinity;
    for (let z = 0; z < nz; z++) {
      low = min(low, load<f64>(ranges + (<usize>z << 4)));
      high = max(high, load<f64>(ranges + (<usize>z << 4), 8));
    }
  }
  const block = <usize>load<u32>(args, 12) + <usize>load<u32>(args, 16) * <usize>part;
  const done = block + (<usize>(nz + 4) << 7);
  const plane = <usize>my * <usize>wide << 3;
  const perRow = wide >> 4;
  const blocks = my * perRow;
  for (let b = <i32>(<i64>blocks * part / parts), end = <i32>(<i64>blocks * (part + 1) / parts); b < end; b++) {
    const y = b / perRow;
    const x = (b % perRow) << 4;
    const column = mid + (<usize>(y * wide + x) << 3);
    for (let z = 0; z < nz; z++) memory.copy(block + (<usize>(z + 2) << 7), column + <usize>z * plane, 128);
    resizeBlock(block, nz, mz, order, 16, done, 128);
    const width = min(16, mx - x);
    for (let z = 0; z < mz; z++) {
      const source = done + (<usize>z << 7);
      const target = to + (<usize>((z * my + y) * mx + x) << 2);
      for (let k = 0; k < width; k++) store<f32>(target + (<usize>k << 2), <f32>min(high, max(low, load<f64>(source + (<usize>k << 3)))));
    }
  }
}
