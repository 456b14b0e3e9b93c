// Masks (AssemblyScript).
import { componentForest } from '../components/forest.as';

/** args: x, y, channels, voxels, float. Each thread owns a run of voxels. */
export function nonzero_mask(args: usize, part: i32, parts: i32): void {
  const x = <usize>load<u32>(args);
  const y = <usize>load<u32>(args, 4);
  const channels = load<i32>(args, 8);
  const voxels = load<i32>(args, 12);
  const real = load<i32>(args, 16) != 0;
  const begin = <i32>(<i64>voxels * part / parts);
  const end = <i32>(<i64>voxels * (part + 1) / parts);
  for (let v = begin; v < end; v++) {
    let any = false;
    for (let c = 0; c < channels; c++) {
      const at = x + ((<usize>c * <usize>voxels + <usize>v) << 2);
      any = any || (real ? load<f32>(at) != 0 : load<i32>(at) != 0);
    }
    store<u8>(y + <usize>v, any ? 1 : 0);
  }
}

// @ts-ignore: decorator
@inline
function rootOf(forest: usize, voxel: i32): i32 {
  let v = voxel;
  let parent = load<i32>(forest + (<usize>v << 2)) - 1;
  while (parent != v && parent >= 0) {
    v = parent;
    parent = load<i32>(forest + (<usize>v << 2)) - 1;
  }
  return v;
}

/** Marks the component of a zero voxel as reaching the outside: its root holds -1. */
// @ts-ignore: decorator
@inline
function open(forest: usize, voxel: i32): void {
  if (load<i32>(forest + (<usize>voxel << 2)) == 0) return;
  store<i32>(forest + (<usize>rootOf(forest, voxel) << 2), -1);
}

function fillVolume(mask: usize, y: usize, forest: usize, nz: i32, ny: i32, nx: i32, connectivity: i32, planar: bool): void {
  componentForest<u8>(mask, forest, nz, ny, nx, connectivity, 0, true);
  for (let z = 0; z < nz; z++) {
    const flat = !planar && (z == 0 || z == nz - 1);
    for (let row = 0; row < ny; row++) {
      const first = (z * ny + row) * nx;
      if (flat || row == 0 || row == ny - 1) for (let x = 0; x < nx; x++) open(forest, first + x);
      else {
        open(forest, first);
        open(forest, first + nx - 1);
      }
    }
  }
  // Parents come first in the array: -1 spreads in one pass.
  const voxels = nz * ny * nx;
  for (let v = 0; v < voxels; v++) {
    const here = forest + (<usize>v << 2);
    const parent = load<i32>(here);
    if (parent > 0 && load<i32>(forest + (<usize>(parent - 1) << 2)) == -1) store<i32>(here, -1);
    store<u8>(y + <usize>v, load<i32>(here) == -1 ? 0 : 1);
  }
}

/** args: mask, y, forest i32 scratch, nz, ny, nx, connectivity of zeros, planar. One thread. */
export function fill_holes(args: usize, part: i32, parts: i32): void {
  if (part != 0) return;
  const mask = <usize>load<u32>(args);
  const y = <usize>load<u32>(args, 4);
  const forest = <usize>load<u32>(args, 8);
  const nz = load<i32>(args, 12);
  const ny = load<i32>(args, 16);
  const nx = load<i32>(args, 20);
  const connectivity = load<i32>(args, 24);
  if (load<i32>(args, 28) == 0) {
    fillVolume(mask, y, forest, nz, ny, nx, connectivity, false);
    return;
  }
  const plane = <usize>(ny * nx);
  for (let z: usize = 0; z < <usize>nz; z++) fillVolume(mask + z * plane, y + z * plane, forest, 1, ny, nx, connectivity, true);
}

/** args: mask, y i32 [6], nz, ny, nx. One thread. */
export function bounding_box(args: usize, part: i32, parts: i32): void {
  if (part != 0) return;
  const mask = <usize>load<u32>(args);
  const y = <usize>load<u32>(args, 4);
  const nz = load<i32>(args, 8);
  const ny = load<i32>(args, 12);
  const nx = load<i32>(args, 16);
  let z0 = nz;
  let y0 = ny;
  let x0 = nx;
  let z1 = 0;
  let y1 = 0;
  let x1 = 0;
  for (let z = 0; z < nz; z++) {
    for (let row = 0; row < ny; row++) {
      const from = mask + <usize>(z * ny + row) * <usize>nx;
      let first = 0;
      while (first < nx && load<u8>(from + <usize>first) == 0) first++;
      if (first == nx) continue;
      let last = nx - 1;
      while (load<u8>(from + <usize>last) == 0) last--;
      z0 = min(z0, z);
      z1 = z + 1;
      y0 = min(y0, row);
      y1 = max(y1, row + 1);
      x0 = min(x0, first);
      x1 = max(x1, last + 1);
    }
  }
  if (z1 == 0) {
    memory.fill(y, 0, 24);
    return;
  }
  store<i32>(y, z0);
  store<i32>(y, y0, 4);
  store<i32>(y, x0, 8);
  store<i32>(y, z1, 12);
  store<i32>(y, y1, 16);
  store<i32>(y, x1, 20);
}

/** args: x, y, channels, voxels, float, (low, high) float64. Each thread owns a run of voxels. */
export function range_mask(args: usize, part: i32, parts: i32): void {
  const x = <usize>load<u32>(args);
  const y = <usize>load<u32>(args, 4);
  const channels = load<i32>(args, 8);
  const voxels = load<i32>(args, 12);
  const real = load<i32>(args, 16) != 0;
  const bounds = <usize>load<u32>(args, 20);
  const low = load<f64>(bounds);
  const high = load<f64>(bounds, 8);
  for (let v = <i32>(<i64>voxels * part / parts), end = <i32>(<i64>voxels * (part + 1) / parts); v < end; v++) {
    let any = false;
    for (let c = 0; c < channels; c++) {
      const at = x + ((<usize>c * <usize>voxels + <usize>v) << 2);
      const value = real ? <f64>load<f32>(at) : <f64>load<i32>(at);
      any = any || (value >= low && value <= high);
    }
    store<u8>(y + <usize>v, any ? 1 : 0);
  }
}

/** args: labels, mask, y, channels, voxels, outside. Each thread owns a run of voxels. */
export function label_outside(args: usize, part: i32, parts: i32): void {
  const labels = <usize>load<u32>(args);
  const mask = <usize>load<u32>(args, 4);
  const y = <usize>load<u32>(args, 8);
  const channels = load<i32>(args, 12);
  const voxels = load<i32>(args, 16);
  const outside = load<i32>(args, 20);
  for (let v = <i32>(<i64>voxels * part / parts), end = <i32>(<i64>voxels * (part + 1) / parts); v < end; v++) {
    const inside = load<u8>(mask + <usize>v) != 0;
    for (let c = 0; c < channels; c++) {
      const at = (<usize>c * <usize>voxels + <usize>v) << 2;
      const label = load<i32>(labels + at);
      store<i32>(y + at, label == 0 && !inside ? outside : label);
    }
  }
}
