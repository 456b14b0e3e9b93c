import { cutPointwise } from '../../devices/webgpu/cuts.ts';
import { f32, linearGroups, u32, type WebGpuKernel } from '../../devices/webgpu/kernel.ts';
import shader from '../../generated/wgsl/sgd.ts';
import { sizeOf } from '../../tensor/spec.ts';

export const sgdKernel: WebGpuKernel<{
  readonly momentum: number;
  readonly nesterov: boolean;
  readonly weightDecay: number;
}> = {
  cuts: (call) => cutPointwise(call, call.inputs['weight']!.shape),
  lower: ({ inputs, options }) => {
    const { weight, velocity, gradient, rate, scale } = inputs;
    const count = sizeOf(weight!.shape);
    return [
      {
        shader,
        types: { G: gradient!.storage },
        constants: { HAS_SCALE: scale !== undefined },
        bindings: [weight!, velocity!, gradient!, rate!, scale ?? rate!],
        uniforms: [u32(count), f32(options.momentum), f32(options.weightDecay), u32(options.nesterov ? 1 : 0)],
        workgroups: linearGroups(count, 64),
      },
    ];
  },
};
