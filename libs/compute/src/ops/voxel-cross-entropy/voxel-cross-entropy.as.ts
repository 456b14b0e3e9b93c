// Cross-entropy per voxel and its gradient (AssemblyScript). A thread owns runs of four voxels of one sample after the other.
import { log4 } from '../../devices/wasm/math.as';
import { address, word } from '../../devices/wasm/simd.as';
import { exponentials, greatest, loadClasses, loadWords, storeClasses } from '../dice-cross-entropy/class-tile.as';

/** args: logits, target, y, thread scratch, samples, classes, voxels, blocked, ignored label, scratch per thread, smoothing. */
export function voxel_cross_entropy(args: usize, part: i32, parts: i32): void {
  const classes = word(args, 5);
  const voxels = word(args, 6);
  const blocked = word(args, 7);
  const ignored = i32x4.splat(word(args, 8));
  const smoothing = v128.load32_splat(args, 40);
  const kept = f32x4.sub(f32x4.splat(1), smoothing);
  const padded = <usize>((classes + 7) & ~7) << 4;
  const z = address(args, 3) + <usize>part * <usize>word(args, 9);
  const sampleWords = blocked != 0 ? padded >> 4 : <usize>classes;
  const vectors = (voxels + 3) >> 2;
  const begin = <i32>(<i64>vectors * part / parts) << 2;
  const end = min(voxels, <i32>(<i64>vectors * (part + 1) / parts) << 2);
  for (let sample = 0; sample < word(args, 4); sample++) {
    const x = address(args, 0) + (<usize>sample * sampleWords * <usize>voxels << 2);
    const target = address(args, 1) + (<usize>sample * <usize>voxels << 2);
    const y = address(args, 2) + (<usize>sample * <usize>voxels << 2);
    for (let v = begin; v < end; v += 4) {
      loadClasses(x, blocked, classes, v, voxels, z);
      const label = loadWords(target, v, voxels);
      const most = greatest(z, classes);
      const all = f32x4.add(log4(exponentials(z, most, classes, z + padded)), most);
      let own = f32x4.splat(0);
      let mean = f32x4.splat(0);
      let known = i32x4.splat(0);
      for (let c = 0; c < classes; c++) {
        const hit = i32x4.eq(label, i32x4.splat(c));
        const value = v128.load(z + (<usize>c << 4));
        own = v128.or(own, v128.and(value, hit));
        mean = f32x4.add(mean, value);
        known = v128.or(known, hit);
      }
      let loss = f32x4.mul(kept, f32x4.sub(all, own));
      loss = f32x4.add(loss, f32x4.mul(smoothing, f32x4.sub(all, f32x4.div(mean, f32x4.splat(<f32>classes)))));
      loss = v128.bitselect(loss, f32x4.splat(NaN), known);
      loss = v128.and(loss, i32x4.ne(label, ignored));
      storeClasses(y, 0, 1, v, voxels, storeOne(z, loss));
    }
  }
}

@inline
function storeOne(z: usize, value: v128): usize {
  v128.store(z, value);
  return z;
}

/** args: logits, target, dy, dlogits, thread scratch, samples, classes, voxels, blocked, ignored label, scratch per thread, smoothing. */
export function voxel_cross_entropy_gradient(args: usize, part: i32, parts: i32): void {
  const classes = word(args, 6);
  const voxels = word(args, 7);
  const blocked = word(args, 8);
  const ignored = i32x4.splat(word(args, 9));
  const smoothing = v128.load32_splat(args, 44);
  const kept = f32x4.sub(f32x4.splat(1), smoothing);
  const everywhere = f32x4.div(smoothing, f32x4.splat(<f32>classes));
  const padded = <usize>((classes + 7) & ~7) << 4;
  const z = address(args, 4) + <usize>part * <usize>word(args, 10);
  memory.fill(z, 0, padded);
  const sampleWords = blocked != 0 ? padded >> 4 : <usize>classes;
  const vectors = (voxels + 3) >> 2;
  const begin = <i32>(<i64>vectors * part / parts) << 2;
  const end = min(voxels, <i32>(<i64>vectors * (part + 1) / parts) << 2);
  for (let sample = 0; sample < word(args, 5); sample++) {
    const x = address(args, 0) + (<usize>sample * sampleWords * <usize>voxels << 2);
    const target = address(args, 1) + (<usize>sample * <usize>voxels << 2);
    const dy = address(args, 2) + (<usize>sample * <usize>voxels << 2);
    const dx = address(args, 3) + (<usize>sample * sampleWords * <usize>voxels << 2);
    for (let v = begin; v < end; v += 4) {
      loadClasses(x, blocked, classes, v, voxels, z);
      const label = loadWords(target, v, voxels);
      const e = z + padded;
      const inverse = f32x4.div(f32x4.splat(1), exponentials(z, greatest(z, classes), classes, e));
      const scale = v128.and(loadWords(dy, v, voxels), i32x4.ne(label, ignored));
      for (let c = 0; c < classes; c++) {
        const at = <usize>c << 4;
        const wanted = f32x4.add(everywhere, v128.and(kept, i32x4.eq(label, i32x4.splat(c))));
        v128.store(z + at, f32x4.mul(scale, f32x4.sub(f32x4.mul(v128.load(e + at), inverse), wanted)));
      }
      storeClasses(dx, blocked, classes, v, voxels, z);
    }
  }
}
