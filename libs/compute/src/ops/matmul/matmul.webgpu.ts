import { u32, type GpuView, type WebGpuKernel } from '../../devices/webgpu/kernel.ts';
import { ShapeError } from '../../errors.ts';
import shader from '../../generated/wgsl/matmul.ts';
import { sizeOf, type Shape } from '../../tensor/spec.ts';
import { broadcastStrides, forEachOffset } from '../pointwise/broadcast.ts';

/** Rows and columns of a workgroup, fixed in the shader. */
const TILE = 64;
const MOST_BATCHES = 65535;

export const matmulKernel: WebGpuKernel<{ readonly transposeA: boolean; readonly transposeB: boolean }> = {
  halves: 'all',
  lower: ({ inputs, outputs: [y], options: { transposeA, transposeB } }) => {
    const { a, b } = inputs as { a: GpuView; b: GpuView };
    const [m, n] = y!.shape.slice(-2) as [number, number];
    const k = a.shape.at(transposeA ? -2 : -1)!;
    const batch: Shape = y!.shape.slice(0, -2);
    const starts: number[] = [];
    forEachOffset(
      batch,
      [broadcastStrides(a.shape.slice(0, -2), batch), broadcastStrides(b.shape.slice(0, -2), batch)],
      ([i, j]) => starts.push(i! * m * k, j! * k * n),
    );
    const count = sizeOf(batch);
    const sizes = [m, k, n, ...(transposeA ? [1, m] : [k, 1]), ...(transposeB ? [1, k] : [n, 1]), 0];
    if (count > MOST_BATCHES)
      throw new ShapeError(
        `matmul: ${count} batches, at most ${MOST_BATCHES} are possible on webgpu; reshape them into rows.`,
        { shape: y!.shape },
      );
    return [
      {
        shader,
        types: { A: a.storage, B: b.storage, Y: y!.storage },
        constants: { A_TRANSPOSED: transposeA, B_TRANSPOSED: transposeB },
        bindings: [a, b, { table: starts.map(u32) }, y!],
        uniforms: sizes.map(u32),
        workgroups: [Math.ceil(n / TILE), Math.ceil(m / TILE), count],
      },
    ];
  },
};
