// Sampling at affine positions (AssemblyScript). Each thread owns a run of output rows. Positions are float64; a voxel
// whose eight neighbors are inside reads them as four pairs.

// Ties go up; a little more than a half, so that rounding on the way to a tie does not decide.
const HALF: f64 = 0.5000001;
// Rounding on the way to an outermost center does not put it outside.
const EDGE: f64 = 1e-6;

/** `loose`: positions between a face and the outermost centers stay there. */
// @ts-ignore: decorator
@inline
function settle(p: f64, n: i32, padding: i32, loose: bool = false): f64 {
  if (padding == 0) return p;
  const last = <f64>(n - 1);
  if (padding == 3) {
    if (!(p >= -0.5 && p < <f64>n - 0.5)) return NaN;
    if (loose) return p;
  }
  if (padding == 4) {
    if (n == 1) return 0;
    const turn = Math.abs(p) - 2 * last * Math.floor(Math.abs(p) / (2 * last));
    return turn > last ? 2 * last - turn : turn;
  }
  if (padding != 2) return min(last, max<f64>(0, p));
  const period = <f64>(2 * n);
  let folded = Math.abs(p + 0.5);
  folded -= period * Math.floor(folded / period);
  if (folded > <f64>n) folded = period - folded;
  if (loose) return folded - 0.5;
  return min(last, max<f64>(0, folded - 0.5));
}

// @ts-ignore: decorator
@inline
function tap(from: usize, z: i32, y: i32, x: i32, nz: i32, ny: i32, nx: i32, fill: f32): f32 {
  if (<u32>z >= <u32>nz || <u32>y >= <u32>ny || <u32>x >= <u32>nx) return fill;
  return load<f32>(from + (<usize>((z * ny + y) * nx + x) << 2));
}

/** Trilinear with bounds looked at. */
function rim(from: usize, z: i32, y: i32, x: i32, uz: f32, uy: f32, ux: f32, nz: i32, ny: i32, nx: i32, fill: f32): f32 {
  let sum: f32 = 0;
  for (let k = 0; k < 8; k++) {
    const w = (k & 4 ? uz : 1 - uz) * (k & 2 ? uy : 1 - uy) * (k & 1 ? ux : 1 - ux);
    if (w != 0) sum += w * tap(from, z + (k >> 2), y + ((k >> 1) & 1), x + (k & 1), nz, ny, nx, fill);
  }
  return sum;
}

/** Weight j of four at fraction u; an axis of one voxel has only itself. */
// @ts-ignore: decorator
@inline
function weight(j: i32, u: f64, n: i32): f64 {
  if (n == 1) return j == 1 ? 1 : 0;
  const v = 1 - u;
  return j == 0 ? (v * v * v) / 6 : j == 1 ? (4 - 6 * u * u + 3 * u * u * u) / 6 : j == 2 ? (4 - 6 * v * v + 3 * v * v * v) / 6 : (u * u * u) / 6;
}

/** Cubic B-spline with coefficients clamped at the edges. */
function sixtyFour(from: usize, p0: f64, p1: f64, p2: f64, nz: i32, ny: i32, nx: i32): f32 {
  const z = <i32>floor(p0);
  const y = <i32>floor(p1);
  const x = <i32>floor(p2);
  const ux = p2 - floor(p2);
  const w0 = weight(0, ux, nx);
  const w1 = weight(1, ux, nx);
  const w2 = weight(2, ux, nx);
  const w3 = weight(3, ux, nx);
  const x0 = <usize>min(nx - 1, max(0, x - 1)) << 2;
  const x1 = <usize>min(nx - 1, max(0, x)) << 2;
  const x2 = <usize>min(nx - 1, max(0, x + 1)) << 2;
  const x3 = <usize>min(nx - 1, max(0, x + 2)) << 2;
  let sum: f64 = 0;
  for (let i = 0; i < 4; i++) {
    const wz = weight(i, p0 - floor(p0), nz);
    const plane = min(nz - 1, max(0, z - 1 + i)) * ny;
    for (let j = 0; j < 4; j++) {
      const row = from + (<usize>((plane + min(ny - 1, max(0, y - 1 + j))) * nx) << 2);
      const line = w0 * <f64>load<f32>(row + x0) + w1 * <f64>load<f32>(row + x1) + w2 * <f64>load<f32>(row + x2) + w3 * <f64>load<f32>(row + x3);
      sum += wz * weight(j, p1 - floor(p1), ny) * line;
    }
  }
  return <f32>sum;
}

