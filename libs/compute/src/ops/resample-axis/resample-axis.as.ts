// Sparse weighted sums along one axis of [outer, n, inner] (AssemblyScript). A thread owns output rows (outer, position);
// a row of inner neighbors is computed in vectors, or one by one where inner is one.
import { madd } from '../../devices/wasm/simd.as';
import { address, word } from '../../devices/wasm/simd.as';

/** args: x, y, outer, from, to, inner, rows, columns, weights (a word each). */
export function resample_axis(args: usize, part: i32, parts: i32): void {
  const outer = word(args, 2);
  const from = word(args, 3);
  const to = word(args, 4);
  const inner = word(args, 5);
  const rows = address(args, 6);
  const columns = address(args, 7);
  const weights = address(args, 8);
  const step = <usize>inner << 2;
  if (inner == 1) {
    const last = <i32>(<i64>outer * (part + 1) / parts);
    for (let o = <i32>(<i64>outer * part / parts); o < last; o++) {
      const x = address(args, 0) + (<usize>o * <usize>from << 2);
      const y = address(args, 1) + (<usize>o * <usize>to << 2);
      let k = word(rows, 0);
      for (let j = 0; j < to; j++) {
        const stop = word(rows, j + 1);
        let sum: f32 = 0;
        for (; k < stop; k++) sum += load<f32>(weights + (<usize>k << 2)) * load<f32>(x + (<usize>word(columns, k) << 2));
        store<f32>(y + (<usize>j << 2), sum);
      }
    }
    return;
  }
  const total = outer * to;
  const last = <i32>(<i64>total * (part + 1) / parts);
  for (let row = <i32>(<i64>total * part / parts); row < last; row++) {
    const o = row / to;
    const j = row - o * to;
    const x = address(args, 0) + <usize>o * <usize>from * step;
    const y = address(args, 1) + <usize>row * step;
    const begin = word(rows, j);
    const end = word(rows, j + 1);
    if (end - begin == 1 && load<f32>(weights + (<usize>begin << 2)) == 1) {
      memory.copy(y, x + <usize>word(columns, begin) * step, step);
      continue;
    }
    let i = 0;
    if (end - begin == 2) {
      const a = x + <usize>word(columns, begin) * step;
      const b = x + <usize>word(columns, begin + 1) * step;
      const wa = v128.load32_splat(weights + (<usize>begin << 2));
      const wb = v128.load32_splat(weights + (<usize>begin << 2), 4);
      for (; i + 4 <= inner; i += 4) v128.store(y + (<usize>i << 2), madd(v128.load(b + (<usize>i << 2)), wb, f32x4.mul(v128.load(a + (<usize>i << 2)), wa)));
    }
    for (; i + 4 <= inner; i += 4) {
      let sum = f32x4.splat(0);
      for (let k = begin; k < end; k++) sum = madd(v128.load(x + <usize>word(columns, k) * step + (<usize>i << 2)), v128.load32_splat(weights + (<usize>k << 2)), sum);
      v128.store(y + (<usize>i << 2), sum);
    }
    for (; i < inner; i++) {
      let sum: f32 = 0;
      for (let k = begin; k < end; k++) sum += load<f32>(x + <usize>word(columns, k) * step + (<usize>i << 2)) * load<f32>(weights + (<usize>k << 2));
      store<f32>(y + (<usize>i << 2), sum);
    }
  }
}
