// Dice plus binary cross-entropy for overlapping regions (AssemblyScript). A thread owns fixed blocks of one region of one
// sample. Sums per sample and region: overlap, predicted and true mass, cross-entropy, mask.
import { exp4, log4, sigmoid4 } from '../../devices/wasm/math.as';
import { address, word } from '../../devices/wasm/simd.as';
import { lanesBelow, lanesSum, loadWords } from '../dice-cross-entropy/class-tile.as';

const BLOCK: i32 = 4096;

/** What a target is stored as; the lowering has the same numbers. */
const BYTES: i32 = 0;
const INTEGERS: i32 = 1;

@inline
function targetBytes(kind: i32): i32 {
  return kind == BYTES ? 1 : 4;
}

/** Four targets as floats. */
@inline
function loadTarget(base: usize, kind: i32, v: i32, voxels: i32): v128 {
  if (kind != BYTES) {
    const words = loadWords(base, v, voxels);
    return kind == INTEGERS ? f32x4.convert_i32x4_s(words) : words;
  }
  const last = voxels - 1;
  return f32x4(
    <f32>load<u8>(base + v), <f32>load<u8>(base + min(v + 1, last)), <f32>load<u8>(base + min(v + 2, last)), <f32>load<u8>(base + min(v + 3, last)),
  );
}

/** args: logits, target, partial sums (5 f64 per item), samples, regions, target channels, voxels, kind of target. */
export function dice_binary_sums(args: usize, part: i32, parts: i32): void {
  const regions = word(args, 4);
  const channels = word(args, 5);
  const voxels = word(args, 6);
  const kind = word(args, 7);
  const blocks = (voxels + BLOCK - 1) / BLOCK;
  const items = word(args, 3) * regions * blocks;
  const last = <i32>(<i64>items * (part + 1) / parts);
  const one = f32x4.splat(1);
  const zero = f32x4.splat(0);
  for (let item = <i32>(<i64>items * part / parts); item < last; item++) {
    const row = item / blocks;
    const sample = row / regions;
    const region = row - sample * regions;
    const begin = (item - row * blocks) * BLOCK;
    const end = min(voxels, begin + BLOCK);
    const x = address(args, 0) + (<usize>row * <usize>voxels << 2);
    const target = address(args, 1) + <usize>(sample * channels + region) * <usize>voxels * targetBytes(kind);
    const mask = address(args, 1) + <usize>(sample * channels + channels - 1) * <usize>voxels * targetBytes(kind);
    let overlap = zero, predicted = zero, truth = zero, entropy = zero, counted = zero;
    for (let v = begin; v < end; v += 4) {
      const z = loadWords(x, v, voxels);
      const t = loadTarget(target, kind, v, voxels);
      const there = v128.and(lanesBelow(v, voxels), channels > regions ? loadTarget(mask, kind, v, voxels) : one);
      const p = f32x4.mul(sigmoid4(z), there);
      overlap = f32x4.add(overlap, f32x4.mul(p, t));
      predicted = f32x4.add(predicted, p);
      truth = f32x4.add(truth, f32x4.mul(t, there));
      // max(z, 0) - z t + log(1 + e^-|z|)
      const loss = f32x4.add(f32x4.sub(f32x4.max(z, zero), f32x4.mul(z, t)), log4(f32x4.add(one, exp4(f32x4.neg(f32x4.abs(z))))));
      entropy = f32x4.add(entropy, f32x4.mul(loss, there));
      counted = f32x4.add(counted, there);
    }
    const to = address(args, 2) + <usize>item * 40;
    store<f64>(to, lanesSum(overlap));
    store<f64>(to, lanesSum(predicted), 8);
    store<f64>(to, lanesSum(truth), 16);
    store<f64>(to, lanesSum(entropy), 24);
    store<f64>(to, lanesSum(counted), 32);
  }
}

/** Sums of one region: over the batch, or of one sample. Column 0 overlap, 1 both masses. */
@inline
function gathered(sums: usize, samples: i32, regions: i32, sample: i32, region: i32, batch: i32, masses: i32): f64 {
  let total: f64 = 0;
  for (let n = batch != 0 ? 0 : sample; n < (batch != 0 ? samples : sample + 1); n++) {
    const at = sums + <usize>(n * regions + region) * 20;
    total += masses != 0 ? <f64>load<f32>(at, 4) + <f64>load<f32>(at, 8) : <f64>load<f32>(at);
  }
  return total;
}

/** Divisor of the cross-entropy: all elements, or the mask's voxels (counted once, not per region). */
@inline
function divisor(sums: usize, samples: i32, regions: i32, masked: i32): f64 {
  let counted: f64 = 0;
  for (let n = 0; n < samples; n++) counted += <f64>load<f32>(sums + <usize>(n * regions) * 20, 16);
  return masked != 0 ? max(counted, 1e-8) : counted * <f64>regions;
}

