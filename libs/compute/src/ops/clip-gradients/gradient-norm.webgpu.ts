import { f32, linearGroups, u32, type Dispatch, type WebGpuKernel } from '../../devices/webgpu/kernel.ts';
import { workgroupSum } from '../../devices/webgpu/workgroup-sum.ts';
import shader from '../../generated/wgsl/gradient-norm.ts';
import { sizeOf } from '../../tensor/spec.ts';

/** Elements of one block, fixed in the shader. */
const BLOCK = 4096;

export const gradientNormKernel: WebGpuKernel<{ readonly limit: number }> = {
  halves: 'inputs',
  lower: ({ inputs, outputs: [norm, scale], options: { limit }, features, scratch }) => {
    const views = Object.values(inputs).filter((view) => view !== undefined);
    const blocksOf = views.map((view) => Math.ceil(sizeOf(view.shape) / BLOCK));
    const blocks = blocksOf.reduce((sum, n) => sum + n, 0);
    const partial = scratch(blocks * 4);
    const sum = workgroupSum(features, 'f32');
    let place = 0;
    const dispatches = views.map((view, k): Dispatch => {
      const uniforms = [u32(sizeOf(view.shape)), u32(place), f32(limit), u32(0)];
      place += blocksOf[k]!;
      return {
        shader,
        ...sum,
        entryPoint: 'squares',
        types: { FROM: view.storage },
        bindings: [view, partial, undefined],
        uniforms,
        workgroups: linearGroups(blocksOf[k]!, 1),
      };
    });
    const finish: Dispatch = {
      shader,
      ...sum,
      entryPoint: 'finish',
      types: { FROM: 'f32' },
      bindings: [partial, norm!, scale!],
      uniforms: [u32(blocks), u32(0), f32(limit), u32(0)],
      workgroups: [1, 1, 1],
    };
    return [...dispatches, finish];
  },
};
