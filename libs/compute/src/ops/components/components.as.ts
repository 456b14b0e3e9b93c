// Connected components (AssemblyScript), one thread. Roots are first voxels, so the numbering is by first voxel.
import { componentForest } from './forest.as';

// @ts-ignore: decorator
@inline
function label<T>(args: usize): void {
  const from = <usize>load<u32>(args);
  const to = <usize>load<u32>(args, 4);
  const nz = load<i32>(args, 8);
  const ny = load<i32>(args, 12);
  const nx = load<i32>(args, 16);
  componentForest<T>(from, to, nz, ny, nx, load<i32>(args, 20), <T>0, false);
  // Roots become -number first: every parent is numbered before its children are read.
  const voxels = nz * ny * nx;
  let count = 0;
  for (let v = 0; v < voxels; v++) {
    const here = to + (<usize>v << 2);
    const parent = load<i32>(here);
    if (parent == 0) continue;
    if (parent - 1 == v) store<i32>(here, -++count);
    else store<i32>(here, load<i32>(to + (<usize>(parent - 1) << 2)));
  }
  const end = to + (<usize>voxels << 2);
  let here = to;
  for (; here + 16 <= end; here += 16) v128.store(here, i32x4.neg(v128.load(here)));
  for (; here < end; here += 4) store<i32>(here, -load<i32>(here));
}

/** args: x, y, nz, ny, nx, connectivity. */
export function components_i32(args: usize, part: i32, parts: i32): void {
  if (part == 0) label<i32>(args);
}

/** As components_i32, for bytes. */
export function components_u8(args: usize, part: i32, parts: i32): void {
  if (part == 0) label<u8>(args);
}
