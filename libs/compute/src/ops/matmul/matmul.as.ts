// Matrix products (AssemblyScript). The right matrix is packed once into panels of 8 columns; a thread owns runs of 32 rows
// and walks panel by panel, so that a panel stays in the first cache.
import { productTile } from './product.as';
import { address, word } from '../../devices/wasm/simd.as';

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

/**
 * args: a, packed, y, batches, m, k, n, words between rows of a, words between its columns, per batch (words to its a, index of
 * its b), 128 bytes of scratch per thread.
 */
export function matmul_tiles(args: usize, part: i32, parts: i32): void {
  const m = word(args, 4);
  const k = word(args, 5);
  const n = word(args, 6);
  const rowStep = <usize>word(args, 7) << 2;
  const kStep = <usize>word(args, 8) << 2;
  const table = address(args, 9);
  const edge = address(args, 10) + (<usize>part << 7);
  const step = <usize>n << 2;
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
      const columns = min(8, n - (panel << 3));
      for (let row = begin; row < end; row += 4) {
        const present = min(4, end - row);
        const whole = present == 4 && columns == 8;
        const to = y + <usize>row * step + (<usize>panel << 5);
        productTile(
          a + <usize>row * rowStep, a + <usize>min(row + 1, m - 1) * rowStep, a + <usize>min(row + 2, m - 1) * rowStep, a + <usize>min(row + 3, m - 1) * rowStep,
          kStep, b + (<usize>panel * <usize>k << 5), <usize>k << 5, whole ? to : edge, whole ? step : 32, false,
        );
        if (!whole) for (let r = 0; r < present; r++) memory.copy(to + <usize>r * step, edge + (<usize>r << 5), <usize>columns << 2);
      }
    }
  }
}
