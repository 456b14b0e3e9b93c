import { cutTogether, otherAxes } from '../../devices/webgpu/cuts.ts';
import { linearGroups, u32, type WebGpuKernel } from '../../devices/webgpu/kernel.ts';
import shader from '../../generated/wgsl/one-hot.ts';
import { sizeOf } from '../../tensor/spec.ts';

export const oneHotKernel: WebGpuKernel<{ readonly classes: number }> = {
  halves: 'all',
  cuts: (call) => cutTogether(call, otherAxes(call.outputs[0]!.shape, 1), ['labels']),
  lower: ({ inputs, outputs: [y], options: { classes } }) => {
    const count = sizeOf(y!.shape);
    return [
      {
        shader,
        types: { Y: y!.storage },
        bindings: [inputs['labels']!, y!],
        uniforms: [count, classes, sizeOf(y!.shape.slice(2)), 0].map(u32),
        workgroups: linearGroups(count, 64),
      },
    ];
  },
};
