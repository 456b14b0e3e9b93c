/** Plain loops over masks. */
import type { ReferenceKernel } from '../../op/op.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { neighbors } from '../components/components.reference.ts';

export const nonzeroMaskReference: ReferenceKernel<{ x: Tensor }, object> = ({ x }, _options, [y]) => {
  x.data.forEach((value, k) => {
    if (value !== 0) y!.data[k % y!.data.length] = 1;
  });
};

export const fillHolesReference: ReferenceKernel<
  { mask: Tensor },
  { readonly connectivity: 6 | 18 | 26; readonly planar: boolean }
> = ({ mask }, { connectivity, planar }, [y]) => {
  const [, nz, ny, nx] = mask.shape as [number, number, number, number];
  const offsets = neighbors(connectivity).filter(([dz]) => !planar || dz === 0);
  y!.data.fill(1);
  const front: number[] = [];
  const reach = (z: number, row: number, column: number): void => {
    if (z < 0 || row < 0 || column < 0 || z >= nz || row >= ny || column >= nx) return;
    const at = (z * ny + row) * nx + column;
    if (mask.data[at] !== 0 || y!.data[at] === 0) return;
    y!.data[at] = 0;
    front.push(at);
  };
  for (let z = 0; z < nz; z++)
    for (let row = 0; row < ny; row++)
      for (let column = 0; column < nx; column++) {
        const rim =
          row === 0 || column === 0 || row === ny - 1 || column === nx - 1 || (!planar && (z === 0 || z === nz - 1));
        if (rim) reach(z, row, column);
      }
  for (let v = front.pop(); v !== undefined; v = front.pop())
    for (const [dz, dy, dx] of offsets)
      reach(Math.floor(v / (ny * nx)) + dz, (Math.floor(v / nx) % ny) + dy, (v % nx) + dx);
};

export const boundingBoxReference: ReferenceKernel<{ mask: Tensor }, object> = ({ mask }, _options, [y]) => {
  const [, nz, ny, nx] = mask.shape as [number, number, number, number];
  const box = [nz, ny, nx, 0, 0, 0];
  mask.data.forEach((value, v) => {
    if (value === 0) return;
    [Math.floor(v / (ny * nx)), Math.floor(v / nx) % ny, v % nx].forEach((index, axis) => {
      box[axis] = Math.min(box[axis]!, index);
      box[axis + 3] = Math.max(box[axis + 3]!, index + 1);
    });
  });
  if (box[3] !== 0) y!.data.set(box);
};

export const rangeMaskReference: ReferenceKernel<
  { x: Tensor },
  { readonly low: number | null; readonly high: number | null }
> = ({ x }, { low, high }, [y]) => {
  x.data.forEach((value, k) => {
    if (value >= (low ?? -Infinity) && value <= (high ?? Infinity)) y!.data[k % y!.data.length] = 1;
  });
};

export const labelOutsideReference: ReferenceKernel<{ labels: Tensor; mask: Tensor }, { readonly outside: number }> = (
  { labels, mask },
  { outside },
  [y],
) => {
  labels.data.forEach(
    (label, k) => (y!.data[k] = label === 0 && mask.data[k % mask.data.length] === 0 ? outside : label),
  );
};
