/** Flood from every voxel not yet numbered, in array order. */
import type { ReferenceKernel } from '../../op/op.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { ComponentsOptions } from './components.ts';

/** Offsets [dz, dy, dx] of the neighbors. */
export function neighbors(connectivity: 6 | 18 | 26): readonly (readonly [number, number, number])[] {
  const reach = connectivity === 6 ? 1 : connectivity === 18 ? 2 : 3;
  const offsets: [number, number, number][] = [];
  for (const dz of [-1, 0, 1])
    for (const dy of [-1, 0, 1])
      for (const dx of [-1, 0, 1]) {
        const distance = Math.abs(dz) + Math.abs(dy) + Math.abs(dx);
        if (distance > 0 && distance <= reach) offsets.push([dz, dy, dx]);
      }
  return offsets;
}

export const reference: ReferenceKernel<{ x: Tensor }, ComponentsOptions> = ({ x }, { connectivity }, [y]) => {
  const [, nz, ny, nx] = x.shape as [number, number, number, number];
  const offsets = neighbors(connectivity);
  let count = 0;
  for (let seed = 0; seed < x.data.length; seed++) {
    const label = x.data[seed]!;
    if (label === 0 || y!.data[seed] !== 0) continue;
    y!.data[seed] = ++count;
    const front = [seed];
    for (let v = front.pop(); v !== undefined; v = front.pop()) {
      const [z, row, column] = [Math.floor(v / (ny * nx)), Math.floor(v / nx) % ny, v % nx];
      for (const [dz, dy, dx] of offsets) {
        const [a, b, c] = [z + dz, row + dy, column + dx];
        if (a < 0 || b < 0 || c < 0 || a >= nz || b >= ny || c >= nx) continue;
        const at = (a * ny + b) * nx + c;
        if (x.data[at] !== label || y!.data[at] !== 0) continue;
        y!.data[at] = count;
        front.push(at);
      }
    }
  }
};
