import { cutTogether, otherAxes } from '../../devices/webgpu/cuts.ts';
import { linearGroups, u32, type WebGpuKernel } from '../../devices/webgpu/kernel.ts';
import shader from '../../generated/wgsl/argmax.ts';
import { sizeOf } from '../../tensor/spec.ts';

export const argmaxKernel: WebGpuKernel<{ readonly axis: number }> = {
  halves: 'inputs',
  cuts: (call) => cutTogether(call, otherAxes(call.inputs['x']!.shape, call.options.axis), ['x']),
  lower: ({ inputs, outputs: [y], options: { axis } }) => {
    const x = inputs['x']!;
    const sizes = [sizeOf(x.shape.slice(0, axis)), x.shape[axis]!, sizeOf(x.shape.slice(axis + 1)), 0];
    return [
      {
        shader,
        types: { X: x.storage },
        bindings: [x, y!],
        uniforms: sizes.map(u32),
        workgroups: linearGroups(sizeOf(y!.shape), 64),
      },
    ];
  },
};
