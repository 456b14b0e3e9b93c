// Gamma curves (AssemblyScript): t^g = exp(g · ln t), four at a time; a t of 0 gives 0. Each thread owns a run of voxels.
import { exp4, ln4 } from '../simd-math.as';

// @ts-ignore: decorator
@inline
function power4(t: v128, exponent: v128): v128 {
  const least = f32x4.splat(1.1754943508222875e-38);
  const value = exp4(f32x4.max(f32x4.splat(-87), f32x4.mul(exponent, ln4(f32x4.max(t, least)))));
  return v128.and(value, f32x4.ge(t, least));
}

/** args: x, y, statistics, channels, voxels, rows of (on, exponent), floor, invert. */
export function gamma_power(args: usize, part: i32, parts: i32): void {
  const x = <usize>load<u32>(args);
  const y = <usize>load<u32>(args, 4);
  const table = <usize>load<u32>(args, 8);
  const channels = load<i32>(args, 12);
  const voxels = load<i32>(args, 16);
  const rows = <usize>load<u32>(args, 20);
  const least = load<f32>(args, 24);
  const invert = load<i32>(args, 28) != 0;
  // Buffers are padded to 16 bytes only at their very end: a channel's last numbers are done one by one.
  const vectors = (voxels + 3) >> 2;
  for (let c = 0; c < channels; c++) {
    const channel = <usize>c * <usize>voxels << 2;
    const begin = <i32>(<i64>vectors * part / parts) << 2;
    const end = min(voxels, <i32>(<i64>vectors * (part + 1) / parts) << 2);
    if (load<i32>(rows + (<usize>c << 3)) == 0) {
      memory.copy(y + channel + (<usize>begin << 2), x + channel + (<usize>begin << 2), <usize>(end - begin) << 2);
      continue;
    }
    const exponent = f32x4.splat(load<f32>(rows + (<usize>c << 3), 4));
    const own = table + <usize>c * 24;
    const range = load<f32>(own, 8) - load<f32>(own, 4);
    const sign = f32x4.splat(invert ? -1 : 1);
    const low = f32x4.splat(invert ? -load<f32>(own, 8) : load<f32>(own, 4));
    const inverse = f32x4.splat(1 / max(range, least));
    const wide = f32x4.splat(range);
    let v = begin;
    for (; v + 4 <= end; v += 4) {
      const at = channel + (<usize>v << 2);
      const t = f32x4.mul(f32x4.sub(f32x4.mul(sign, v128.load(x + at)), low), inverse);
      v128.store(y + at, f32x4.mul(sign, f32x4.add(f32x4.mul(power4(t, exponent), wide), low)));
    }
    for (; v < end; v++) {
      const at = channel + (<usize>v << 2);
      const t = f32x4.mul(f32x4.sub(f32x4.mul(sign, v128.load32_splat(x + at)), low), inverse);
      store<f32>(y + at, f32x4.extract_lane(f32x4.mul(sign, f32x4.add(f32x4.mul(power4(t, exponent), wide), low)), 0));
    }
  }
}

/** args: y (in place), statistics before, statistics after, channels, voxels, rows of (on, exponent), floor. */
export function gamma_retain(args: usize, part: i32, parts: i32): void {
  const y = <usize>load<u32>(args);
  const before = <usize>load<u32>(args, 4);
  const after = <usize>load<u32>(args, 8);
  const channels = load<i32>(args, 12);
  const voxels = load<i32>(args, 16);
  const rows = <usize>load<u32>(args, 20);
  const least = load<f32>(args, 24);
  const begin = <i32>(<i64>voxels * part / parts);
  const end = <i32>(<i64>voxels * (part + 1) / parts);
  for (let c = 0; c < channels; c++) {
    if (load<i32>(rows + (<usize>c << 3)) == 0) continue;
    const old = before + <usize>c * 24;
    const now = after + <usize>c * 24;
    const mean = load<f32>(now, 12);
    const scale = load<f32>(old, 20) / max(load<f32>(now, 20), least);
    const add = load<f32>(old, 12);
    const channel = y + (<usize>c * <usize>voxels << 2);
    let v = begin;
    for (; v + 4 <= end; v += 4) {
      const at = channel + (<usize>v << 2);
      v128.store(at, f32x4.add(f32x4.mul(f32x4.sub(v128.load(at), f32x4.splat(mean)), f32x4.splat(scale)), f32x4.splat(add)));
    }
    for (; v < end; v++) {
      const at = channel + (<usize>v << 2);
      store<f32>(at, (load<f32>(at) - mean) * scale + add);
    }
  }
}
