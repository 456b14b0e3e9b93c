// Histograms per channel (AssemblyScript): every fixed block of voxels counts into a table of its own, then tables are added.
import { address, word } from '../../devices/wasm/simd.as';

/**
 * args: x, mask or 0, tables i32 [C][blocks][bins], edges (lower ones of all bins, infinity, upper one of the last), bins per unit
 * f64, channels, voxels, bins, block.
 */
export function histogram_blocks(args: usize, part: i32, parts: i32): void {
  const x = address(args, 0);
  const mask = address(args, 1);
  const tables = address(args, 2);
  const edges = address(args, 3);
  const scale = load<f64>(address(args, 4));
  const channels = word(args, 5);
  const voxels = word(args, 6);
  const bins = word(args, 7);
  const block = word(args, 8);
  const blocks = (voxels + block - 1) / block;
  const all = channels * blocks;
  const low = load<f32>(edges);
  const high = load<f32>(edges + (<usize>(bins + 1) << 2));
  for (let item = <i32>(<i64>all * part / parts), stop = <i32>(<i64>all * (part + 1) / parts); item < stop; item++) {
    const table = tables + (<usize>item * <usize>bins << 2);
    memory.fill(table, 0, <usize>bins << 2);
    const channel = x + (<usize>(item / blocks) * <usize>voxels << 2);
    const first = (item % blocks) * block;
    for (let v = first, end = min(voxels, first + block); v < end; v++) {
      if (mask != 0 && load<u8>(mask + <usize>v) == 0) continue;
      const value = load<f32>(channel + (<usize>v << 2));
      if (!(value >= low && value <= high)) continue;
      // A guess by division, off by the rounding of edges; the edges decide.
      let bin = min(bins - 1, <i32>((<f64>value - <f64>low) * scale));
      while (value < load<f32>(edges + (<usize>bin << 2))) bin--;
      while (value >= load<f32>(edges + (<usize>bin << 2), 4)) bin++;
      const at = table + (<usize>bin << 2);
      store<i32>(at, load<i32>(at) + 1);
    }
  }
}

/** args: tables, counts i32 [C][bins], channels, blocks, bins. */
export function histogram_total(args: usize, part: i32, parts: i32): void {
  const tables = address(args, 0);
  const counts = address(args, 1);
  const channels = word(args, 2);
  const blocks = word(args, 3);
  const bins = word(args, 4);
  const all = channels * bins;
  for (let k = <i32>(<i64>all * part / parts), stop = <i32>(<i64>all * (part + 1) / parts); k < stop; k++) {
    const channel = k / bins;
    let sum = 0;
    for (let b = 0; b < blocks; b++) sum += load<i32>(tables + (<usize>((channel * blocks + b) * bins + k % bins) << 2));
    store<i32>(counts + (<usize>k << 2), sum);
  }
}