/**
 * args: partial sums, sums [samples, regions, 5], loss, samples, regions, blocks, masked, batch Dice, smooth, first region of
 * Dice, Dice weight, cross-entropy weight. One thread.
 */
export function dice_binary_finish(args: usize, part: i32, parts: i32): void {
  if (part != 0) return;
  const sums = address(args, 1);
  const samples = word(args, 3);
  const regions = word(args, 4);
  const blocks = word(args, 5);
  const batch = word(args, 7);
  const smooth = <f64>load<f32>(args, 32);
  const first = word(args, 9);
  let entropy: f64 = 0;
  for (let row = 0; row < samples * regions; row++)
    for (let k = 0; k < 5; k++) {
      let total: f64 = 0;
      for (let b = 0; b < blocks; b++) total += load<f64>(address(args, 0) + <usize>((row * blocks + b) * 5 + k) * 8);
      store<f32>(sums + <usize>(row * 5 + k) * 4, <f32>total);
      if (k == 3) entropy += total;
    }
  const groups = batch != 0 ? 1 : samples;
  let dice: f64 = 0;
  for (let g = 0; g < groups; g++)
    for (let r = first; r < regions; r++)
      dice += (2 * gathered(sums, samples, regions, g, r, batch, 0) + smooth) / max(gathered(sums, samples, regions, g, r, batch, 1) + smooth, 1e-8);
  const mean = entropy / divisor(sums, samples, regions, word(args, 6));
  store<f32>(address(args, 2), <f32>(<f64>load<f32>(args, 44) * mean - <f64>load<f32>(args, 40) * dice / <f64>(groups * (regions - first))));
}

/**
 * args: logits, target, sums, dy, dlogits, samples, regions, target channels, voxels, kind of target, batch Dice, smooth,
 * first region of Dice, Dice weight, cross-entropy weight.
 */
export function dice_binary_gradient(args: usize, part: i32, parts: i32): void {
  const sums = address(args, 2);
  const samples = word(args, 5);
  const regions = word(args, 6);
  const channels = word(args, 7);
  const voxels = word(args, 8);
  const kind = word(args, 9);
  const batch = word(args, 10);
  const smooth = <f64>load<f32>(args, 44);
  const first = word(args, 12);
  const dy = <f64>load<f32>(address(args, 3));
  const diceScale = -<f64>load<f32>(args, 52) * dy / <f64>((batch != 0 ? 1 : samples) * (regions - first));
  const pull = f32x4.splat(<f32>(<f64>load<f32>(args, 56) * dy / divisor(sums, samples, regions, channels > regions ? 1 : 0)));
  const blocks = (voxels + BLOCK - 1) / BLOCK;
  const items = samples * regions * blocks;
  const last = <i32>(<i64>items * (part + 1) / parts);
  const one = f32x4.splat(1);
  for (let item = <i32>(<i64>items * part / parts); item < last; item++) {
    const row = item / blocks;
    const sample = row / regions;
    const region = row - sample * regions;
    const begin = (item - row * blocks) * BLOCK;
    const end = min(voxels, begin + BLOCK);
    const mass = gathered(sums, samples, regions, sample, region, batch, 1) + smooth;
    const bound = max(mass, 1e-8);
    const overlap = gathered(sums, samples, regions, sample, region, batch, 0);
    const scale = region < first ? 0 : diceScale;
    const atHit = f32x4.splat(<f32>(scale * 2 / bound));
    const atAll = f32x4.splat(mass > 1e-8 ? <f32>(-scale * (2 * overlap + smooth) / (bound * bound)) : 0);
    const x = address(args, 0) + (<usize>row * <usize>voxels << 2);
    const dx = address(args, 4) + (<usize>row * <usize>voxels << 2);
    const target = address(args, 1) + <usize>(sample * channels + region) * <usize>voxels * targetBytes(kind);
    const mask = address(args, 1) + <usize>(sample * channels + channels - 1) * <usize>voxels * targetBytes(kind);
    for (let v = begin; v < end; v += 4) {
      const t = loadTarget(target, kind, v, voxels);
      const p = sigmoid4(loadWords(x, v, voxels));
      const slope = f32x4.add(atAll, f32x4.mul(atHit, t));
      let g = f32x4.add(f32x4.mul(slope, f32x4.mul(p, f32x4.sub(one, p))), f32x4.mul(pull, f32x4.sub(p, t)));
      if (channels > regions) g = f32x4.mul(g, loadTarget(mask, kind, v, voxels));
      if (v + 4 <= voxels) v128.store(dx + (<usize>v << 2), g);
      else {
        store<f32>(dx + (<usize>v << 2), f32x4.extract_lane(g, 0));
        if (v + 1 < voxels) store<f32>(dx + (<usize>v << 2), f32x4.extract_lane(g, 1), 4);
        if (v + 2 < voxels) store<f32>(dx + (<usize>v << 2), f32x4.extract_lane(g, 2), 8);
      }
    }
  }
}
