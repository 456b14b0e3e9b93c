/** Lowering to one dispatch: an invocation per number of the sums. */
import { linearGroups, u32, type WebGpuKernel } from '../../devices/webgpu/kernel.ts';
import shader from '../../generated/wgsl/add-window.ts';
import { sizeOf } from '../../tensor/spec.ts';
import type { AddWindowOptions } from './add-window.ts';

export const addWindowWebGpu: WebGpuKernel<AddWindowOptions> = {
  lower: ({ inputs: { sum, x, weights, places }, options: { shape } }) => {
    const count = sizeOf(sum!.shape);
    const patch = [1, ...x!.shape.slice(2)].slice(-3);
    return [
      {
        shader,
        types: { X: x!.storage },
        bindings: [sum!, x!, weights!, places!],
        uniforms: [count, x!.shape[0]!, x!.shape[1]!, ...patch, ...shape, sum!.shape[1]!, sum!.shape[2]!].map(u32),
        workgroups: linearGroups(count, 64),
      },
    ];
  },
};
