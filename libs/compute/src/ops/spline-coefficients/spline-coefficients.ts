/**
 * Cubic B-spline coefficients of a volume whose edge voxels go on forever: what `sampleAffine` interpolates with `cubic`.
 * Shape: f32 [C, z, y, x] -> the same. An axis of one voxel stays. Source: Unser 1993; pole sqrt(3) - 2.
 */
import { defineOp } from '../../op/op.ts';
import { int, pointer, type WasmKernel } from '../../devices/wasm/kernel.ts';
import type { ReferenceKernel } from '../../op/op.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { expectVolume } from '../voxel-shape.ts';
import { webgpu } from './spline-coefficients.webgpu.ts';

const POLE = Math.sqrt(3) - 2;

/** One line in place: recursions from either side, started with the closed sums of a constant continuation. */
function filterLine(line: Float64Array): void {
  const n = line.length;
  const after = (6 * line[n - 1]!) / (1 - POLE);
  line[0] = (6 * line[0]!) / (1 - POLE);
  for (let k = 1; k < n; k++) line[k] = 6 * line[k]! + POLE * line[k - 1]!;
  line[n - 1] = -POLE * (after / (1 - POLE) + (line[n - 1]! - after) / (1 - POLE * POLE));
  for (let k = n - 2; k >= 0; k--) line[k] = POLE * (line[k + 1]! - line[k]!);
}

const reference: ReferenceKernel<{ x: Tensor }, object> = ({ x }, _options, [y]) => {
  const data = Float64Array.from(x.data);
  for (const axis of [3, 2, 1]) {
    const n = x.shape[axis]!;
    if (n === 1) continue;
    const inner = x.shape.slice(axis + 1).reduce((a, b) => a * b, 1);
    for (let o = 0; o < data.length / (n * inner); o++)
      for (let i = 0; i < inner; i++) {
        const line = Float64Array.from({ length: n }, (_, k) => data[(o * n + k) * inner + i]!);
        filterLine(line);
        line.forEach((value, k) => (data[(o * n + k) * inner + i] = value));
      }
  }
  y!.data.set(data);
};

const wasm: WasmKernel<object> = {
  lower: ({ inputs: { x }, outputs: [y] }) => {
    const total = x!.shape.reduce((a, b) => a * b, 1);
    return [
      { kernel: 'blur_copy', args: [pointer(x!), pointer(y!), int(total)] },
      ...[3, 2, 1].flatMap((axis) => {
        const n = x!.shape[axis]!;
        const inner = x!.shape.slice(axis + 1).reduce((a, b) => a * b, 1);
        return n === 1
          ? []
          : [{ kernel: 'spline_coefficients', args: [pointer(y!), int(total / (n * inner)), int(n), int(inner)] }];
      }),
    ];
  },
};

export const splineCoefficients = defineOp<{ x: Tensor }>({
  name: 'splineCoefficients',
  defaults: {},
  shape: ({ x }) => {
    expectVolume('splineCoefficients', 'x', x, 'f32');
    return { shape: x.shape, dtype: 'f32' };
  },
  kernels: { reference, wasm, webgpu },
  cases: [
    { name: 'volume', inputs: { x: { shape: [2, 9, 8, 13] } }, gradient: false },
    { name: 'slice', inputs: { x: { shape: [1, 1, 8, 5] } }, gradient: false },
  ],
  tolerance: { f32: 2e-6 },
});
