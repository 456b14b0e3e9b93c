/** Distances in steps between voxels: over faces (taxicab), or over faces, edges and corners (chessboard). */
import type { PerAxis } from '@voxelwise/volume';

/** Fewest steps from every voxel of [z, y, x] to one where `mask` is not 0; Infinity if there is none. Exact, in two passes. */
export function latticeDistance(mask: Uint8Array, shape: PerAxis, kind: 'taxicab' | 'chessboard'): Float64Array {
  const distance = Float64Array.from(mask, (inside) => (inside !== 0 ? 0 : Infinity));
  const before = earlierNeighbors(kind === 'taxicab' ? 1 : 3);
  sweep(distance, shape, before, 1);
  sweep(distance, shape, before, -1);
  return distance;
}

function sweep(
  distance: Float64Array,
  [depth, height, width]: PerAxis,
  before: readonly PerAxis[],
  direction: 1 | -1,
): void {
  const size = distance.length;
  for (let step = 0; step < size; step++) {
    const i = direction === 1 ? step : size - 1 - step;
    const x = i % width;
    const y = Math.floor(i / width) % height;
    const z = Math.floor(i / (width * height));
    for (const offset of before) {
      const [nz, ny, nx] = [z + direction * offset[0], y + direction * offset[1], x + direction * offset[2]];
      if (nz < 0 || ny < 0 || nx < 0 || nz >= depth || ny >= height || nx >= width) continue;
      const over = distance[(nz * height + ny) * width + nx]! + 1;
      if (over < distance[i]!) distance[i] = over;
    }
  }
}

function earlierNeighbors(reach: number): PerAxis[] {
  const offsets: PerAxis[] = [];
  for (let dz = -1; dz <= 0; dz++)
    for (let dy = -1; dy <= 1; dy++)
      for (let dx = -1; dx <= 1; dx++) {
        const earlier = dz < 0 || (dz === 0 && (dy < 0 || (dy === 0 && dx < 0)));
        if (earlier && Math.abs(dz) + Math.abs(dy) + Math.abs(dx) <= reach) offsets.push([dz, dy, dx]);
      }
  return offsets;
}
