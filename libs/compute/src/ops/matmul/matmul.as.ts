// Matrix products (AssemblyScript). The right matrix is packed once into panels of 8 columns; a thread owns runs of 32 rows
// and walks panel by panel, so that a panel stays in the first cache. Tile: 4 rows x 8 columns, one k per step (8 sums,
// 4 splats and 2 loads fit the registers).
import { address, madd, word } from '../../devices/wasm/simd.as';

const ROWS: i32 = 32;

/** args: b, packed [batches, panels, k, 8], batches, k, n, words between rows of k, words between columns, words between batches. */
export function matmul_pack(args: usize, part: i32, parts: i32): void {
  const k = word(args, 3);
  const n = word(args, 4);
  const kStep = <usize>word(args, 5) << 2;
  const nStep = <usize>word(args, 6) << 2;
  const panels = (n + 7) >> 3;
  const items = word(args, 2) * panels;
  const last = <i32>(<i64>items * (part + 1) / parts);
  for (let item = <i32>(<i64>items * part / parts); item < last; item++) {
    const batch = item / panels;
    const column = (item - batch * panels) << 3;
    const present = min(8, n - column);
    const from = address(args, 0) + (<usize>batch * <usize>word(args, 7) << 2) + <usize>column * nStep;
    let to = address(args, 1) + (<usize>item * <usize>k << 5);
    for (let row = 0; row < k; row++, to += 32) {
      const source = from + <usize>row * kStep;
      if (present == 8 && nStep == 4) {
        v128.store(to, v128.load(source));
        v128.store(to, v128.load(source, 16), 16);
      } else {
        let c = 0;
        for (; c < present; c++) store<f32>(to + (<usize>c << 2), load<f32>(source + <usize>c * nStep));
        for (; c < 8; c++) store<f32>(to + (<usize>c << 2), 0);
      }
    }
  }
}

@inline
function storeRow(y: usize, low: v128, high: v128, present: i32): void {
  if (present == 8) {
    v128.store(y, low);
    v128.store(y, high, 16);
    return;
  }
  if (present >= 4) v128.store(y, low);
  const rest = present >= 4 ? high : low;
  const at = present >= 4 ? y + 16 : y;
  const count = present & 3;
  if (count > 0) v128.store32_lane(at, rest, 0);
  if (count > 1) v128.store32_lane(at, rest, 1, 4);
  if (count > 2) v128.store32_lane(at, rest, 2, 8);
}

/**
 * args: a, packed, y, batches, m, k, n, words between rows of a, words between its columns, per batch (words to its a, index of
 * its b).
 */
export function matmul_tiles(args: usize, part: i32, parts: i32): void {
  const m = word(args, 4);
  const k = word(args, 5);
  const n = word(args, 6);
  const rowStep = <usize>word(args, 7) << 2;
  const kStep = <usize>word(args, 8) << 2;
  const table = address(args, 9);
  const panels = (n + 7) >> 3;
  const runs = (m + ROWS - 1) / ROWS;
  const items = word(args, 3) * runs;
  const last = <i32>(<i64>items * (part + 1) / parts);
  for (let item = <i32>(<i64>items * part / parts); item < last; item++) {
    const batch = item / runs;
    const begin = (item - batch * runs) * ROWS;
    const end = min(m, begin + ROWS);
    const a = address(args, 0) + (<usize>word(table, batch * 2) << 2);
    const b = address(args, 1) + (<usize>word(table, batch * 2 + 1) * <usize>panels * <usize>k << 5);
    const y = address(args, 2) + (<usize>batch * <usize>m * <usize>n << 2);
    for (let panel = 0; panel < panels; panel++) {
      const present = min(8, n - (panel << 3));
      for (let row = begin; row < end; row += 4) {
        let a0 = a + <usize>row * rowStep;
        let a1 = a + <usize>min(row + 1, m - 1) * rowStep;
        let a2 = a + <usize>min(row + 2, m - 1) * rowStep;
        let a3 = a + <usize>min(row + 3, m - 1) * rowStep;
        let at = b + (<usize>panel * <usize>k << 5);
        const stop = at + (<usize>k << 5);
        let l0 = f32x4.splat(0), l1 = l0, l2 = l0, l3 = l0, h0 = l0, h1 = l0, h2 = l0, h3 = l0;
        while (at < stop) {
          const low = v128.load(at);
          const high = v128.load(at, 16);
          const s0 = v128.load32_splat(a0);
          const s1 = v128.load32_splat(a1);
          const s2 = v128.load32_splat(a2);
          const s3 = v128.load32_splat(a3);
          l0 = madd(s0, low, l0);
          h0 = madd(s0, high, h0);
          l1 = madd(s1, low, l1);
          h1 = madd(s1, high, h1);
          l2 = madd(s2, low, l2);
          h2 = madd(s2, high, h2);
          l3 = madd(s3, low, l3);
          h3 = madd(s3, high, h3);
          a0 += kStep;
          a1 += kStep;
          a2 += kStep;
          a3 += kStep;
          at += 32;
        }
        const step = <usize>n << 2;
        let to = y + <usize>row * step + (<usize>panel << 5);
        storeRow(to, l0, h0, present);
        if (row + 1 < end) storeRow(to += step, l1, h1, present);
        if (row + 2 < end) storeRow(to += step, l2, h2, present);
        if (row + 3 < end) storeRow(to += step, l3, h3, present);
      }
    }
  }
}
