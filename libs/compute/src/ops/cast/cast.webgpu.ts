import { cutPointwise } from '../../devices/webgpu/cuts.ts';
import { f32, linearGroups, u32, type WebGpuKernel } from '../../devices/webgpu/kernel.ts';
import shader from '../../generated/wgsl/cast.ts';
import { sizeOf } from '../../tensor/spec.ts';

export const castKernel: WebGpuKernel = {
  halves: 'all',
  cuts: (call) => cutPointwise(call),
  lower: ({ inputs, outputs: [y] }) => {
    const x = inputs['x']!;
    const [low, high] = y!.dtype === 'u8' ? [0, 255] : [-(2 ** 31), 2 ** 31];
    return [
      {
        shader,
        types: { FROM: x.storage, TO: y!.storage },
        constants: { FROM_FLOAT: x.dtype === 'f32', TO_BYTE: y!.dtype === 'u8' },
        bindings: [x, y!],
        uniforms: [u32(sizeOf(y!.shape)), f32(low!), f32(high!), u32(y!.dtype === 'f32' ? 0 : 1)],
        workgroups: linearGroups(sizeOf(y!.shape), 64),
      },
    ];
  },
};
