// The one inner loop of matrix products (AssemblyScript): tiles of 4 rows x 8 columns, one k per step (8 sums, 4 splats and 2 loads
// fit the registers; older V8 spills where the body is unrolled).
import { madd } from '../../devices/wasm/simd.as';

/**
 * y[r][c] = or += sum over k: a_r[k] · b[k][c] for 4 rows and 8 columns. `kStep` bytes from k to k of a; b 32 bytes per k, `bBytes`
 * in all; rows of y lie `yStep` bytes apart.
 */
@inline
export function productTile(
  a0: usize, a1: usize, a2: usize, a3: usize, kStep: usize,
  b: usize, bBytes: usize, y: usize, yStep: usize, add: bool,
): void {
  let l0 = f32x4.splat(0), l1 = l0, l2 = l0, l3 = l0, h0 = l0, h1 = l0, h2 = l0, h3 = l0;
  const stop = b + bBytes;
  while (b < stop) {
    const low = v128.load(b);
    const high = v128.load(b, 16);
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
    b += 32;
  }
  put(y, l0, h0, add);
  put(y += yStep, l1, h1, add);
  put(y += yStep, l2, h2, add);
  put(y += yStep, l3, h3, add);
}

/**
 * A product between pieces that fit the first cache: y[r][c] = or += sum over k: a[r][k] · b[k][c]. Rows of a lie `rowStep` bytes
 * apart, its columns `kStep`. b comes in panels of 8 columns, `panelBytes` apart, 32 bytes per k. y has room for rows rounded up to
 * 4 and columns rounded up to 8; rows past the last repeat it.
 */
export function small_product(
  a: usize, rowStep: usize, kStep: usize, rows: i32,
  b: usize, panelBytes: usize, columns: i32, steps: i32,
  y: usize, yStep: usize, add: bool,
): void {
  for (let column = 0; column < columns; column += 8, b += panelBytes, y += 32)
    for (let row = 0; row < rows; row += 4)
      productTile(
        a + <usize>row * rowStep, a + <usize>min(row + 1, rows - 1) * rowStep, a + <usize>min(row + 2, rows - 1) * rowStep, a + <usize>min(row + 3, rows - 1) * rowStep,
        kStep, b, <usize>steps << 5, y + <usize>row * yStep, yStep, add,
      );
}

@inline
function put(y: usize, low: v128, high: v128, add: bool): void {
  v128.store(y, add ? f32x4.add(v128.load(y), low) : low);
  v128.store(y, add ? f32x4.add(v128.load(y, 16), high) : high, 16);
}
