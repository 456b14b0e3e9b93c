/** Lowering to one dispatch per axis, x first. */
import { f32, linearGroups, u32, type Dispatch, type WebGpuKernel } from '../../devices/webgpu/kernel.ts';
import shader from '../../generated/wgsl/distance.ts';
import { sizeOf } from '../../tensor/spec.ts';
import type { DistanceOptions } from './distance.ts';

export const webgpu: WebGpuKernel<DistanceOptions> = {
  lower: ({ inputs: { mask }, outputs: [y], options: { spacing }, scratch }) => {
    const elements = sizeOf(mask!.shape);
    const between = [scratch(elements * 4), scratch(elements * 4)];
    return [2, 1, 0].map((axis, step): Dispatch => {
      const from = step === 0 ? mask! : between[step - 1]!;
      return {
        shader,
        types: { X: step === 0 ? mask!.storage : 'f32' },
        constants: { FIRST: step === 0, LAST: step === 2 },
        bindings: [from, step === 2 ? y! : between[step]!],
        uniforms: [
          u32(elements),
          u32(mask!.shape[axis + 1]!),
          u32(sizeOf(mask!.shape.slice(axis + 2))),
          f32(spacing[axis]!),
          f32(Infinity),
        ],
        workgroups: linearGroups(elements, 64),
      };
    });
  },
};
