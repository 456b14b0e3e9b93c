/** Lowering to one dispatch: an invocation per number taken. */
import { linearGroups, u32, type WebGpuKernel } from '../../devices/webgpu/kernel.ts';
import shader from '../../generated/wgsl/take-slab.ts';
import { slabRuns, type TakeSlabOptions } from './slab-runs.ts';

export const takeSlabWebGpu: WebGpuKernel<TakeSlabOptions> = {
  lower: ({ inputs: { sum }, outputs: [y], options }) => {
    const { runs, extent, first, taken } = slabRuns(sum!.shape, options);
    return [
      {
        shader,
        types: { Y: y!.storage },
        bindings: [sum!, y!],
        uniforms: [runs * taken, extent, first, taken].map(u32),
        workgroups: linearGroups(runs * taken, 64),
      },
    ];
  },
};