/**
 * args: x, displacement or 0, y, C, nz, ny, nx, mz, my, mx, matrix f64[12], interpolation (0 nearest, 1 linear, 2 cubic), padding,
 * fill, margins of x along z, y, x (0 unless cubic).
 */
export function sample_affine_f32(args: usize, part: i32, parts: i32): void {
  const from = <usize>load<u32>(args);
  const field = <usize>load<u32>(args, 4);
  const to = <usize>load<u32>(args, 8);
  const channels = load<i32>(args, 12);
  const nz = load<i32>(args, 16);
  const ny = load<i32>(args, 20);
  const nx = load<i32>(args, 24);
  const mz = load<i32>(args, 28);
  const my = load<i32>(args, 32);
  const mx = load<i32>(args, 36);
  const m = <usize>load<u32>(args, 40);
  const linear = load<i32>(args, 44) != 0;
  const cubic = load<i32>(args, 44) == 2;
  const padding = load<i32>(args, 48);
  const fill = load<f32>(args, 52);
  const gz = load<i32>(args, 56);
  const gy = load<i32>(args, 60);
  const gx = load<i32>(args, 64);
  // Positions count from behind the margins.
  const iz = nz - 2 * gz;
  const iy = ny - 2 * gy;
  const ix = nx - 2 * gx;
  const a00 = load<f64>(m);
  const a01 = load<f64>(m, 8);
  const a02 = load<f64>(m, 16);
  const a10 = load<f64>(m, 32);
  const a11 = load<f64>(m, 40);
  const a12 = load<f64>(m, 48);
  const a20 = load<f64>(m, 64);
  const a21 = load<f64>(m, 72);
  const a22 = load<f64>(m, 80);
  const plane = <usize>(ny * nx) << 2;
  const row4 = <usize>nx << 2;
  const volume = plane * <usize>nz;
  const outVolume = <usize>mz * <usize>(my * mx) << 2;
  const rows = mz * my;
  for (let row = <i32>(<i64>rows * part / parts), stop = <i32>(<i64>rows * (part + 1) / parts); row < stop; row++) {
    const oz = <f64>(row / my);
    const oy = <f64>(row % my);
    const b0 = a00 * oz + a01 * oy + load<f64>(m, 24);
    const b1 = a10 * oz + a11 * oy + load<f64>(m, 56);
    const b2 = a20 * oz + a21 * oy + load<f64>(m, 88);
    for (let x = 0; x < mx; x++) {
      const at = (<usize>row * <usize>mx + <usize>x) << 2;
      const ox = <f64>x;
      let p0 = b0 + a02 * ox;
      let p1 = b1 + a12 * ox;
      let p2 = b2 + a22 * ox;
      if (field != 0) {
        const d0 = <f64>load<f32>(field + at);
        const d1 = <f64>load<f32>(field + outVolume + at);
        const d2 = <f64>load<f32>(field + 2 * outVolume + at);
        p0 += a00 * d0 + a01 * d1 + a02 * d2;
        p1 += a10 * d0 + a11 * d1 + a12 * d2;
        p2 += a20 * d0 + a21 * d1 + a22 * d2;
      }
      p0 = settle(p0, iz, padding, cubic);
      p1 = settle(p1, iy, padding, cubic);
      p2 = settle(p2, ix, padding, cubic);
      // Far outside (or not a number) nothing is read.
      if (!(p0 > -1 && p1 > -1 && p2 > -1 && p0 < <f64>iz && p1 < <f64>iy && p2 < <f64>ix)) {
        for (let c = 0; c < channels; c++) store<f32>(to + <usize>c * outVolume + at, fill);
        continue;
      }
      if (!linear) {
        const z = <i32>floor(p0 + HALF);
        const y = <i32>floor(p1 + HALF);
        const k = <i32>floor(p2 + HALF);
        for (let c = 0; c < channels; c++) store<f32>(to + <usize>c * outVolume + at, tap(from + <usize>c * volume, z, y, k, nz, ny, nx, fill));
        continue;
      }
      if (cubic) {
        const inside = p0 >= -EDGE && p1 >= -EDGE && p2 >= -EDGE && p0 <= <f64>(iz - 1) + EDGE && p1 <= <f64>(iy - 1) + EDGE && p2 <= <f64>(ix - 1) + EDGE;
        for (let c = 0; c < channels; c++)
          store<f32>(
            to + <usize>c * outVolume + at,
            padding == 0 && !inside ? fill : sixtyFour(from + <usize>c * volume, p0 + <f64>gz, p1 + <f64>gy, p2 + <f64>gx, nz, ny, nx),
          );
        continue;
      }
      const f0 = floor(p0);
      const f1 = floor(p1);
      const f2 = floor(p2);
      const z = <i32>f0;
      const y = <i32>f1;
      const k = <i32>f2;
      const uz = <f32>(p0 - f0);
      const uy = <f32>(p1 - f1);
      const ux = <f32>(p2 - f2);
      // On a voxel's own plane or row there is no other to mix in.
      const back4 = uz > 0 ? plane : 0;
      const down4 = uy > 0 ? row4 : 0;
      if (z < 0 || y < 0 || k < 0 || (uz > 0 ? z >= nz - 1 : z >= nz) || (uy > 0 ? y >= ny - 1 : y >= ny) || k >= nx - 1) {
        for (let c = 0; c < channels; c++) store<f32>(to + <usize>c * outVolume + at, rim(from + <usize>c * volume, z, y, k, uz, uy, ux, nz, ny, nx, fill));
        continue;
      }
      let p = from + (<usize>((z * ny + y) * nx + k) << 2);
      const wz = f32x4.splat(uz);
      for (let c = 0; c < channels; c++, p += volume) {
        const front = i64x2.shuffle(v128.load64_zero(p), v128.load64_zero(p + down4), 0, 2);
        const back = i64x2.shuffle(v128.load64_zero(p + back4), v128.load64_zero(p + back4 + down4), 0, 2);
        const four = f32x4.add(front, f32x4.mul(wz, f32x4.sub(back, front)));
        const low = f32x4.extract_lane(four, 0) + uy * (f32x4.extract_lane(four, 2) - f32x4.extract_lane(four, 0));
        const high = f32x4.extract_lane(four, 1) + uy * (f32x4.extract_lane(four, 3) - f32x4.extract_lane(four, 1));
        store<f32>(to + <usize>c * outVolume + at, low + ux * (high - low));
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function half(x: f32): f32 {
  const bits = reinterpret<u32>(x);
  return reinterpret<f32>((bits + 0xfff + ((bits >> 13) & 1)) & ~<u32>0x1fff);
}

// @ts-ignore: decorator
@inline
function weigh(w: f32): f32 {
  return <f32>1000 * w;
}

/** args: as sample_affine_f32 up to an integer fill, then bounds f64[6]. */
export function sample_affine_i32(args: usize, part: i32, parts: i32): void {
  const source = <usize>load<u32>(args);
  const field = <usize>load<u32>(args, 4);
  const to = <usize>load<u32>(args, 8);
  const channels = load<i32>(args, 12);
  const nz = load<i32>(args, 16);
  const ny = load<i32>(args, 20);
  const nx = load<i32>(args, 24);
  const mz = load<i32>(args, 28);
  const my = load<i32>(args, 32);
  const mx = load<i32>(args, 36);
  const m = <usize>load<u32>(args, 40);
  const linear = load<i32>(args, 44) != 0;
  const padding = load<i32>(args, 48);
  const fill = load<i32>(args, 52);
  const bounds = <usize>load<u32>(args, 56);
  const a00 = load<f64>(m);
  const a01 = load<f64>(m, 8);
  const a02 = load<f64>(m, 16);
  const t0 = load<f64>(m, 24);
  const a10 = load<f64>(m, 32);
  const a11 = load<f64>(m, 40);
  const a12 = load<f64>(m, 48);
  const t1 = load<f64>(m, 56);
  const a20 = load<f64>(m, 64);
  const a21 = load<f64>(m, 72);
  const a22 = load<f64>(m, 80);
  const t2 = load<f64>(m, 88);
  const low0 = load<f64>(bounds);
  const low1 = load<f64>(bounds, 8);
  const low2 = load<f64>(bounds, 16);
  const high0 = load<f64>(bounds, 24);
  const high1 = load<f64>(bounds, 32);
  const high2 = load<f64>(bounds, 40);
  const outVolume = <usize>mz * <usize>(my * mx) << 2;
  const rows = mz * my;
  for (let row = <i32>(<i64>rows * part / parts), stop = <i32>(<i64>rows * (part + 1) / parts); row < stop; row++) {
    for (let x = 0; x < mx; x++) {
      const at = (<usize>row * <usize>mx + <usize>x) << 2;
      let oz = <f64>(row / my);
      let oy = <f64>(row % my);
      let ox = <f64>x;
      if (field != 0) {
        oz += <f64>load<f32>(field + at);
        oy += <f64>load<f32>(field + outVolume + at);
        ox += <f64>load<f32>(field + 2 * outVolume + at);
      }
      let p0 = a00 * oz + a01 * oy + t0 + a02 * ox;
      let p1 = a10 * oz + a11 * oy + t1 + a12 * ox;
      let p2 = a20 * oz + a21 * oy + t2 + a22 * ox;
      p0 = settle(p0, nz, padding);
      p1 = settle(p1, ny, padding);
      p2 = settle(p2, nx, padding);
      let z = 0;
      let y = 0;
      let k = 0;
      let inside = false;
      if (linear) {
        inside = p0 >= low0 && p1 >= low1 && p2 >= low2 && p0 <= high0 && p1 <= high1 && p2 <= high2;
        inside = inside || padding == 1 || padding == 2 || padding == 4;
        p0 = settle(p0, nz, 1);
        p1 = settle(p1, ny, 1);
        p2 = settle(p2, nx, 1);
      }
      if (!linear && p0 > -1 && p1 > -1 && p2 > -1 && p0 < <f64>nz && p1 < <f64>ny && p2 < <f64>nx) {
        z = <i32>floor(p0 + HALF);
        y = <i32>floor(p1 + HALF);
        k = <i32>floor(p2 + HALF);
        inside = <u32>z < <u32>nz && <u32>y < <u32>ny && <u32>k < <u32>nx;
      }
      if (!inside) {
        for (let c = 0; c < channels; c++) store<i32>(to + <usize>c * outVolume + at, fill);
        continue;
      }
      if (!linear) {
        for (let c = 0; c < channels; c++) store<i32>(to + <usize>c * outVolume + at, load<i32>(source + (<usize>(((c * nz + z) * ny + y) * nx + k) << 2)));
        continue;
      }
      z = <i32>p0;
      y = <i32>p1;
      k = <i32>p2;
      const uz = p0 - <f64>z;
      const uy = p1 - <f64>y;
      const ux = p2 - <f64>k;
      const dz = uz > 0 ? <usize>(ny * nx) << 2 : 0;
      const dy = uy > 0 ? <usize>nx << 2 : 0;
      const dx: usize = ux > 0 ? 4 : 0;
      for (let c = 0; c < channels; c++) {
        const p = source + (<usize>(((c * nz + z) * ny + y) * nx + k) << 2);
        const l0 = load<i32>(p);
        const l1 = load<i32>(p + dx);
        const l2 = load<i32>(p + dy);
        const l3 = load<i32>(p + dy + dx);
        const l4 = load<i32>(p + dz);
        const l5 = load<i32>(p + dz + dx);
        const l6 = load<i32>(p + dz + dy);
        const l7 = load<i32>(p + dz + dy + dx);
        let label = l0;
        if (((l0 ^ l1) | (l0 ^ l2) | (l0 ^ l3) | (l0 ^ l4) | (l0 ^ l5) | (l0 ^ l6) | (l0 ^ l7)) != 0) {
          const w0 = weigh(<f32>((1 - uz) * (1 - uy) * (1 - ux)));
          const w1 = weigh(<f32>((1 - uz) * (1 - uy) * ux));
          const w2 = weigh(<f32>((1 - uz) * uy * (1 - ux)));
          const w3 = weigh(<f32>((1 - uz) * uy * ux));
          const w4 = weigh(<f32>(uz * (1 - uy) * (1 - ux)));
          const w5 = weigh(<f32>(uz * (1 - uy) * ux));
          const w6 = weigh(<f32>(uz * uy * (1 - ux)));
          const w7 = weigh(<f32>(uz * uy * ux));
          let most: f32 = -1;
          for (let q = 0; q < 8; q++) {
            const own = q == 0 ? l0 : q == 1 ? l1 : q == 2 ? l2 : q == 3 ? l3 : q == 4 ? l4 : q == 5 ? l5 : q == 6 ? l6 : l7;
            let sum: f32 = 0;
            if (l0 == own) sum += w0;
            if (l1 == own) sum += w1;
            if (l2 == own) sum += w2;
            if (l3 == own) sum += w3;
            if (l4 == own) sum += w4;
            if (l5 == own) sum += w5;
            if (l6 == own) sum += w6;
            if (l7 == own) sum += w7;
            const rounded = half(sum);
            if (rounded > most || (rounded == most && own < label)) {
              most = rounded;
              label = own;
            }
          }
        }
        store<i32>(to + <usize>c * outVolume + at, label);
      }
    }
  }
}
