// Dice and cross-entropy in one pass over the logits, and their gradient in one more (AssemblyScript). A thread owns blocks
// of voxels; the block is fixed, so sums do not depend on the number of threads. Sums per sample: overlap, predicted and
// true mass per class, then weighted cross-entropy and weight.
import { log4 } from '../../devices/wasm/math.as';
import { address, word } from '../../devices/wasm/simd.as';
import { exponentials, greatest, lanesBelow, lanesSum, loadClasses, loadWords, storeClasses } from './class-tile.as';

const BLOCK: i32 = 2048;

/**
 * args: logits, target, class weights, partial sums (f64), thread scratch, samples, classes, voxels, blocked, ignored label,
 * bytes of scratch per thread.
 */
export function dice_cross_entropy_sums(args: usize, part: i32, parts: i32): void {
  const classes = word(args, 6);
  const voxels = word(args, 7);
  const blocked = word(args, 8);
  const ignored = i32x4.splat(word(args, 9));
  const weights = address(args, 2);
  const padded = <usize>((classes + 7) & ~7) << 4;
  const z = address(args, 4) + <usize>part * <usize>word(args, 10);
  const e = z + padded;
  const overlap = e + padded;
  const predicted = overlap + padded;
  const truth = predicted + padded;
  const sampleWords = blocked != 0 ? padded >> 4 : <usize>classes;
  const blocks = (voxels + BLOCK - 1) / BLOCK;
  const items = word(args, 5) * blocks;
  const last = <i32>(<i64>items * (part + 1) / parts);
  const one = f32x4.splat(1);
  for (let item = <i32>(<i64>items * part / parts); item < last; item++) {
    const sample = item / blocks;
    const begin = (item - sample * blocks) * BLOCK;
    const end = min(voxels, begin + BLOCK);
    const x = address(args, 0) + (<usize>sample * sampleWords * <usize>voxels << 2);
    const target = address(args, 1) + (<usize>sample * <usize>voxels << 2);
    memory.fill(overlap, 0, padded * 3);
    let entropy = f32x4.splat(0);
    let weight = f32x4.splat(0);
    for (let v = begin; v < end; v += 4) {
      loadClasses(x, blocked, classes, v, voxels, z);
      const label = loadWords(target, v, voxels);
      const counted = v128.and(lanesBelow(v, voxels), i32x4.ne(label, ignored));
      const most = greatest(z, classes);
      const sum = exponentials(z, most, classes, e);
      const inverse = f32x4.div(one, sum);
      let own = f32x4.splat(0);
      let ownWeight = f32x4.splat(0);
      let known = i32x4.splat(0);
      for (let c = 0; c < classes; c++) {
        const at = <usize>c << 4;
        const hit = v128.and(i32x4.eq(label, i32x4.splat(c)), counted);
        const p = v128.and(f32x4.mul(v128.load(e + at), inverse), counted);
        v128.store(predicted + at, f32x4.add(v128.load(predicted + at), p));
        v128.store(overlap + at, f32x4.add(v128.load(overlap + at), v128.and(p, hit)));
        v128.store(truth + at, f32x4.add(v128.load(truth + at), v128.and(one, hit)));
        own = v128.or(own, v128.and(v128.load(z + at), hit));
        ownWeight = v128.or(ownWeight, v128.and(v128.load32_splat(weights + (<usize>c << 2)), hit));
        known = v128.or(known, hit);
      }
      let loss = f32x4.sub(f32x4.add(log4(sum), most), own);
      // a label that is no class makes the loss NaN
      loss = v128.bitselect(loss, f32x4.splat(NaN), known);
      entropy = f32x4.add(entropy, v128.and(f32x4.mul(loss, v128.bitselect(ownWeight, one, known)), counted));
      weight = f32x4.add(weight, ownWeight);
    }
    const to = address(args, 3) + <usize>item * <usize>(3 * classes + 2) * 8;
    for (let c = 0; c < classes; c++) {
      const at = <usize>c << 4;
      store<f64>(to + (<usize>c << 3), lanesSum(v128.load(overlap + at)));
      store<f64>(to + (<usize>(classes + c) << 3), lanesSum(v128.load(predicted + at)));
      store<f64>(to + (<usize>(2 * classes + c) << 3), lanesSum(v128.load(truth + at)));
    }
    store<f64>(to + (<usize>(3 * classes) << 3), lanesSum(entropy));
    store<f64>(to + (<usize>(3 * classes) << 3), lanesSum(weight), 8);
  }
}

