import { cutPointwise } from '../../devices/webgpu/cuts.ts';
import { f32, linearGroups, u32, type WebGpuKernel } from '../../devices/webgpu/kernel.ts';
import shader from '../../generated/wgsl/adamw.ts';
import { sizeOf } from '../../tensor/spec.ts';

export const adamwKernel: WebGpuKernel<{
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  readonly coupled: boolean;
}> = {
  cuts: (call) => cutPointwise(call, call.inputs['weight']!.shape),
  lower: ({ inputs, options: { beta1, beta2, epsilon, weightDecay, coupled }, scratch }) => {
    const { weight, first, second, greatest, gradient, rate, step, scale } = inputs;
    const count = sizeOf(weight!.shape);
    // A beta of 0 leaves no memory: e^-1000 stands for its power.
    const logOf = (beta: number): number => (beta > 0 ? Math.log(beta) : -1000);
    return [
      {
        shader,
        constants: { HAS_SCALE: scale !== undefined, HAS_GREATEST: greatest !== undefined },
        bindings: [weight!, first!, second!, gradient!, rate!, step!, scale ?? rate!, greatest ?? scratch(4)],
        uniforms: [
          u32(count),
          f32(beta1),
          f32(beta2),
          f32(epsilon),
          f32(weightDecay),
          f32(logOf(beta1)),
          f32(logOf(beta2)),
          u32(coupled ? 1 : 0),
        ],
        workgroups: linearGroups(count, 64),
      },
    ];
  },
};
