/** Resampling axis after axis on the WebGPU device. */
import {
  f32,
  linearGroups,
  u32,
  type Dispatch,
  type GpuScratch,
  type GpuView,
  type WebGpuKernel,
} from '../../devices/webgpu/kernel.ts';
import shader from '../../generated/wgsl/resample-axis.ts';
import { sizeOf, type Shape } from '../../tensor/spec.ts';
import { reshapeKernel } from '../copy/copy.webgpu.ts';
import type { AxisWeights } from './axis-weights.ts';
import { inOrder } from './resample-axes.ts';

export function gpuResample<R>(
  matricesOf: (x: Shape, y: Shape, options: R) => readonly AxisWeights[],
  input = 'x',
): WebGpuKernel<R> {
  return {
    halves: 'all',
    lower: (context) => {
      const {
        inputs,
        outputs: [y],
        options,
        scratch,
      } = context;
      const x = inputs[input]!;
      const steps = inOrder(matricesOf(x.shape, y!.shape, options));
      if (steps.length === 0) return reshapeKernel.lower({ ...context, inputs: { x } });
      let from: GpuView | GpuScratch = x;
      let shape = x.shape;
      return steps.map(({ axis, matrix }, k): Dispatch => {
        const next = shape.map((n, j) => (j === axis ? matrix.to : n));
        const to: GpuView | GpuScratch = k === steps.length - 1 ? y! : scratch(sizeOf(next) * 4);
        const { rows, columns, weights } = matrix;
        const dispatch: Dispatch = {
          shader,
          types: { X: 'storage' in from ? from.storage : 'f32', Y: 'storage' in to ? to.storage : 'f32' },
          bindings: [from, { table: [...[...rows, ...columns].map(u32), ...[...weights].map(f32)] }, to],
          uniforms: [
            sizeOf(shape.slice(0, axis)),
            matrix.from,
            matrix.to,
            sizeOf(shape.slice(axis + 1)),
            weights.length,
            0,
            0,
            0,
          ].map(u32),
          workgroups: linearGroups(sizeOf(next), 64),
        };
        from = to;
        shape = next;
        return dispatch;
      });
    },
  };
}
