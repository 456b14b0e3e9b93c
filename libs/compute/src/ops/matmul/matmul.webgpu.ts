import { cutAlong, cutPointwise } from '../../devices/webgpu/cuts.ts';
import { u32, type GpuView, type WebGpuKernel } from '../../devices/webgpu/kernel.ts';
import shader from '../../generated/wgsl/matmul.ts';
import { sizeOf, type Shape, type TensorSpec } from '../../tensor/spec.ts';
import { broadcastStrides, forEachOffset } from '../pointwise/broadcast.ts';

/** Rows and columns of a workgroup, fixed in the shader. */
const TILE = 64;

export const matmulKernel: WebGpuKernel<{ readonly transposeA: boolean; readonly transposeB: boolean }> = {
  halves: 'all',
  cuts: (call) => {
    const { a, b } = call.inputs as { a: TensorSpec; b: TensorSpec };
    const y = call.outputs[0]!;
    const { transposeA, transposeB } = call.options;
    const at = (spec: TensorSpec, fromEnd: number): number => spec.shape.length - fromEnd;
    return [
      ...cutPointwise(call).slice(0, -2),
      cutAlong(call, { inputs: { a: at(a, transposeA ? 1 : 2) }, outputs: [at(y, 2)] }),
      cutAlong(call, { inputs: { b: at(b, transposeB ? 2 : 1) }, outputs: [at(y, 1)] }),
      cutAlong(call, { inputs: { a: at(a, transposeA ? 2 : 1), b: at(b, transposeB ? 1 : 2) } }, ['add']),
    ];
  },
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
