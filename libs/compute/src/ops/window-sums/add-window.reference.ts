/** The definition of right: plain loops, checked by eye. */
import type { ReferenceKernel } from '../../op/op.ts';
import type { AddWindowInputs, AddWindowOptions } from './add-window.ts';

export const addWindowReference: ReferenceKernel<AddWindowInputs, AddWindowOptions> = (
  { sum, x, weights, places },
  { shape },
) => {
  const [channels, heldZ, heldY, width] = sum.shape as [number, number, number, number];
  const [nz, ny, nx] = [1, ...x.shape.slice(2)].slice(-3) as [number, number, number];
  for (let n = 0; n < x.shape[0]!; n++) {
    const place = [...places.data.subarray(n * 6, n * 6 + 6)] as [number, number, number, number, number, number];
    const turn = (p: number, axis: number, extent: number): number => (place[axis + 3] ? extent - 1 - p : p);
    for (let k = 0; k < channels; k++)
      for (let pz = 0; pz < nz; pz++)
        for (let py = 0; py < ny; py++)
          for (let px = 0; px < nx; px++) {
            const at = [place[0] + pz, place[1] + py, place[2] + px] as const;
            if (at.some((i, axis) => i < 0 || i >= shape[axis]!)) continue;
            const from = ((n * channels + k) * nz + turn(pz, 0, nz)) * ny + turn(py, 1, ny);
            const to = ((k * heldZ + (at[0] % heldZ)) * heldY + (at[1] % heldY)) * width + at[2];
            sum.data[to]! += weights.data[(pz * ny + py) * nx + px]! * x.data[from * nx + turn(px, 2, nx)]!;
          }
  }
};
