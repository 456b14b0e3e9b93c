// Gaussian noise (AssemblyScript): Philox on four counters at once, Box-Muller on four pairs at once. Each thread owns a run
// of groups of sixteen voxels of every channel.
import { cosTurn4, ln4, sinTurn4 } from '../simd-math.as';

// @ts-ignore: decorator
@inline
function high4(a: v128, b: v128): v128 {
  return i32x4.shuffle(i64x2.extmul_low_i32x4_u(a, b), i64x2.extmul_high_i32x4_u(a, b), 1, 3, 5, 7);
}

// @ts-ignore: decorator
@inline
function unit4(words: v128, half: f32): v128 {
  return f32x4.mul(f32x4.add(f32x4.convert_i32x4_u(i32x4.shr_u(words, 8)), f32x4.splat(half)), f32x4.splat(5.9604644775390625e-8));
}

/** Sixteen normal numbers of a group to `to`. */
// @ts-ignore: decorator
@inline
function sixteen(to: usize, group: i32, stream: i32, key0: i32, key1: i32): void {
  const m0 = i32x4.splat(0xd2511f53);
  const m1 = i32x4.splat(0xcd9e8d57);
  let c0 = i32x4.add(i32x4.splat(group << 2), i32x4(0, 1, 2, 3));
  let c1 = i32x4.splat(0);
  let c2 = i32x4.splat(stream);
  let c3 = i32x4.splat(0);
  let k0 = key0;
  let k1 = key1;
  for (let round = 0; round < 10; round++) {
    const h0 = high4(c0, m0);
    const l0 = i32x4.mul(c0, m0);
    const h1 = high4(c2, m1);
    const l1 = i32x4.mul(c2, m1);
    c0 = v128.xor(v128.xor(h1, c1), i32x4.splat(k0));
    c1 = l1;
    c2 = v128.xor(v128.xor(h0, c3), i32x4.splat(k1));
    c3 = l0;
    k0 += 0x9e3779b9;
    k1 += 0xbb67ae85;
  }
  const r0 = f32x4.sqrt(f32x4.mul(f32x4.splat(-2), ln4(unit4(c0, 0.5))));
  const t0 = unit4(c1, 0);
  v128.store(to, f32x4.mul(r0, cosTurn4(t0)));
  v128.store(to, f32x4.mul(r0, sinTurn4(t0)), 16);
  const r1 = f32x4.sqrt(f32x4.mul(f32x4.splat(-2), ln4(unit4(c2, 0.5))));
  const t1 = unit4(c3, 0);
  v128.store(to, f32x4.mul(r1, cosTurn4(t1)), 32);
  v128.store(to, f32x4.mul(r1, sinTurn4(t1)), 48);
}

/** args: x, y, channels, voxels, key 0, key 1, rician, deviations, scratch of 128 bytes per part. */
export function gaussian_noise(args: usize, part: i32, parts: i32): void {
  const x = <usize>load<u32>(args);
  const y = <usize>load<u32>(args, 4);
  const channels = load<i32>(args, 8);
  const voxels = load<i32>(args, 12);
  const k0 = load<i32>(args, 16);
  const k1 = load<i32>(args, 20);
  const rician = load<i32>(args, 24) != 0;
  const deviations = <usize>load<u32>(args, 28);
  const scratch = <usize>load<u32>(args, 32);
  const groups = (voxels + 15) >> 4;
  for (let c = 0; c < channels; c++) {
    const deviation = load<f32>(deviations + (<usize>c << 2));
    const from = x + (<usize>c * <usize>voxels << 2);
    const to = y + (<usize>c * <usize>voxels << 2);
    for (let g = <i32>(<i64>groups * part / parts), end = <i32>(<i64>groups * (part + 1) / parts); g < end; g++) {
      const first = g << 4;
      const source = from + (<usize>first << 2);
      const target = to + (<usize>first << 2);
      const count = min(16, voxels - first);
      if (deviation == 0) {
        memory.copy(target, source, <usize>count << 2);
        continue;
      }
      const group = c * groups + g;
      const numbers = scratch + (<usize>part << 7);
      sixteen(numbers, group, 0, k0, k1);
      if (rician) sixteen(numbers + 64, group, 1, k0, k1);
      for (let k = 0; k < count; k++) {
        const at = <usize>k << 2;
        let value = load<f32>(source + at) + deviation * load<f32>(numbers + at);
        if (rician) {
          const other = deviation * load<f32>(numbers + 64 + at);
          value = sqrt(value * value + other * other);
        }
        store<f32>(target + at, value);
      }
    }
  }
}
