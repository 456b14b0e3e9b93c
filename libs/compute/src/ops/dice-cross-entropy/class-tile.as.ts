// Four voxels' classes at a time: loading logits of either layout into scratch, softmax, and storing back (AssemblyScript).
import { exp4 } from '../../devices/wasm/math.as';

/** Lanes of the four voxels from `v` that exist. */
@inline export function lanesBelow(v: i32, voxels: i32): v128 {
  return i32x4.lt_s(i32x4.add(i32x4.splat(v), i32x4(0, 1, 2, 3)), i32x4.splat(voxels));
}

/** Four words from `base`; past the end the last one again. */
@inline export function loadWords(base: usize, v: i32, voxels: i32): v128 {
  if (v + 4 <= voxels) return v128.load(base + (<usize>v << 2));
  const last = voxels - 1;
  let words = v128.load32_splat(base + (<usize>v << 2));
  words = i32x4.replace_lane(words, 1, load<i32>(base + (<usize>min(v + 1, last) << 2)));
  words = i32x4.replace_lane(words, 2, load<i32>(base + (<usize>min(v + 2, last) << 2)));
  return i32x4.replace_lane(words, 3, load<i32>(base + (<usize>min(v + 3, last) << 2)));
}

@inline function storeWords(base: usize, v: i32, voxels: i32, words: v128): void {
  if (v + 4 <= voxels) {
    v128.store(base + (<usize>v << 2), words);
    return;
  }
  store<i32>(base + (<usize>v << 2), i32x4.extract_lane(words, 0));
  if (v + 1 < voxels) store<i32>(base + (<usize>v << 2), i32x4.extract_lane(words, 1), 4);
  if (v + 2 < voxels) store<i32>(base + (<usize>v << 2), i32x4.extract_lane(words, 2), 8);
}

/** Turns rows of four voxels into rows of four channels, or back. */
@inline function turn(from: usize, a: usize, b: usize, c: usize, d: usize, to: usize, toA: usize, toB: usize, toC: usize, toD: usize): void {
  const v0 = v128.load(from + a);
  const v1 = v128.load(from + b);
  const v2 = v128.load(from + c);
  const v3 = v128.load(from + d);
  const low = v128.shuffle<i32>(v0, v1, 0, 4, 1, 5);
  const high = v128.shuffle<i32>(v0, v1, 2, 6, 3, 7);
  const low2 = v128.shuffle<i32>(v2, v3, 0, 4, 1, 5);
  const high2 = v128.shuffle<i32>(v2, v3, 2, 6, 3, 7);
  // Later rows first: where rows coincide (past the end) the first voxel of them wins.
  v128.store(to + toD, v128.shuffle<i64>(high, high2, 1, 3));
  v128.store(to + toC, v128.shuffle<i64>(high, high2, 0, 2));
  v128.store(to + toB, v128.shuffle<i64>(low, low2, 1, 3));
  v128.store(to + toA, v128.shuffle<i64>(low, low2, 0, 2));
}

/** Logits of four voxels, one vector per class, into `z`. `x`: the sample's first value. */
export function loadClasses(x: usize, blocked: i32, classes: i32, v: i32, voxels: i32, z: usize): void {
  if (blocked == 0) {
    for (let c = 0; c < classes; c++) v128.store(z + (<usize>c << 4), loadWords(x + (<usize>c * <usize>voxels << 2), v, voxels));
    return;
  }
  const last = voxels - 1;
  const b = <usize>(min(v + 1, last) - v) << 5;
  const c = <usize>(min(v + 2, last) - v) << 5;
  const d = <usize>(min(v + 3, last) - v) << 5;
  for (let first = 0; first < classes; first += 8) {
    const from = x + (<usize>(first >> 3) * <usize>voxels + <usize>v << 5);
    const to = z + (<usize>first << 4);
    turn(from, 0, b, c, d, to, 0, 16, 32, 48);
    if (first + 4 < classes) turn(from + 16, 0, b, c, d, to + 64, 0, 16, 32, 48);
  }
}

/** The way back; `z` holds zeros up to a multiple of 8 classes. */
export function storeClasses(x: usize, blocked: i32, classes: i32, v: i32, voxels: i32, z: usize): void {
  if (blocked == 0) {
    for (let c = 0; c < classes; c++) storeWords(x + (<usize>c * <usize>voxels << 2), v, voxels, v128.load(z + (<usize>c << 4)));
    return;
  }
  const last = voxels - 1;
  const b = <usize>(min(v + 1, last) - v) << 5;
  const c = <usize>(min(v + 2, last) - v) << 5;
  const d = <usize>(min(v + 3, last) - v) << 5;
  for (let first = 0; first < classes; first += 8) {
    const to = x + (<usize>(first >> 3) * <usize>voxels + <usize>v << 5);
    const from = z + (<usize>first << 4);
    turn(from, 0, 16, 32, 48, to, 0, b, c, d);
    turn(from + 64, 0, 16, 32, 48, to + 16, 0, b, c, d);
  }
}

/** Greatest logit of each voxel. */
@inline export function greatest(z: usize, classes: i32): v128 {
  let most = v128.load(z);
  for (let c = 1; c < classes; c++) most = f32x4.max(most, v128.load(z + (<usize>c << 4)));
  return most;
}

/** e^(z - most) into `e`; returns the sum. */
@inline export function exponentials(z: usize, most: v128, classes: i32, e: usize): v128 {
  let sum = f32x4.splat(0);
  for (let c = 0; c < classes; c++) {
    const value = exp4(f32x4.sub(v128.load(z + (<usize>c << 4)), most));
    v128.store(e + (<usize>c << 4), value);
    sum = f32x4.add(sum, value);
  }
  return sum;
}

@inline export function lanesSum(v: v128): f64 {
  return <f64>f32x4.extract_lane(v, 0) + <f64>f32x4.extract_lane(v, 1) + (<f64>f32x4.extract_lane(v, 2) + <f64>f32x4.extract_lane(v, 3));
}
