/** The input index of every output index along one axis. */
import { ShapeError } from '../../errors.ts';
import type { AxisMap, Boundary } from './reindex.ts';

/**
 * Input indices, -1 where the fill value goes. `n`: input size. Sizes are divided in single precision, as PyTorch does, so that a
 * product near a whole number falls to the same side. Throws ShapeError if `reflect` has nothing to
 * reflect.
 */
export function axisTable(map: AxisMap, n: number, boundary: Boundary): Int32Array {
  const table = new Int32Array(map.size);
  for (let o = 0; o < map.size; o++) {
    if (map.rule !== 'move') {
      const t = Math.floor(Math.fround((map.rule === 'nearest' ? o + 0.5 : o) * Math.fround(n / map.size)));
      table[o] = Math.min(n - 1, Math.max(0, t));
    } else table[o] = fold(map.start + map.step * o, n, boundary);
  }
  return table;
}

function fold(index: number, n: number, boundary: Boundary): number {
  if (index >= 0 && index < n) return index;
  if (boundary === 'constant') return -1;
  if (boundary === 'edge') return index < 0 ? 0 : n - 1;
  if (boundary === 'wrap') return modulo(index, n);
  if (boundary === 'symmetric') {
    const k = modulo(index, 2 * n);
    return k < n ? k : 2 * n - 1 - k;
  }
  if (n === 1)
    throw new ShapeError('reindex: an axis of one voxel cannot be padded by reflection; use edge or symmetric.', {
      boundary,
    });
  const k = modulo(index, 2 * n - 2);
  return k < n ? k : 2 * n - 2 - k;
}

function modulo(a: number, n: number): number {
  return ((a % n) + n) % n;
}
