// Max pooling (AssemblyScript), over storage [rows, space, lanes]: 8 lanes where channels are blocked, one where they are
// not. A thread owns whole rows (a sample's block of channels, or one channel).
import { address, word } from '../../devices/wasm/simd.as';

/**
 * args: x, y, rows, lanes, input z y x, output z y x, kernel z y x, stride z y x, padding z y x. NaN wins.
 */
export function max_pool(args: usize, part: i32, parts: i32): void {
  const rows = word(args, 2);
  const lanes = word(args, 3);
  const iz = word(args, 4), iy = word(args, 5), ix = word(args, 6);
  const oz = word(args, 7), oy = word(args, 8), ox = word(args, 9);
  const bytes = <usize>lanes << 2;
  const planes = rows * oz;
  const last = <i32>(<i64>planes * (part + 1) / parts);
  for (let plane = <i32>(<i64>planes * part / parts); plane < last; plane++) {
    const row = plane / oz;
    const z = plane - row * oz;
    const x = address(args, 0) + <usize>row * <usize>(iz * iy * ix) * bytes;
    let to = address(args, 1) + <usize>plane * <usize>(oy * ox) * bytes;
    const z0 = max(0, z * word(args, 13) - word(args, 16));
    const z1 = min(iz, z * word(args, 13) - word(args, 16) + word(args, 10));
    for (let y = 0; y < oy; y++) {
      const y0 = max(0, y * word(args, 14) - word(args, 17));
      const y1 = min(iy, y * word(args, 14) - word(args, 17) + word(args, 11));
      for (let k = 0; k < ox; k++, to += bytes) {
        const x0 = max(0, k * word(args, 15) - word(args, 18));
        const x1 = min(ix, k * word(args, 15) - word(args, 18) + word(args, 12));
        if (lanes == 8) {
          let low = f32x4.splat(-Infinity);
          let high = low;
          for (let a = z0; a < z1; a++)
            for (let b = y0; b < y1; b++) {
              let at = x + <usize>((a * iy + b) * ix + x0) * 32;
              for (let c = x0; c < x1; c++, at += 32) {
                low = f32x4.max(low, v128.load(at));
                high = f32x4.max(high, v128.load(at, 16));
              }
            }
          v128.store(to, low);
          v128.store(to, high, 16);
        } else {
          let most: f32 = -Infinity;
          for (let a = z0; a < z1; a++)
            for (let b = y0; b < y1; b++) {
              let at = x + (<usize>((a * iy + b) * ix + x0) << 2);
              for (let c = x0; c < x1; c++, at += 4) most = max(most, load<f32>(at));
            }
          store<f32>(to, most);
        }
      }
    }
  }
}

/**
 * The gradient goes to the first greatest element of each window (NaN is the greatest). Plain storage only.
 * args: x, dy, dx, rows, then sizes as above from word 4 on.
 */
export function max_pool_gradient(args: usize, part: i32, parts: i32): void {
  const rows = word(args, 3);
  const iz = word(args, 4), iy = word(args, 5), ix = word(args, 6);
  const oz = word(args, 7), oy = word(args, 8), ox = word(args, 9);
  const size = <usize>(iz * iy * ix) << 2;
  const last = <i32>(<i64>rows * (part + 1) / parts);
  for (let row = <i32>(<i64>rows * part / parts); row < last; row++) {
    const x = address(args, 0) + <usize>row * size;
    const dx = address(args, 2) + <usize>row * size;
    let from = address(args, 1) + (<usize>row * <usize>(oz * oy * ox) << 2);
    memory.fill(dx, 0, size);
    for (let z = 0; z < oz; z++)
      for (let y = 0; y < oy; y++)
        for (let k = 0; k < ox; k++, from += 4) {
          const z0 = max(0, z * word(args, 13) - word(args, 16)), z1 = min(iz, z * word(args, 13) - word(args, 16) + word(args, 10));
          const y0 = max(0, y * word(args, 14) - word(args, 17)), y1 = min(iy, y * word(args, 14) - word(args, 17) + word(args, 11));
          const x0 = max(0, k * word(args, 15) - word(args, 18)), x1 = min(ix, k * word(args, 15) - word(args, 18) + word(args, 12));
          let where = <usize>((z0 * iy + y0) * ix + x0) << 2;
          let most = load<f32>(x + where);
          for (let a = z0; a < z1; a++)
            for (let b = y0; b < y1; b++)
              for (let c = x0; c < x1; c++) {
                const at = <usize>((a * iy + b) * ix + c) << 2;
                const value = load<f32>(x + at);
                if (value > most || (value != value && most == most)) {
                  most = value;
                  where = at;
                }
              }
          store<f32>(dx + where, load<f32>(dx + where) + load<f32>(from));
        }
  }
}