/**
 * args: partial sums, sums [samples, 3 classes + 2], loss, samples, classes, blocks, first class of Dice, batch Dice, smooth,
 * Dice weight, cross-entropy weight. One thread.
 */
export function dice_cross_entropy_finish(args: usize, part: i32, parts: i32): void {
  if (part != 0) return;
  const samples = word(args, 3);
  const classes = word(args, 4);
  const blocks = word(args, 5);
  const first = word(args, 6);
  const batch = word(args, 7);
  const smooth = <f64>load<f32>(args, 32);
  const columns = 3 * classes + 2;
  const sums = address(args, 1);
  for (let n = 0; n < samples; n++)
    for (let k = 0; k < columns; k++) {
      let total: f64 = 0;
      for (let b = 0; b < blocks; b++) total += load<f64>(address(args, 0) + (<usize>((n * blocks + b) * columns + k) << 3));
      store<f32>(sums + (<usize>(n * columns + k) << 2), <f32>total);
    }
  let entropy: f64 = 0;
  let weight: f64 = 0;
  for (let n = 0; n < samples; n++) {
    entropy += <f64>load<f32>(sums + (<usize>(n * columns + 3 * classes) << 2));
    weight += <f64>load<f32>(sums + (<usize>(n * columns + 3 * classes) << 2), 4);
  }
  let dice: f64 = 0;
  const groups = batch != 0 ? 1 : samples;
  for (let g = 0; g < groups; g++)
    for (let c = first; c < classes; c++) {
      let overlap: f64 = 0;
      let mass: f64 = 0;
      for (let n = batch != 0 ? 0 : g; n < (batch != 0 ? samples : g + 1); n++) {
        const at = sums + (<usize>(n * columns + c) << 2);
        overlap += <f64>load<f32>(at);
        mass += <f64>load<f32>(at + (<usize>classes << 2)) + <f64>load<f32>(at + (<usize>classes << 3));
      }
      dice += (2 * overlap + smooth) / max(mass + smooth, 1e-8);
    }
  dice /= <f64>(groups * (classes - first));
  // Not weight > 0: NaN must come through.
  const mean = weight == 0 && entropy == 0 ? 0 : entropy / weight;
  const diceWeight = <f64>load<f32>(args, 36);
  const entropyWeight = <f64>load<f32>(args, 40);
  store<f32>(address(args, 2), <f32>((entropyWeight != 0 ? entropyWeight * mean : 0) - (diceWeight != 0 ? diceWeight * dice : 0)));
}

/**
 * args: logits, target, class weights, sums, dy, dlogits, thread scratch, samples, classes, voxels, blocked, ignored label,
 * bytes of scratch per thread, first class of Dice, batch Dice, smooth, Dice weight, cross-entropy weight.
 */
