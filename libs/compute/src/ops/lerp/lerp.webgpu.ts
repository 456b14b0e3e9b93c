import { cutPointwise } from '../../devices/webgpu/cuts.ts';
import { linearGroups, u32, type WebGpuKernel } from '../../devices/webgpu/kernel.ts';
import shader from '../../generated/wgsl/lerp.ts';
import { sizeOf } from '../../tensor/spec.ts';

export const lerpKernel: WebGpuKernel = {
  cuts: (call) => cutPointwise(call, call.inputs['mean']!.shape),
  lower: ({ inputs: { mean, value, share } }) => {
    const count = sizeOf(mean!.shape);
    return [
      {
        shader,
        bindings: [mean!, value!, share!],
        uniforms: [count, 0, 0, 0].map(u32),
        workgroups: linearGroups(count, 64),
      },
    ];
  },
};
