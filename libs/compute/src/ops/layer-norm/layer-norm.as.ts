// Layer normalization of rows (AssemblyScript). A thread owns whole rows, which stay in the first cache between walks; sums over
// rows go by blocks of 256 rows, added up afterwards in their order.
import { address, madd, word } from '../../devices/wasm/simd.as';

const BLOCK: i32 = 256;

@inline
function total(v: v128): f32 {
  return (
    f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1) + (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3))
  );
}

/** args: x, scale or 0, shift or 0, y, moments, rows, features, epsilon. */
export function layer_norm(args: usize, part: i32, parts: i32): void {
  const scale = address(args, 1);
  const shift = address(args, 2);
  const rows = word(args, 5);
  const features = word(args, 6);
  const bytes = <usize>features << 2;
  const whole = bytes & ~15;
  const last = <i32>(<i64>rows * (part + 1) / parts);
  for (let row = <i32>(<i64>rows * part / parts); row < last; row++) {
    const x = address(args, 0) + <usize>row * bytes;
    const y = address(args, 3) + <usize>row * bytes;
    let sum4 = f32x4.splat(0);
    let at: usize = 0;
    for (; at < whole; at += 16) sum4 = f32x4.add(sum4, v128.load(x + at));
    let sum = total(sum4);
    for (; at < bytes; at += 4) sum += load<f32>(x + at);
    const mean = sum / <f32>features;
    const mean4 = f32x4.splat(mean);
    let squares4 = f32x4.splat(0);
    for (at = 0; at < whole; at += 16) {
      const off = f32x4.sub(v128.load(x + at), mean4);
      squares4 = madd(off, off, squares4);
    }
    let squares = total(squares4);
    for (; at < bytes; at += 4) {
      const off = load<f32>(x + at) - mean;
      squares += off * off;
    }
    const inverse: f32 = 1 / sqrt<f32>(squares / <f32>features + load<f32>(args, 28));
    const inverse4 = f32x4.splat(inverse);
    store<f32>(address(args, 4) + (<usize>row << 3), mean);
    store<f32>(address(args, 4) + (<usize>row << 3), inverse, 4);
    for (at = 0; at < whole; at += 16) {
      let value = f32x4.mul(f32x4.sub(v128.load(x + at), mean4), inverse4);
      if (scale != 0) value = f32x4.mul(value, v128.load(scale + at));
      if (shift != 0) value = f32x4.add(value, v128.load(shift + at));
      v128.store(y + at, value);
    }
    for (; at < bytes; at += 4) {
      let value = (load<f32>(x + at) - mean) * inverse;
      if (scale != 0) value *= load<f32>(scale + at);
      if (shift != 0) value += load<f32>(shift + at);
      store<f32>(y + at, value);
    }
  }
}

/** args: x, scale or 0, dy, moments, dx, sums of each block of rows [blocks, 2, features rounded up to 4], rows, features. */
export function layer_norm_gradient(args: usize, part: i32, parts: i32): void {
  const scale = address(args, 1);
  const rows = word(args, 6);
  const features = word(args, 7);
  const bytes = <usize>features << 2;
  const whole = bytes & ~15;
  const padded = (bytes + 15) & ~15;
  const blocks = (rows + BLOCK - 1) / BLOCK;
  const one = f32x4.splat(1);
  const last = <i32>(<i64>blocks * (part + 1) / parts);
  for (let block = <i32>(<i64>blocks * part / parts); block < last; block++) {
    const dscale = address(args, 5) + <usize>block * padded * 2;
    const dshift = dscale + padded;
    memory.fill(dscale, 0, padded * 2);
    const end = min(rows, (block + 1) * BLOCK);
    for (let row = block * BLOCK; row < end; row++) {
      const x = address(args, 0) + <usize>row * bytes;
      const dy = address(args, 2) + <usize>row * bytes;
      const dx = address(args, 4) + <usize>row * bytes;
      const moments = address(args, 3) + (<usize>row << 3);
      const mean4 = v128.load32_splat(moments);
      const inverse4 = v128.load32_splat(moments, 4);
      let sum4 = f32x4.splat(0);
      let along4 = f32x4.splat(0);
      let at: usize = 0;
      for (; at < whole; at += 16) {
        const h = f32x4.mul(f32x4.sub(v128.load(x + at), mean4), inverse4);
        const d = v128.load(dy + at);
        const g = f32x4.mul(d, scale == 0 ? one : v128.load(scale + at));
        sum4 = f32x4.add(sum4, g);
        along4 = madd(g, h, along4);
        v128.store(dscale + at, madd(d, h, v128.load(dscale + at)));
        v128.store(dshift + at, f32x4.add(v128.load(dshift + at), d));
      }
      let sum = total(sum4);
      let along = total(along4);
      const mean = load<f32>(moments);
      const inverse = load<f32>(moments, 4);
      for (; at < bytes; at += 4) {
        const h = (load<f32>(x + at) - mean) * inverse;
        const d = load<f32>(dy + at);
        const g = scale == 0 ? d : d * load<f32>(scale + at);
        sum += g;
        along += g * h;
        store<f32>(dscale + at, load<f32>(dscale + at) + d * h);
        store<f32>(dshift + at, load<f32>(dshift + at) + d);
      }
      sum /= <f32>features;
      along /= <f32>features;
      const s4 = f32x4.splat(sum);
      const a4 = f32x4.splat(along);
      for (at = 0; at < whole; at += 16) {
        const h = f32x4.mul(f32x4.sub(v128.load(x + at), mean4), inverse4);
        const g = f32x4.mul(v128.load(dy + at), scale == 0 ? one : v128.load(scale + at));
        v128.store(dx + at, f32x4.mul(inverse4, f32x4.sub(f32x4.sub(g, s4), f32x4.mul(h, a4))));
      }
      for (; at < bytes; at += 4) {
        const h = (load<f32>(x + at) - mean) * inverse;
        const g = scale == 0 ? load<f32>(dy + at) : load<f32>(dy + at) * load<f32>(scale + at);
        store<f32>(dx + at, inverse * (g - sum - h * along));
      }
    }
  }
}

/** args: sums of the blocks, dscale, dshift, blocks, features. */
export function layer_norm_sums(args: usize, part: i32, parts: i32): void {
  const blocks = word(args, 3);
  const features = word(args, 4);
  const padded = (<usize>features << 2) + 15 & ~15;
  const last = <i32>(<i64>features * (part + 1) / parts);
  for (let c = <i32>(<i64>features * part / parts); c < last; c++) {
    let scale: f32 = 0;
    let shift: f32 = 0;
    let at = address(args, 0) + (<usize>c << 2);
    for (let block = 0; block < blocks; block++, at += padded * 2) {
      scale += load<f32>(at);
      shift += load<f32>(at + padded);
    }
    store<f32>(address(args, 1) + (<usize>c << 2), scale);
    store<f32>(address(args, 2) + (<usize>c << 2), shift);
  }
}