export function dice_cross_entropy_gradient(args: usize, part: i32, parts: i32): void {
  const samples = word(args, 7);
  const classes = word(args, 8);
  const voxels = word(args, 9);
  const blocked = word(args, 10);
  const ignored = i32x4.splat(word(args, 11));
  const first = word(args, 13);
  const batch = word(args, 14);
  const smooth = <f64>load<f32>(args, 60);
  const dy = <f64>load<f32>(address(args, 4));
  const diceScale = -<f64>load<f32>(args, 64) * dy / <f64>((classes - first) * (batch != 0 ? 1 : samples));
  const weights = address(args, 2);
  const sums = address(args, 3);
  const columns = 3 * classes + 2;
  const padded = <usize>((classes + 7) & ~7) << 4;
  const z = address(args, 6) + <usize>part * <usize>word(args, 12);
  const e = z + padded;
  const atHit = e + padded;
  const atAll = atHit + padded;
  memory.fill(z, 0, padded * 5);
  let weight: f64 = 0;
  for (let n = 0; n < samples; n++) weight += <f64>load<f32>(sums + (<usize>(n * columns + 3 * classes + 1) << 2));
  const entropyScale = f32x4.splat(weight == 0 ? 0 : <f32>(<f64>load<f32>(args, 68) * dy / weight));
  const sampleWords = blocked != 0 ? padded >> 4 : <usize>classes;
  const blocks = (voxels + BLOCK - 1) / BLOCK;
  const items = samples * blocks;
  const last = <i32>(<i64>items * (part + 1) / parts);
  const one = f32x4.splat(1);
  let prepared = -1;
  for (let item = <i32>(<i64>items * part / parts); item < last; item++) {
    const sample = item / blocks;
    if (prepared != sample) {
      prepared = sample;
      // d dice / dp = 2 [hit] / D - (2 I + s) / D^2, with D = P + G + s
      for (let c = first; c < classes; c++) {
        let overlap: f64 = 0;
        let mass: f64 = 0;
        for (let n = batch != 0 ? 0 : sample; n < (batch != 0 ? samples : sample + 1); n++) {
          const at = sums + (<usize>(n * columns + c) << 2);
          overlap += <f64>load<f32>(at);
          mass += <f64>load<f32>(at + (<usize>classes << 2)) + <f64>load<f32>(at + (<usize>classes << 3));
        }
        const bound = max(mass + smooth, 1e-8);
        v128.store(atHit + (<usize>c << 4), f32x4.splat(<f32>(diceScale * 2 / bound)));
        v128.store(atAll + (<usize>c << 4), f32x4.splat(mass + smooth > 1e-8 ? <f32>(-diceScale * (2 * overlap + smooth) / (bound * bound)) : 0));
      }
    }
    const begin = (item - sample * blocks) * BLOCK;
    const end = min(voxels, begin + BLOCK);
    const x = address(args, 0) + (<usize>sample * sampleWords * <usize>voxels << 2);
    const to = address(args, 5) + (<usize>sample * sampleWords * <usize>voxels << 2);
    const target = address(args, 1) + (<usize>sample * <usize>voxels << 2);
    for (let v = begin; v < end; v += 4) {
      loadClasses(x, blocked, classes, v, voxels, z);
      const label = loadWords(target, v, voxels);
      const counted = i32x4.ne(label, ignored);
      const inverse = f32x4.div(one, exponentials(z, greatest(z, classes), classes, e));
      let mixed = f32x4.splat(0);
      let ownWeight = f32x4.splat(0);
      for (let c = 0; c < classes; c++) {
        const at = <usize>c << 4;
        const hit = i32x4.eq(label, i32x4.splat(c));
        const p = f32x4.mul(v128.load(e + at), inverse);
        v128.store(e + at, p);
        const slope = f32x4.add(v128.load(atAll + at), v128.and(v128.load(atHit + at), hit));
        v128.store(z + at, slope);
        mixed = f32x4.add(mixed, f32x4.mul(p, slope));
        ownWeight = v128.or(ownWeight, v128.and(v128.load32_splat(weights + (<usize>c << 2)), hit));
      }
      const pull = f32x4.mul(entropyScale, ownWeight);
      for (let c = 0; c < classes; c++) {
        const at = <usize>c << 4;
        const p = v128.load(e + at);
        const hit = v128.and(i32x4.eq(label, i32x4.splat(c)), one);
        const dice = f32x4.mul(p, f32x4.sub(v128.load(z + at), mixed));
        v128.store(z + at, v128.and(counted, f32x4.add(dice, f32x4.mul(pull, f32x4.sub(p, hit)))));
      }
      storeClasses(to, blocked, classes, v, voxels, z);
    }
  }
}
